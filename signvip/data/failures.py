"""`failed.jsonl`: every clip that gave no sample, with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from signvip.errors import DataError
from signvip.storage.files import write_text
from signvip.storage.json_files import parse_json

NAME = "failed.jsonl"


class Failures:
    """The list of a folder; a run that does a share of the work keeps one of its own, which the last run takes over."""

    def __init__(self, folder: Path, share: str = "") -> None:
        self.folder = folder
        self.path = folder / (f"failed.{share}.jsonl" if share else NAME)
        self.reasons: dict[tuple[str, str], str] = {}
        self._others: set[tuple[str, str]] = set()  # of runs that do other shares
        for path in sorted(folder.glob("failed*.jsonl")):
            found = dict(_read(path))
            self.reasons.update(found)
            if share and path != self.path:
                self._others |= set(found)

    def known(self, split: str, ids: Sequence[str]) -> dict[str, str]:
        """Return the failures of some clips, by id."""
        return {clip_id: self.reasons[split, clip_id] for clip_id in ids if (split, clip_id) in self.reasons}

    def replace(self, split: str, ids: Sequence[str], reasons: Mapping[str, str]) -> None:
        """Note how these clips ended, and write the list."""
        for clip_id in ids:
            self.reasons.pop((split, clip_id), None)
            self._others.discard((split, clip_id))
        self.reasons.update({(split, clip_id): why for clip_id, why in reasons.items()})
        self.write()

    def write(self) -> None:
        """Write the list whole or not at all."""
        rows = [
            {"split": split, "id": clip_id, "reason": why}
            for (split, clip_id), why in sorted(self.reasons.items())
            if (split, clip_id) not in self._others
        ]
        write_text(self.path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def gather(self, dealt: Mapping[str, Sequence[str]]) -> None:
        """Merge the shares' entries for existing clips into one list, and remove the shares' lists."""
        there = {split: set(ids) for split, ids in dealt.items()}
        self.reasons = {key: why for key, why in self.reasons.items() if key[1] in there.get(key[0], ())}
        self.write()
        for path in self.folder.glob("failed.*-of-*.jsonl"):
            path.unlink()


def forget(folder: Path) -> None:
    """Remove the lists of a folder."""
    for path in folder.glob("failed*.jsonl"):
        path.unlink()


def _read(path: Path) -> Iterator[tuple[tuple[str, str], str]]:
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                row = parse_json(line)
                yield (row["split"], row["id"]), row["reason"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged; delete it and run signvip preprocess again.") from error
