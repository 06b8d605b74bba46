"""Texts to spell: the lines of a file, or names and words drawn at random, of which each split has its own."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Collection, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from signvip_toysign.signer import generator

from signvip.contracts import SPLITS
from signvip.errors import DataError
from signvip_datasets.lexicon.letters import LONGEST, fold, missing, spell

HELD_OUT = {"test": range(15), "dev": range(15, 25), "train": range(25, 100)}  # shares of all words, in %
_REAL = 0.4  # of the words drawn are of the list; the others are made up
_LENGTHS = (3, 9)  # letters of a word that is made up
_TRIES = 400  # words drawn until one belongs to a split


def read_texts(path: Path) -> list[str]:
    """Return the lines of a file that are not empty, each once; DataError for a file without any."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not text in UTF-8 ({error}); give one text a line.") from error
    texts = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not texts:
        raise DataError(f"{path} is empty; write one text a line.")
    return texts


def split_of(text: str) -> str:
    """Return the only split in which a text or a word may occur: by a hash of its letters, the same for any seed."""
    share = int(generator("held out", fold(text, "")).integers(100))
    return next(split for split in SPLITS if share in HELD_OUT[split])


def draw(split: str, entries: Collection[str], written: str, words: int, rng: np.random.Generator) -> str:
    """Return a text of one to `words` words of a split that an alphabet can spell, some with a full stop."""
    count = int(rng.integers(1, words + 1))
    text = " ".join(_word(split, entries, written, rng) for _ in range(count))
    return f"{text}." if count > 1 and rng.random() < 0.3 else text


def _word(split: str, entries: Collection[str], written: str, rng: np.random.Generator) -> str:
    """Return a real word or one made up; of a lexicon of words, one of its own: a split has none of its own."""
    whole = [entry for entry in entries if len(entry) > LONGEST]
    letters = tuple(sorted(entry for entry in entries if len(entry) <= LONGEST))
    if whole and (not letters or rng.random() < 0.5):
        return str(rng.choice(sorted(whole)))
    real = _spellable(written, letters)
    for _ in range(_TRIES):
        word = (
            str(rng.choice(real)) if real and rng.random() < _REAL else _made_up(real, letters, written, rng)
        )
        if split_of(word) == split:
            return word
    raise DataError(
        f"no word of {split} can be made of {', '.join(letters)}; add letters, or ask for train alone"
    )


@cache
def _spellable(written: str, letters: tuple[str, ...]) -> tuple[str, ...]:
    """Return the listed words of a written language of which an alphabet lacks no letter."""
    return tuple(
        word for word in _listed().get(written.partition("-")[0], ()) if not missing(word, letters, written)
    )


@cache
def _listed() -> dict[str, tuple[str, ...]]:
    table = tomllib.loads(
        files("signvip_datasets.lexicon").joinpath("words.toml").read_text(encoding="utf-8")
    )
    return {written: tuple(words.split()) for written, words in table.items()}


def _made_up(real: Sequence[str], letters: Sequence[str], written: str, rng: np.random.Generator) -> str:
    """Letters that follow each other as in real words, one in six any letter; any at all where no words are known."""
    length = int(rng.integers(*_LENGTHS))
    followers = _followers(tuple(real), tuple(letters), written)
    word = [str(rng.choice(letters))]
    while len(word) < length:
        known = followers.get(word[-1], ())
        word.append(str(rng.choice(known if known and rng.random() > 1 / 6 else letters)))
    return "".join(word).capitalize()


@cache
def _followers(real: tuple[str, ...], letters: tuple[str, ...], written: str) -> dict[str, tuple[str, ...]]:
    """Return what follows each letter in the words, as often as it does."""
    found: dict[str, list[str]] = {}
    for word in real:
        keys = [one.key for one in spell(word, letters, written) for _ in range(one.times)]
        for one, other in itertools.pairwise(keys):
            found.setdefault(one, []).append(other)
    return {key: tuple(others) for key, others in found.items()}
