"""An mp4 in pieces that plays while it arrives."""

from __future__ import annotations

import tracemalloc

import numpy as np

from signvip.data.video import read_video, stream_video

FPS = 12.0


def ramp(frames, start=0):
    """Frames that tell their own number by their brightness."""
    levels = (np.arange(start, start + frames) % 16 * 15).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (frames, 32, 32, 3))


def test_what_has_arrived_can_be_played_before_the_rest_is_made():
    asked = []

    def parts():
        for start in range(0, 48, 8):
            asked.append(start)
            yield ramp(8, start)

    pieces, arrived = stream_video(parts(), FPS), b""
    arrived = next(pieces) + next(pieces)
    assert asked == [0, 8]  # no other was wanted yet
    frames, fps = read_video(arrived)
    assert fps == FPS and len(frames) >= 12  # all fragments of half a second that are whole
    assert np.abs(frames.astype(int) - ramp(len(frames))).max() <= 4
    whole, _ = read_video(arrived + b"".join(pieces))
    assert len(whole) == 48 and np.abs(whole.astype(int) - ramp(48)).max() <= 4


def test_odd_sizes_and_lengths_arrive_whole():
    frames = np.full((7, 33, 35, 3), 90, np.uint8)
    whole, _ = read_video(b"".join(stream_video([frames[:1], frames[1:]], FPS)))
    assert whole.shape == (7, 34, 36, 3)


def test_a_long_video_takes_no_more_memory_than_a_short_one():
    def peak(parts):
        tracemalloc.start()
        for _ in stream_video((ramp(8, 8 * part) for part in range(parts)), FPS):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(100) - peak(10) < 4 * ramp(8).size  # bytes of four of the ninety parts
