"""The pattern of the mark: 120 plane waves of low frequency, half known to whoever looks, half carrying 16 bits.

Frequencies are in cycles a frame, so that a resized video holds the same pattern. Phases come from a public key:
whoever reads this source can also draw the mark, or remove it. It tells honest people what they see; it proves nothing.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np

KEY = b"signvip mark 1"  # another version of the mark has another key
REACH = 5  # cycles across a frame; higher ones fall to h264 at 64x64
BITS = 16
PERIOD = 1.0  # seconds in which the pattern turns once
TURNS = 4  # pictures in a period

_GRID = np.arange(-REACH, REACH + 1)
Array = np.ndarray


@cache
def waves() -> tuple[Array, Array]:
    """Frequencies (120, 2) as x, y in cycles a frame, and phases (120,) as complex numbers of length 1.

    The first half synchronises, the second half carries the payload.
    """
    every = np.stack(np.meshgrid(_GRID, _GRID), axis=-1).reshape(-1, 2)
    every = every[np.any(every != 0, axis=1)]
    numbers = np.frombuffer(hashlib.shake_256(KEY).digest(8 * len(every)), dtype="<u4").reshape(2, -1)
    return every[np.argsort(numbers[0], kind="stable")], np.exp(2j * np.pi * numbers[1] / 2**32)


def known() -> int:
    """Return how many waves are the same whatever the payload."""
    return len(waves()[1]) // 2


@cache
def words() -> Array:
    """Return a random sign for each payload and wave that carries it (65536, 60) int8: two words differ in about 30."""
    count = len(waves()[1]) - known()
    size = 2**BITS * count
    bits = np.unpackbits(
        np.frombuffer(hashlib.shake_256(KEY + b" words").digest(-(-size // 8)), dtype=np.uint8)
    )
    return bits[:size].astype(np.int8).reshape(2**BITS, count) * 2 - 1


def draw(payload: int, height: int, width: int) -> Array:
    """Draw the pattern (H, W) complex; its real and imaginary parts have a mean square of 1."""
    frequencies, phases = waves()
    signs = np.concatenate([np.ones(known()), words()[payload]])
    table = np.zeros((len(_GRID), len(_GRID)), dtype=complex)
    table[frequencies[:, 1] + REACH, frequencies[:, 0] + REACH] = phases * signs
    pattern = _planes(height).T @ table @ _planes(width)
    return np.round(
        pattern * np.sqrt(2 / len(phases)), 4
    )  # equal on machines whose sums differ in the last bits


def turn(seconds: float | Array) -> Array:
    """Return which of the four pictures is on at a time: the real part, the imaginary part, and both negated."""
    return np.floor(np.asarray(seconds) * TURNS / PERIOD + 1e-6).astype(int) % TURNS


def _planes(side: int) -> Array:
    """Waves along one side (11, side) at the middles of pixels."""
    return np.exp(2j * np.pi * np.outer(_GRID, (np.arange(side) + 0.5) / side))
