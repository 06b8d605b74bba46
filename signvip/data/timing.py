"""Compute when a player shows a frame: by the times in the container, else by counting frames."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from av.format import Flags

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

_COUNTED = (
    "avi",
)  # stores in which order to decode; times of presentation are guessed, and wrong with B-frames
_NO_TIMES, _JOINED = int(Flags.no_timestamps.value), int(Flags.ts_discont.value)  # type: ignore[call-overload]
_LEAP = 10.0  # seconds: where streams may be joined from others, a longer step is not time that passes
_RATE = 25.0  # frames a second of a raw stream that says nothing, as in every player


class Clock:
    """Seconds of the frames of a stream that is read forward; it must see each packet before its frames."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        flags = container.format.flags
        self.started = False  # whether a frame has come
        self._counted = container.format.name in _COUNTED or bool(flags & _NO_TIMES)
        self._joined = bool(flags & _JOINED)
        self._base = float(stream.time_base or 0)
        self._gap = 1 / float(stream.guessed_rate or stream.average_rate or _RATE)
        zero = None if self._counted else container.start_time
        self._zero = None if zero is None else zero / 1e6
        self._decoding: deque[int] = deque()  # times of packets whose frames are yet to come
        self._last = 0.0

    def see(self, packet: Packet[VideoStream]) -> None:
        """Note a packet: frames come in the order of presentation, so the k-th takes the k-th time of decoding."""
        if packet.size and packet.dts is not None:
            if self._zero is None:
                self._zero = packet.dts * self._base
            if packet.is_keyframe or self._decoding or self.started:  # others cannot be decoded
                self._decoding.append(packet.dts)

    def seconds(self, frame: VideoFrame) -> float:
        """Return when the next frame of the decoder is shown; never before the one that came before it."""
        dts = self._decoding.popleft() if self._decoding else None
        stamp = dts if self._counted else frame.pts
        gap = ((frame.duration or 0) * self._base or self._gap) if self.started else 0.0
        follows = self._last + gap
        found = follows if stamp is None else stamp * self._base - (self._zero or 0.0)
        if self._joined and self.started and not self._last <= found <= self._last + _LEAP:
            self._zero = (self._zero or 0.0) + found - follows
            found = follows
        self.started, self._last = True, max(self._last, found)
        return self._last
