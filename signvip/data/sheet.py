"""Contact sheets: rows of frames side by side, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

MARGIN, LABEL_WIDTH = 2, 90  # pixels
INK, PAPER = (20, 20, 20), (255, 255, 255)


def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str] | None = None, scale: int = 1
) -> Image.Image:
    """Lay out rows of frames (H, W, 3) uint8, enlarged by whole pixels; `labels` stand before the rows."""
    height, width = (side * scale for side in rows[0][0].shape[:2])
    left = LABEL_WIDTH if labels else 0
    columns = max(len(row) for row in rows)
    size = left + columns * (width + MARGIN), len(rows) * (height + MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    for number, row in enumerate(rows):
        top = number * (height + MARGIN)
        if labels:
            ImageDraw.Draw(sheet).text((4, top + height // 2 - 6), labels[number], fill=INK)
        for column, frame in enumerate(row):
            picture = Image.fromarray(frame).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(picture, (left + column * (width + MARGIN), top))
    return sheet


def spread(count: int, wanted: int) -> list[int]:
    """Up to `wanted` frame numbers, evenly over a clip of `count` frames."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, wanted))})
