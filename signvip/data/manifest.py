"""`manifest.json` beside the shards: what made them, how much there is, and which weights the fields depend on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from signvip.contracts import Config
from signvip.errors import DataError, MismatchError
from signvip.settings import Rate, Side
from signvip.storage.files import write_text
from signvip.storage.json_files import parse_object

NAME = "manifest.json"
VERSION = 1
# What shards of one folder have in common, beside the place of their dataset.
RECIPE = ("dataset", "conditions", "estimators", "size", "fps", "fit", "video")
ENCODED = {"vae", "condition_encoder"}  # whose fields `encode` writes


class Counts(Config):
    """Of one split; clips that went in are clips that came out and clips that failed."""

    clips_in: int
    clips_out: int
    failed: int
    frames: int
    seconds: float
    signers: int


class Manifest(Config):
    """The content of `manifest.json`."""

    version: int = VERSION
    made_by: str
    dataset: str
    dataset_options: dict[str, Any] = Field(default_factory=dict)
    conditions: dict[str, dict[str, Any]]
    estimators: dict[str, dict[str, Any]] = Field(default_factory=dict)  # version, options, weights
    size: tuple[Side, Side]  # (H, W)
    fps: Rate
    fit: str = "crop"  # how clips of another aspect came to the size
    video: bool = True  # whether the clips' frames are stored; without them stages 2 and 3 can be trained
    splits: dict[str, Counts] = Field(default_factory=dict)
    left: dict[str, list[str]] = Field(default_factory=dict)  # clips that the last run took out of each split
    contents: str = (
        ""  # a hash of which clips there are, and of what they were made from; empty while that changes
    )
    made_from: str | None = None  # the folder of a set that this one adds fields to, as seen from its own
    fingerprints: dict[str, str] = Field(default_factory=dict)  # of the part that wrote a derived field

    @classmethod
    def read(cls, shards: Path) -> Manifest:
        """Read a folder's manifest; DataError where it is missing or damaged."""
        path = Path(shards) / NAME
        try:
            return cls(**parse_object(path.read_bytes()))
        except FileNotFoundError:
            raise DataError(f"There are no shards in {shards}; make them with: signvip preprocess") from None
        except (ValueError, TypeError, ValidationError) as error:
            raise DataError(
                f"{path} is damaged; delete it, and make the shards again with: signvip preprocess"
            ) from error

    def write(self, shards: Path) -> None:
        """Write it whole or not at all."""
        write_text(Path(shards) / NAME, json.dumps(self.model_dump(mode="json"), indent=2) + "\n")

    def with_fingerprint(self, part: str, fingerprint: str) -> Manifest:
        """Return the same with one more derived field."""
        return self.model_copy(update={"fingerprints": {**self.fingerprints, part: fingerprint}})

    def without_fingerprint(self, part: str) -> Manifest:
        """Return the same without a derived field."""
        kept = {name: value for name, value in self.fingerprints.items() if name != part}
        return self.model_copy(update={"fingerprints": kept})

    def differs_from(self, there: Manifest) -> list[str]:
        """List what shards of one folder must have in common and these two do not."""
        changed = [name for name in RECIPE if getattr(there, name) != getattr(self, name)]
        return changed if self._source == there._source else ["source", *changed]

    @property
    def _source(self) -> str | None:
        """The location of the dataset, however it was written."""
        source = self.dataset_options.get("source")
        return None if source is None else os.path.realpath(source)

    def refuse_another(self, there: Manifest, folder: Path) -> None:
        """Refuse to write these shards over those of another dataset, or of another recipe."""
        if changed := self.differs_from(there):
            raise MismatchError(
                f"{folder} holds shards made with another {' and '.join(changed)}; choose another folder, or delete it."
            )

    def maker(self, shards: Path) -> str:
        """Return the command that makes this set, or makes it whole."""
        source = self._origin(shards)
        if source is None:
            return "signvip preprocess"
        theirs = Manifest.read(source).fingerprints if (source / NAME).is_file() else {}
        command = "encode" if ENCODED & self.fingerprints.keys() - theirs.keys() else "tokenize"
        return f"signvip {command} {source} {shards}"

    def _origin(self, shards: Path) -> Path | None:
        """Return the folder that this set adds fields to; None for one that preprocess made."""
        return None if self.made_from is None else Path(os.path.normpath(shards / self.made_from))

    def check_current(self, shards: Path) -> None:
        """Refuse a set that adds fields to another which has changed since, naming the command that makes it again."""
        source = self._origin(shards)
        if source is None or not (source / NAME).is_file():
            return
        theirs = Manifest.read(source)
        if theirs.contents != self.contents:
            raise MismatchError(
                f"{shards} was made from {source}, of which clips have left or changed since; make it again with: "
                f"{self.maker(shards)}"
            )
        theirs.check_current(source)

    def check(self, part: str, fingerprint: str, shards: Path, command: str) -> None:
        """Refuse a derived field that other weights wrote, naming the command that writes it again."""
        found = self.fingerprints.get(part)
        if found != fingerprint:
            raise MismatchError(
                f"{shards} was made with another {part} (weights {found}, this run has {fingerprint}); "
                f"make it again with: {command} {shards}"
            )

    def check_video(self, shards: Path, command: str) -> None:
        """Refuse shards without frames, where a command needs them."""
        if not self.video:
            raise MismatchError(
                f"{shards} holds no videos, which {command} needs; make others with: signvip preprocess --video"
            )

    def check_sources(self, size: tuple[int, int], fps: float, conditions: list[str], shards: Path) -> None:
        """Refuse shards of another frame size or rate, or without a condition that is asked for."""
        if tuple(self.size) != tuple(size):
            raise MismatchError(
                f"{shards} has frames of {self.size[0]}x{self.size[1]}, the run wants {size[0]}x{size[1]}; "
                f"make others with: signvip preprocess --size {size[0]}x{size[1]}"
            )
        if abs(self.fps - fps) > 1e-6:
            raise MismatchError(
                f"{shards} has {self.fps:g} frames a second, the run wants {fps:g}; "
                f"make others with: signvip preprocess --fps {fps:g}"
            )
        missing = [name for name in conditions if name not in self.conditions]
        if missing:
            raise MismatchError(
                f"{shards} has no {' and '.join(missing)} (but {', '.join(self.conditions)}); "
                f"make others with: signvip preprocess {' '.join(f'--condition {name}' for name in conditions)}"
            )


def check_current(shards: Path) -> None:
    """Refuse a folder of shards whose manifest says that it was made from one that has changed since."""
    if (shards / NAME).is_file():
        Manifest.read(shards).check_current(shards)
