"""What is told of many videos: `failed.jsonl` for those that could not be made, and the doubts about the others."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from signvip.data.requests import Request
from signvip.errors import DataError, UnseenWarning
from signvip.storage.files import write_text
from signvip.storage.json_files import parse_object

NAME = "failed.jsonl"
NAMED = 20  # doubts that are told by the name of their video


class FailedVideos:
    """The requests that gave no video, each with its reason and what it would be made from (`stamps`, by output)."""

    def __init__(
        self, folder: Path, requests: Sequence[Request], stamps: Mapping[Path, str], retry: bool
    ) -> None:
        self.path, self._requests, self._stamps = folder / NAME, requests, stamps
        known = {} if retry else dict(_read(self.path))
        self.reasons = {
            one.output: known[stamps[one.output]] for one in requests if stamps[one.output] in known
        }

    def add(self, request: Request, reason: str) -> None:
        """Note a reason, and write the list."""
        self.reasons[request.output] = reason
        self.write()

    def write(self) -> None:
        """Write the list whole; none where nothing failed."""
        rows = [self._row(one) for one in self._requests if one.output in self.reasons]
        if rows:
            write_text(self.path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        else:
            self.path.unlink(missing_ok=True)

    def _row(self, request: Request) -> dict[str, Any]:
        return {
            "output": os.path.relpath(request.output, self.path.parent),
            "text": request.text,
            "reason": self.reasons[request.output],
            "made_from": self._stamps[request.output],
        }


class Doubts:
    """Tells the doubts about videos as they are made: each sentence once, and after some the number of the others."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._more = 0

    def tell(self, request: Request, doubts: Sequence[str]) -> None:
        """Tell what was not told before, unless there was much."""
        fresh = [sentence for sentence in doubts if sentence not in self._told]
        if fresh and len(self._told) >= NAMED:
            self._more += 1
            return
        self._told.update(fresh)
        for sentence in fresh:
            warnings.warn(f"{request.output.name}: {sentence}", UnseenWarning, stacklevel=3)

    def tell_rest(self) -> None:
        """Tell of how many videos not all was told."""
        if self._more:
            told = (
                f"There are doubts about {self._more} more videos; their sidecars have them under 'warnings'."
            )
            warnings.warn(told, UnseenWarning, stacklevel=3)


def _read(path: Path) -> Iterator[tuple[str, str]]:
    """Give (stamp, reason) of each line; DataError where the file is not such a list."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        for row in map(parse_object, filter(str.strip, lines)):
            yield str(row["made_from"]), str(row["reason"])
    except (ValueError, KeyError) as error:
        raise DataError(
            f"{path} is not a list of failed videos; delete it and run the same command again."
        ) from error
