"""The other door of generated video: marked and encoded while it is made, for whoever watches it arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from signvip.data.provenance import NOTICE
from signvip.data.video import stream_video
from signvip.origin.marking import Marker
from signvip.origin.record import Origin


def stream_generated(parts: Iterable[np.ndarray], fps: float, origin: Origin) -> Iterator[bytes]:
    """Encode generated parts (f, H, W, 3) uint8 RGB as they come, with the notice and the mark in the pixels.

    A signed manifest hashes a whole file, so that a stream has none: its record is told beside it.
    """
    marker = Marker(origin.payload, fps)
    return stream_video((marker.mark(part) for part in parts), fps, comment=NOTICE)
