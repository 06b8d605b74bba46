"""The reader `poses`: a dataset of `.pose` files alone, whose clips are drawn."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from pydantic import Field, field_validator
from signvip_toysign.draw import render
from signvip_toysign.signer import make_signer
from signvip_toysign.skeleton import WHOLE

from signvip.contracts import Clip
from signvip.data import check_truth
from signvip.errors import DataError
from signvip_datasets.entries import Entry, check_split, check_told, pick, stamp
from signvip_datasets.folder_listing import Listed, Listing
from signvip_datasets.lexicon.body import FINE, known, skeleton
from signvip_datasets.lexicon.filmed import NATURAL, Filmed, read_filmed

ENDINGS = (".pose",)


class Poses:
    """Any folder of `.pose` files with texts, listed as `folder` lists videos; drawn people move as they say.

    A signer of the list is one drawn person throughout; where the list names none, each clip has another.
    """

    class Config(Listed):
        """As of `folder`; size and rate are those of the drawn clips."""

        seed: int = Field(0, description="of the people")
        size: tuple[int, int] = (128, 128)
        fps: float = Field(25.0, gt=0, le=120)

        @field_validator("size")
        @classmethod
        def _can_be_drawn(cls, size: tuple[int, int]) -> tuple[int, int]:
            if min(size) < 64 or max(size) > 2048:
                raise ValueError(f"hands cannot be drawn at {size}; use a height and a width from 64 to 2048")
            return size

    knows = ("keypoints", "hands", "depth")

    def __init__(self, config: Config) -> None:
        self.config = config

    def ids(self, split: str) -> list[str]:
        """Return ids made of the paths, in their order; texts without a file and files without a text among them."""
        return list(self._splits[check_split(split)])

    def load(self, split: str, clip_id: str) -> Clip:
        """Draw one clip; DataError for one without a text, or whose file cannot be used."""
        entry = pick(self._splits[check_split(split)], split, clip_id)
        person = make_signer(self.config.seed, f"poses/{entry.signer or entry.id}")
        person = replace(person, hand=NATURAL * 2 * person.shoulder)
        filmed = self._filmed(entry)
        notice = check_truth(entry.path, self.config.generated) if entry.path else ""
        body = skeleton(filmed.hands, filmed.face, person)
        frames, depth = render(body, self.config.size, WHOLE, FINE)
        return Clip(
            id=entry.id,
            frames=frames,
            fps=self.config.fps,
            text=entry.text,
            language=entry.language,
            text_language=entry.text_language,
            gloss=entry.gloss,
            signer=entry.signer,
            source=entry.source,
            licence=entry.licence,
            notice=notice,
            known={**known(body, self.config.size, WHOLE), "depth": depth},
        )

    def _filmed(self, entry: Entry) -> Filmed:
        check_told(entry, "clip")
        if entry.path is None or not entry.path.is_file():
            raise DataError("the text has no .pose file")
        return read_filmed(entry.path, self.config.fps, entry.start, entry.end)

    def stamp(self, split: str, clip_id: str) -> str:
        """Return a hash of what a clip is made from."""
        return stamp(self._splits[split][clip_id], self.config)

    @cached_property
    def _splits(self) -> dict[str, dict[str, Entry]]:
        return Listing(self.config, ENDINGS, pictures=False).splits
