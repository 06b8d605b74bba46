"""`sources.jsonl`: what each clip was made from, so that a text or a video that changed is made again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from signvip.storage.files import is_hidden, write_text

NAME = "sources.jsonl"


def digest(value: object) -> str:
    """Return a short hash of what JSON can say."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def options_of(plugin: object) -> dict[str, Any]:
    """Return the options that a plugin was built with, as JSON has them."""
    config = getattr(plugin, "config", None)
    return config.model_dump(mode="json") if isinstance(config, BaseModel) else {}


def marks(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """(name, bytes, time of change) of files and of what folders hold; nothing of what cannot be looked at."""
    found = []
    for path in paths:
        try:
            inside = sorted(os.scandir(path), key=lambda file: file.name) if path.is_dir() else ()
            found += [_mark(file.name, file.stat()) for file in inside if not is_hidden(file.name)]
            found += [] if inside else [_mark(path.name, path.stat())]
        except OSError:
            continue  # whoever reads it says why
    return found


def _mark(name: str, about: os.stat_result) -> tuple[str, int, int]:
    return name, about.st_size, about.st_mtime_ns


class Stamps:
    """The stamps of a folder's clips; a run that does a share keeps a file of its own, which the last takes over."""

    def __init__(self, folder: Path, share: str = "") -> None:
        self.folder = folder
        self.path = folder / (f"sources.{share}.jsonl" if share else NAME)
        self._stamps: dict[tuple[str, str], str] = {}
        for path in (folder / NAME, *sorted(folder.glob("sources.*.jsonl"))):
            if path.exists():
                self._stamps |= _read(path)

    def get(self, split: str, clip_id: str) -> str | None:
        """Return the stamp of what a clip was made from, or failed as; None where none was noted."""
        return self._stamps.get((split, clip_id))

    def note(self, split: str, stamps: Mapping[str, str]) -> None:
        """Add clips that were made, or failed; after their shard, so that a run killed between makes it again."""
        self._add({(split, clip_id): stamp for clip_id, stamp in stamps.items()})

    def forget(self, clips: Iterable[tuple[str, str]]) -> None:
        """Know nothing of clips that are about to be made: a run killed meanwhile leaves either sample."""
        self._add({clip: "" for clip in clips if self._stamps.get(clip)})

    def _add(self, stamps: Mapping[tuple[str, str], str]) -> None:
        self._stamps |= stamps
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(_line(*clip, stamp) for clip, stamp in stamps.items())

    def gather(self, dealt: Mapping[str, Iterable[str]]) -> None:
        """Merge the stamps of existing clips into one file, and remove those of shares."""
        there = {split: set(ids) for split, ids in dealt.items()}
        rows = [
            _line(*key, stamp)
            for key, stamp in sorted(self._stamps.items())
            if key[1] in there.get(key[0], ())
        ]
        write_text(self.folder / NAME, "".join(rows))
        for path in self.folder.glob("sources.*-of-*.jsonl"):
            path.unlink()


def _line(split: str, clip_id: str, stamp: str) -> str:
    return json.dumps({"split": split, "id": clip_id, "stamp": stamp}, ensure_ascii=False) + "\n"


def _read(path: Path) -> dict[tuple[str, str], str]:
    """Return the complete lines; the clips of the others are made again."""
    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            row = json.loads(line)
            found[row["split"], row["id"]] = str(row["stamp"])
        except (ValueError, KeyError, TypeError):
            continue
    return found
