"""What the head for detail reads, computed once and kept beside its training: rows of several arrays on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from signvip.storage.files import write_text

MADE_WITH = "made_with.json"
Write = Callable[[dict[str, Tensor]], None]


class KeptSquares:
    """Arrays in a folder, a row for each square: float16, but what counts. `stamp` tells what they were made of."""

    def __init__(self, folder: Path, stamp: str) -> None:
        self.folder, self.stamp = folder, stamp

    def full(self, count: int) -> bool:
        """Return whether there are so many rows, made of what is there now."""
        note = self.folder / MADE_WITH
        return note.is_file() and note.read_text() == f"{count} {self.stamp}"

    @contextmanager
    def writing(self, count: int) -> Iterator[Write]:
        """Begin anew, and give a function that adds rows until there are `count`; less is as if there were none."""
        self.forget()
        self.folder.mkdir(parents=True)
        arrays: dict[str, np.memmap] = {}
        done = 0

        def write(rows: dict[str, Tensor]) -> None:
            nonlocal done
            many = len(next(iter(rows.values())))
            for name, value in rows.items():
                if name not in arrays:
                    kind = np.float16 if value.is_floating_point() else np.int64
                    shape = (count, *value.shape[1:])
                    arrays[name] = np.lib.format.open_memmap(
                        self.folder / f"{name}.npy", mode="w+", dtype=kind, shape=shape
                    )
                arrays[name][done : done + many] = (
                    value.float().numpy() if value.is_floating_point() else value
                )
            done += many

        yield write
        for array in arrays.values():
            array.flush()
        write_text(self.folder / MADE_WITH, f"{count} {self.stamp}")

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        return {file.stem: np.load(file, mmap_mode="r") for file in sorted(self.folder.glob("*.npy"))}

    def rows(self, picks: Sequence[int]) -> dict[str, Tensor]:
        """Return some rows of every array, float32 but for what counts."""
        found = {name: torch.from_numpy(array[np.asarray(picks)]) for name, array in self._arrays.items()}
        return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}

    def forget(self) -> None:
        """Take the disk space back."""
        self.__dict__.pop("_arrays", None)
        shutil.rmtree(self.folder, ignore_errors=True)
