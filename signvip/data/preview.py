"""A picture of what is in the shards: frames of some clips above their conditions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from signvip.contracts import Condition
from signvip.data import fields
from signvip.data.files import replacing
from signvip.data.shards import ShardIndex
from signvip.data.sheet import contact_sheet, spread

CLIPS, FRAMES, SMALL = 3, 10, 96


def write_preview(out: Path, split: str, conditions: Mapping[str, Condition], size: tuple[int, int]) -> Path:
    """Write `preview-{split}.png` beside the shards and return its path."""
    index = ShardIndex(out, split)
    rows, labels = [], []
    for clip in range(min(CLIPS, len(index))):
        frames, _ = index.load(clip, fields.VIDEO)
        picks = spread(len(frames), FRAMES)
        rows.append([frames[pick] for pick in picks])
        labels.append(index.keys[clip][-14:])
        for name, condition in conditions.items():
            rows.append(list(condition.draw(index.load(clip, fields.condition_field(name)), size, picks)))
            labels.append(name)
    path = out / f"preview-{split}.png"
    with replacing(path) as temporary:
        contact_sheet(rows, labels, scale=2 if max(size) < SMALL else 1).save(temporary, format="PNG")
    return path
