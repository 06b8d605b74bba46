"""The reader `mixture`: several datasets as one, so that one model learns them all."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

import numpy as np
from pydantic import Field

from signvip import Choice, build, configure, contracts, plugin_class
from signvip.contracts import SPLITS, Clip, DatasetReader, Moves
from signvip.data import digest, options_of, read_toml
from signvip.errors import ConfigError, DataError
from signvip_datasets.entries import check_split

DRAWN = {
    "names": Choice.model_validate({"name": "lexicon"}),
    "weather": Choice.model_validate({"name": "toysign", "languages": ("tsa", "tsb")}),
}
"""The datasets that are drawn here: spelling in real sign languages, and sentences in the two invented ones."""


class Mixture:
    """Datasets by a name of your own for each, which stands before the ids of its clips and of its signers.

    A dataset that draws its clips is asked for this size and rate, unless its own options say otherwise.
    """

    class Config(contracts.Config):
        """Parts as `{"names": {"name": "lexicon", "train": 900}, ...}`, or a TOML file with a section for each."""

        source: Path | None = Field(None, description="TOML file with a section for each part")
        parts: dict[str, Choice] = Field(
            DRAWN, min_length=1, description="a dataset and its options, by a name of your own"
        )
        size: tuple[int, int] = (128, 128)
        fps: float = Field(12.0, gt=0, le=120)

    def __init__(self, config: Config) -> None:
        self.config = config if config.source is None else _read(config, config.source)

    @property
    def knows(self) -> tuple[str, ...]:
        """Return the names of what the clips of every part come with."""
        known = [set(getattr(part, "knows", ())) for part in self._parts.values()]
        return tuple(sorted(set.intersection(*known)))

    def ids(self, split: str) -> list[str]:
        """Return clip ids such as "names-ase-test-00003", the parts in turn: the first few are of all of them."""
        check_split(split)
        parts = [[f"{name}-{clip}" for clip in part.ids(split)] for name, part in self._parts.items()]
        return [clip for turn in zip_longest(*parts) for clip in turn if clip is not None]

    def load(self, split: str, clip_id: str) -> Clip:
        """Load a clip from its part; DataError for one that no part has."""
        name, own = self._owner(clip_id)
        clip = self._parts[name].load(check_split(split), own)
        signer = None if clip.signer is None else f"{name}-{clip.signer}"
        return replace(clip, id=clip_id, signer=signer)

    def stamp(self, split: str, clip_id: str) -> str:
        """Return what its part says that a clip is made from."""
        name, own = self._owner(clip_id)
        part = self._parts[name]
        return str(part.stamp(split, own)) if hasattr(part, "stamp") else digest(options_of(part))

    @property
    def moves(self) -> dict[str, Moves]:
        """Return how the values that its parts know move, by their names."""
        return {
            key: kind for part in self._parts.values() for key, kind in getattr(part, "moves", {}).items()
        }

    def portrait(self, signer: str) -> np.ndarray:
        """Return a signer's reference picture (H, W, 3): a portrait if the part draws them, else a frame."""
        name, own = self._owner(signer)
        part = self._parts[name]
        if hasattr(part, "portrait"):
            return np.asarray(part.portrait(own))
        clips = (part.load(split, clip) for split in SPLITS for clip in part.ids(split))
        found = next((clip.frames[0] for clip in clips if clip.signer == own), None)
        if found is None:
            raise DataError(f"No clip of '{name}' is signed by '{own}'; name a signer of the shards.")
        return found

    @cached_property
    def _parts(self) -> dict[str, DatasetReader]:
        return {name: self._build(name, choice) for name, choice in self.config.parts.items()}

    def _build(self, part: str, choice: Choice) -> DatasetReader:
        fields = getattr(getattr(plugin_class("dataset", choice.name), "Config", None), "model_fields", {})
        shape = {"size": self.config.size, "fps": self.config.fps}
        try:
            return build(
                "dataset", choice.name, **{k: v for k, v in shape.items() if k in fields} | choice.options
            )
        except ConfigError as error:
            raise ConfigError(f"Part '{part}' of the mixture: {error}") from error

    def _owner(self, name: str) -> tuple[str, str]:
        """Return the part that a clip or a signer belongs to, and its name there."""
        for part in sorted(self._parts, key=len, reverse=True):  # "names-de" before "names"
            if name.startswith(f"{part}-"):
                return part, name.removeprefix(f"{part}-")
        raise DataError(f"The mixture has no '{name}'; its parts are {', '.join(self._parts)}.")


def _read(config: Mixture.Config, file: Path) -> Mixture.Config:
    """Return the same with the parts of a file in its place, since the shards must say what they were made of."""
    sections = read_toml(file)
    if not sections:
        raise ConfigError(
            f'{file} is empty; give each part a section, such as [names] with name = "lexicon".'
        )
    options = {**config.model_dump(exclude={"source"}), "parts": sections}
    parsed: Mixture.Config = configure("dataset", "mixture", options)
    return parsed
