"""The places of letters: each language's are brought to one place before the signer, with hands of one length."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from signvip_toysign.hand import forward, handshape
from signvip_toysign.rotations import axes, orientation

from signvip.errors import DataError
from signvip.estimation.stored import read
from signvip.estimation.stored_clip import Stored
from signvip_datasets.lexicon.hand_bones import Hands
from signvip_datasets.lexicon.holds import Letter, cut_letter, same_depth
from signvip_datasets.lexicon.index import Alphabet
from signvip_datasets.lexicon.letters import LONGEST

LOGGER = logging.getLogger("signvip.lexicon")

# Widths of the shoulders, from between them: x to the left of the signer, y down, z from the viewer. Languages differ
# in where they spell (x -1.2 to 0.5, y -0.9 to 0.9); hands are drawn 1.26 times as large as they are, to be read.
HAND = 0.585 * 1.26
ONE_HAND, TWO_HANDS = np.array([-0.56, -0.04, 0.0]), np.array([-0.10, 0.16, 0.0])  # the right hand; both
AHEAD = -0.62
CROP, MIDDLE = 2.0, np.array([-0.10, -0.20])  # side of the picture and its middle, for the right hand
_MARGIN = 0.05  # of the picture's edge to a joint
_REST = np.array([0.60, 1.42, -0.10])  # of a hand that hangs, on its own side


@dataclass(frozen=True)
class Placed:
    """A letter in widths of the shoulders: what its hands do over its moments (T, ...), the other one at rest."""

    hands: Hands
    sides: tuple[bool, bool]
    seconds: float  # of a letter that moves, else 0


@dataclass(frozen=True)
class Signing:
    """All of an alphabet that can be signed, why the rest cannot, and whether it is spelled with the left hand."""

    letters: Mapping[str, Placed]
    faults: Mapping[str, str]
    left_handed: bool


def rest() -> Hands:
    """Return both hands hanging (2, ...)."""
    shape = forward(handshape("rest"), axes(orientation("down", "in")), HAND)
    sides = [(shape + _REST) * (1 if side == 0 else -1, 1, 1) for side in (0, 1)]
    return Hands.of(np.stack(sides))


def signing(alphabet: Alphabet) -> Signing:
    """Read every file of an alphabet and place its letters; DataError where fewer than two can be used."""
    letters: dict[str, Letter] = {}
    faults: dict[str, str] = {}
    clips: dict[str, Stored] = {}
    for key, entry in alphabet.entries.items():
        with _told(faults, key):
            clips[key] = read(entry.path)
    for key, clip in same_depth(clips).items():
        with _told(faults, key):
            letters[key] = cut_letter(clip, alphabet.entries[key].path, whole=len(key) > LONGEST)
    for key, reason in faults.items():
        LOGGER.warning("%s of %s cannot be signed: %s", alphabet.entries[key].word, alphabet.language, reason)
    if len(letters) < 2:
        reason = next(iter(faults.values()))
        raise DataError(
            f"Of the {len(alphabet.entries)} entries of {alphabet.language} {len(letters)} can be signed, since "
            f"{reason}."
        )
    one_handed = [letter.sides for letter in letters.values() if sum(letter.sides) == 1]
    left_handed = sum(sides[0] for sides in one_handed) > len(one_handed) / 2
    usual = {sides: _usual(letters, sides) for sides in {letter.sides for letter in letters.values()}}
    placed = {
        key: _placed(letter, _target(letter.sides) - usual[letter.sides]) for key, letter in letters.items()
    }
    return Signing(placed, faults, left_handed)


@contextmanager
def _told(faults: dict[str, str], key: str) -> Iterator[None]:
    """Note what is wrong with a file, and go on."""
    try:
        yield
    except DataError as error:
        faults[key] = str(error).rstrip(".")


def _usual(letters: Mapping[str, Letter], sides: tuple[bool, bool]) -> np.ndarray:
    """Return the usual (median) place of the letters that are signed by these hands."""
    return np.median([letter.centre for letter in letters.values() if letter.sides == sides], axis=0)


def _target(sides: tuple[bool, bool]) -> np.ndarray:
    if all(sides):
        return TWO_HANDS
    return ONE_HAND * (-1 if sides[0] else 1, 1, 1)


def _placed(letter: Letter, shift: np.ndarray) -> Placed:
    """Hands of one length about the letter's own place, moved by the language's shift; enlarged about their middle."""
    hands = letter.hands
    wrist = letter.centre + shift + HAND * hands.wrist + (0, 0, AHEAD)
    placed = Hands(wrist, hands.turn, HAND * hands.bones)
    placed = Hands(wrist + _into_picture(placed, letter.sides), placed.turn, placed.bones)
    for side in (0, 1):
        if not letter.sides[side]:
            placed = placed.with_side(side, rest())
    return Placed(placed, letter.sides, letter.seconds)


def _into_picture(hands: Hands, sides: tuple[bool, bool]) -> np.ndarray:
    """Return the way (3,) that brings the hands that take part into the picture; their middle where they are larger."""
    joints = hands.joints()[:, list(sides), :, :2].reshape(-1, 2)
    room = CROP / 2 - _MARGIN
    from_middle = joints - MIDDLE * (-1 if sides == (True, False) else 1, 1)
    low, high = from_middle.min(axis=0), from_middle.max(axis=0)
    fits = high - low <= 2 * room
    way = np.where(fits, np.maximum(-room - low, 0) + np.minimum(room - high, 0), -(low + high) / 2)
    return np.array([*way, 0.0])
