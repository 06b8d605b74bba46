"""`show`: frames beside their conditions, as a sheet or as a video, for a person to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signvip.contracts import SPLITS, Condition
from signvip.data import fields
from signvip.data.manifest import Manifest
from signvip.data.provenance import NOTICE, origin_of, png_notice
from signvip.data.shards import Sample, read_shard, shard_paths
from signvip.data.sheet import contact_sheet, spread
from signvip.data.video import VideoWriter, read_video
from signvip.errors import DataError
from signvip.registry import build
from signvip.storage.files import replacing

FRAMES, SMALL = 10, 96


@dataclass(frozen=True)
class Strip:
    """One clip to look at: its frames, where it has any, and what its conditions look like, (F, H, W, 3) uint8."""

    name: str
    fps: float
    rows: dict[str, np.ndarray]
    generated: bool = False  # by a model, as its file says


def strips(source: Path, wanted: Sequence[str] = (), limit: int = 3) -> Iterator[Strip]:
    """Clips of a shard, of a folder of shards or of a video file; those `wanted` by id or key, or the first few.

    DataError where there is nothing to show, or a clip that was asked for is not there.
    """
    if source.is_file() and source.suffix != ".tar":
        frames, fps = read_video(source)
        yield Strip(source.name, fps, {"frames": frames}, bool(origin_of(source)))
        return
    if not source.exists():
        raise DataError(f"There is no {source}; give a shard, a folder of shards or a video.")
    folder = source if source.is_dir() else source.parent
    paths = [source] if source.is_file() else [p for split in SPLITS for p in shard_paths(folder, split)]
    if not paths:
        raise DataError(f"There is nothing to show in {source}; give a shard, a folder of shards or a video.")
    manifest = Manifest.read(folder)
    drawn = {name: build("condition", name, **options) for name, options in manifest.conditions.items()}
    for sample in _chosen(paths, list(wanted), limit):
        yield _strip(sample, drawn, manifest.size)


def write_sheet(shown: Sequence[Strip], path: Path, frames: int = FRAMES) -> Path:
    """Write a PNG with some frames of each clip above their conditions."""
    rows, labels = [], []
    for strip in shown:
        picks = spread(len(next(iter(strip.rows.values()))), frames)
        for name, pictures in strip.rows.items():
            rows.append([pictures[pick] for pick in picks])
            labels.append(strip.name[-14:] if pictures is next(iter(strip.rows.values())) else name)
    scale = 2 if max(rows[0][0].shape[:2]) < SMALL else 1
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        notice = png_notice() if any(strip.generated for strip in shown) else None
        contact_sheet(rows, labels, scale=scale).save(temporary, format="PNG", pnginfo=notice)
    return path


def write_video(shown: Sequence[Strip], path: Path) -> Path:
    """Write an mp4 of the clips one after the other, their conditions on the right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    comment = NOTICE if any(strip.generated for strip in shown) else None
    with VideoWriter(path, shown[0].fps, comment=comment) as writer:
        for strip in shown:
            writer.write(np.concatenate(list(strip.rows.values()), axis=2))
    return path


def _chosen(paths: Sequence[Path], wanted: list[str], limit: int) -> Iterator[Sample]:
    missing, count = set(wanted), 0
    for path in paths:
        for sample in read_shard(path):
            names = {sample.key, sample.load(fields.META).get("id")} & set(wanted) if wanted else set()
            if names or not wanted:
                missing -= names
                count += 1
                yield sample
            if (not missing) if wanted else count == limit:
                return
    if missing:
        raise DataError(f"There is no clip {sorted(missing)[0]} in {paths[0].parent}; see: tar tf {paths[0]}")


def _strip(sample: Sample, conditions: dict[str, Condition], size: tuple[int, int]) -> Strip:
    rows = {"frames": sample.load(fields.VIDEO)[0]} if fields.VIDEO in sample.members else {}
    for name, condition in conditions.items():
        if fields.condition_field(name) in sample.members:
            rows[name] = condition.draw(sample.load(fields.condition_field(name)), size)
    if not rows:
        raise DataError(f"{sample.key} in {sample.shard} has nothing to show: no video, and no conditions.")
    info = sample.load(fields.META)
    return Strip(sample.key, info["fps"], rows, bool(info.get("generated")))
