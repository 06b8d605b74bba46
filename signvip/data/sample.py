"""One clip of a dataset as the members of a shard."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from signvip.contracts import MOVES, Clip, Condition, DatasetReader, Estimator, Moves
from signvip.data import fields
from signvip.data.fit import Fit, fit
from signvip.data.stamps import digest, options_of
from signvip.data.video import encode_video
from signvip.errors import DataError
from signvip.plain import is_blank, is_shown
from signvip.registry import build

if TYPE_CHECKING:
    from signvip.config import RunConfig

SHORTEST = 2  # frames; one alone is not a video
LONGEST_KEY = 120  # bytes of an id that its key shows


@dataclass(frozen=True)
class Recipe:
    """A recipe that turns a clip of a dataset into a sample; picklable, for worker processes."""

    reader: DatasetReader
    conditions: Mapping[str, Condition]
    size: tuple[int, int]  # (H, W)
    fps: float
    estimators: Mapping[str, Estimator] = field(default_factory=dict)
    fit: Fit = "crop"
    video: bool = True  # whether frames are stored, or only what conditions are drawn from

    @classmethod
    def of(
        cls,
        reader: DatasetReader,
        config: RunConfig,
        estimators: Mapping[str, Estimator] | None = None,
        fit: Fit = "crop",
        video: bool = True,
    ) -> Recipe:
        """Build the recipe for what a run of this configuration trains on."""
        conditions = {
            name: build("condition", name, **options) for name, options in config.conditions.items()
        }
        return cls(reader, conditions, config.size, config.fps, estimators or {}, fit, video)

    @property
    def moves(self) -> dict[str, Moves]:
        """The ways in which all that may be known of a clip moves, as declared by those who add it."""
        parts = (self.reader, *self.estimators.values(), *self.conditions.values())
        declared = [getattr(part, "moves", {}) for part in parts]
        return {**MOVES, **{name: kind for moves in declared for name, kind in moves.items()}}

    def stamp(self, split: str, clip_id: str) -> str:
        """Hash what a clip is made from: by its reader, or the reader's options, and by the stored estimates."""
        own = getattr(self.reader, "stamp", None)
        stamps = [own(split, clip_id) if own is not None else digest(options_of(self.reader))]
        stored = [getattr(estimator, "stamp", None) for estimator in self.estimators.values()]
        return digest([self._stamp, *stamps, *(stamp(clip_id) for stamp in stored if stamp is not None)])

    @cached_property
    def _stamp(self) -> str:
        """A hash of what is the same for all clips, but for their reader."""
        parts = {**self.conditions, **self.estimators}
        options = {name: [options_of(part), getattr(part, "weights", None)] for name, part in parts.items()}
        return digest([self.size, self.fps, self.fit, self.video, options])

    @property
    def fields(self) -> list[str]:
        """The fields of every sample."""
        frames = [fields.VIDEO] if self.video else []
        return [*frames, fields.META, fields.TEXT, *map(fields.condition_field, self.conditions)]

    def make(self, split: str, clip_id: str) -> dict[str, bytes]:
        """Load, estimate, fit, encode: the members of one sample; DataError for a clip that cannot be used."""
        clip = self.reader.load(split, clip_id)
        check_clip(clip, self.fps)
        clip = fit(estimate(clip, self.estimators), self.size, self.fit, self.moves)
        members = {}
        if self.video:
            members[fields.VIDEO] = encode_video(clip.frames, clip.fps, comment=clip.notice or None)
        members[fields.META] = fields.encode(fields.META, describe(clip, split))
        members[fields.TEXT] = clip.text.encode()
        for name, condition in self.conditions.items():
            member = fields.condition_field(name)
            members[member] = fields.encode(member, condition.extract(clip))
        return members


def estimate(clip: Clip, estimators: Mapping[str, Estimator]) -> Clip:
    """Add to what is known of a clip; what its dataset or an earlier estimator knows is not looked for again."""
    for estimator in estimators.values():
        if not set(estimator.provides) <= set(clip.known):
            clip = replace(clip, known={**estimator(clip), **clip.known})
    return clip


def check_clip(clip: Clip, fps: float) -> None:
    """Raise DataError for a clip that is too short, silent, of another rate than the shards, or wrongly aligned."""
    if len(clip.frames) < SHORTEST:
        raise DataError(f"the clip has {len(clip.frames)} frames; a video needs at least {SHORTEST}")
    if is_blank(clip.text):
        raise DataError("the clip has no text")
    if abs(clip.fps - fps) > 1e-3:
        raise DataError(f"the clip has {clip.fps:g} frames a second, the shards {fps:g}")
    places = clip.alignment
    if places is not None and not (
        len(places) == len(clip.frames) and places.min() >= -1 and places.max() < len(clip.text)
    ):
        raise DataError(
            f"its alignment needs a character of the text, or -1, for each of its {len(clip.frames)} frames"
        )


def describe(clip: Clip, split: str) -> dict[str, Any]:
    """Return the `json` member of a clip."""
    told: dict[str, Any] = {"generated": True} if clip.notice else {}
    if clip.alignment is not None:
        told["alignment"] = [int(place) for place in clip.alignment]
    return told | {
        "id": clip.id,
        "text": clip.text,
        "gloss": clip.gloss,
        "language": clip.language,
        "text_language": clip.text_language,
        "signer": clip.signer,
        "fps": clip.fps,
        "frames": len(clip.frames),
        "height": clip.frames.shape[1],
        "width": clip.frames.shape[2],
        "source": clip.source,
        "split": split,
        "licence": clip.licence,
    }


def key_of(clip_id: str) -> str:
    """Turn a clip's id into a WebDataset key: a valid file name anywhere, without dots, different for different ids."""
    shown = "".join(char if is_shown(char) else "_" for char in clip_id)
    key = re.sub(r"[./\\:\s]", "_", shown).encode()[:LONGEST_KEY].decode(errors="ignore")
    return (
        key
        if key == clip_id
        else f"{key}-{hashlib.sha1(clip_id.encode(errors='surrogatepass')).hexdigest()[:8]}"
    )
