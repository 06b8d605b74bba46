"""Files by the names that tables give them, whatever system wrote the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from signvip.data import composed


class Names:
    """The files below a folder, found also where accents, case, slashes or a missing ending differ from the disk's."""

    def __init__(self, folder: Path, paths: Iterable[Path], endings: Sequence[str] = ()) -> None:
        self.folder, self.endings = folder, endings
        self._exact = {path.relative_to(folder).as_posix(): path for path in paths}
        self._alike: dict[str, list[Path]] = {}
        for name, path in self._exact.items():
            self._alike.setdefault(_folded(name), []).append(path)

    def find(self, name: str) -> Path | None:
        """Return the file that is meant; None where there is none, or where several are alike and none is exact."""
        for spelled in dict.fromkeys((name, name.replace("\\", "/"))):
            for ending in ("", *self.endings):
                wanted = self._within(spelled) + ending
                alike = self._alike.get(_folded(wanted), [])
                if wanted in self._exact or len(alike) == 1:
                    return self._exact.get(wanted) or alike[0]
        return None

    def _within(self, name: str) -> str:
        path = PurePosixPath(name)
        if path.is_absolute() and path.is_relative_to(self.folder.absolute().as_posix()):
            path = path.relative_to(self.folder.absolute().as_posix())
        return path.as_posix()


def _folded(name: str) -> str:
    return composed(name).casefold()
