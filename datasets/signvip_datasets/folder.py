"""The reader `folder`: clips beside `.txt` or `.json` files of the same name, or a table that lists them."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field

from signvip.contracts import Clip
from signvip.data import VIDEOS
from signvip_datasets.entries import Entry, Footage, check_split, load, pick, stamp
from signvip_datasets.folder_listing import Listed, Listing


class Folder:
    """Any folder of clips.

    A clip is a video, or a folder of pictures. Where there is a table (TSV, CSV or JSON lines with a column for the
    file and one for the text), it says which; else the text is in a `.txt` or `.json` file of the clip's name. A split
    is a column, or a folder called train, dev or test; else clips are dealt by a hash of who signs, or of their names.
    """

    class Config(Listed, Footage):
        """`table` is found by itself where the folder has only one."""

        picture_fps: float | None = Field(
            None, gt=0, description="rate of folders of pictures; by default fps"
        )

    filmed = usual = True

    def __init__(self, config: Config) -> None:
        self.config = config

    def ids(self, split: str) -> list[str]:
        """Return ids made of the paths, in their order; texts without a clip and clips without a text among them."""
        return list(self._splits[check_split(split)])

    def load(self, split: str, clip_id: str) -> Clip:
        """Decode one clip; DataError for one without text or footage."""
        return load(
            pick(self._splits[check_split(split)], split, clip_id), self.config, self.config.picture_fps
        )

    def stamp(self, split: str, clip_id: str) -> str:
        """Return a hash of what a clip is made from."""
        return stamp(self._splits[split][clip_id], self.config)

    @cached_property
    def _splits(self) -> dict[str, dict[str, Entry]]:
        return Listing(self.config, VIDEOS, pictures=True).splits
