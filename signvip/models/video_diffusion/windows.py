"""Context windows: clips longer than the temporal attention's length are denoised in overlapping pieces."""

from __future__ import annotations

from signvip.errors import ConfigError


def windows(num_frames: int, length: int, overlap: int) -> list[range]:
    """Cover all frames by ranges of `length` (or the whole clip), neighbours sharing `overlap` frames.

    The last is moved back to end with the clip, so that no frame is computed to be thrown away.
    """
    if not 0 <= overlap < length:
        raise ConfigError(
            f"A window of {length} frames cannot share {overlap} frames with the next;"
            f" choose an overlap from 0 to {length - 1}."
        )
    last = max(num_frames - length, 0)
    starts = [*range(0, last, length - overlap), last]
    return [range(start, min(start + length, num_frames)) for start in starts]
