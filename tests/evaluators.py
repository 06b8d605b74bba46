"""Back-translators of signing at a size that trains two steps in a second."""

from __future__ import annotations

TINY = [
    "translator.width=16", "translator.layers=1", "translator.heads=2", "translator.feedforward=32",
    "frames.size=[16,16]", "frames.channels=[8,8]", "frames.width=16",
    "poses.clips=2", "poses.frames=2", "poses.workers=0", "texts.clips=2", "texts.workers=0",
    "texts.checkpoint_every=2",
]  # fmt: skip
