"""Check that a video file is complete, by the sizes its container states: decoders stop at a cut without a word."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_UNKNOWN = -1
_SEGMENT, _CLUSTER = (
    0x18538067,
    0x1F43B675,
)  # the two elements of Matroska that others lie in, and that may be open


def missing_bytes(source: str | Path | bytes) -> int:
    """Return how many bytes at least are missing at the end of a file; 0 for a complete one or one of an unknown kind.

    Known are ISO (mp4, mov), Matroska (WebM), AVI, ASF (wmv), FLV, MPEG's transport and program streams, and GIF.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        head = _read(file, 0, 200)
        ends = next((walk for looks, walk in _KINDS if looks(head)), _nothing)
        return max(0, *(end - size for end in ends(file, size)), 0)


def _boxes(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the ends of the top boxes that matter to a player: the media and its index."""
    at = 0
    while at + 8 <= size:
        length, kind = struct.unpack(">I4s", _read(file, at, 8))
        if length == 1:  # the size is in 64 bits behind the kind
            length = int.from_bytes(_read(file, at + 8, 8), "big")
        if length < 8:  # 0: to the end of the file; else padding that somebody wrote behind the boxes
            return
        at += length
        if kind in (b"mdat", b"moov", b"moof"):
            yield at


def _avi(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the ends of the RIFF parts and of the chunks in them; a size of 0 was never filled in."""
    at = 0
    while at + 8 <= size:
        name, length = struct.unpack("<4sI", _read(file, at, 8))
        if name == b"RIFF" or (name == b"LIST" and length == 0):  # into it
            if length:
                yield at + 8 + length
            at += 12
            continue
        if not name.strip(b"\0") or not name[:2].isalnum():  # no chunk: what is behind them is padding
            return
        at += 8 + length
        yield at
        at += length % 2


def _matroska(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the ends of the elements at the top, in the segment and in clusters of unknown length."""
    at = 0
    while at < size:
        name, at = _number(file, at, keep=True)
        if name == 0:  # no element: what is behind them is padding
            return
        length, at = _number(file, at, keep=False)
        if name == _SEGMENT or (name == _CLUSTER and length == _UNKNOWN):
            if length != _UNKNOWN:
                yield at + length
            continue  # into it
        if length == _UNKNOWN:
            return
        at += length
        yield at


def _asf(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the ends of the objects at the top; an open recording states 0 for its data."""
    at = 0
    while at + 24 <= size:
        length = int.from_bytes(_read(file, at + 16, 8), "little")
        if length < 24:
            return
        at += length
        yield at


def _flv(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the end of the last tag: its size is repeated behind it."""
    length = int.from_bytes(_read(file, size - 4, 4), "big")
    stated = int.from_bytes(_read(file, max(0, size - 3 - length), 3), "big")
    yield size if length == stated + 11 else size + 1


def _transport(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the end of the last packet."""
    packet = 188 if _read(file, 188, 1) == b"G" else 192
    yield -(-size // packet) * packet


def _program(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the ends of the packs and packets."""
    at = 0
    while at + 14 <= size:
        head = _read(file, at, 14)
        if head[:3] != b"\0\0\1" or head[3] < 0xBA:  # padding, or a player would have to search
            return
        if head[3] == 0xBA:
            at += 14 + (head[13] & 7) if head[4] >> 6 == 1 else 12
        else:
            at += 6 + int.from_bytes(head[4:6], "big")
        yield at


def _gif(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield where a GIF should end, by its trailer."""
    yield size if _read(file, max(0, size - 64), 64).rstrip(b"\0\r\n").endswith(b";") else size + 1


def _nothing(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield nothing: the end of other kinds is unknown."""
    return iter(())


def _number(file: BinaryIO, at: int, keep: bool) -> tuple[int, int]:
    """Return an EBML number and the place behind it; `keep` its marker for ids; -1 is an unknown length."""
    data = _read(file, at, 8).ljust(8, b"\0")
    width = 9 - data[0].bit_length()
    value = int.from_bytes(data[:width], "big")
    if not keep:
        value &= (1 << 7 * width) - 1
        if value == (1 << 7 * width) - 1:
            value = _UNKNOWN
    return value, at + width


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_KINDS: tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO, int], Iterator[int]]], ...] = (
    (lambda head: head[4:8] in _BOXES, _boxes),
    (lambda head: head.startswith(b"\x1a\x45\xdf\xa3"), _matroska),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"AVI ", _avi),
    (lambda head: head.startswith(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"), _asf),
    (lambda head: head.startswith(b"FLV"), _flv),
    (lambda head: head[:1] == head[188:189] == b"G" or head[4:5] == head[196:197] == b"G", _transport),
    (lambda head: head.startswith(b"\0\0\1\xba"), _program),
    (lambda head: head.startswith(b"GIF8"), _gif),
)
