"""The paper's own numbers, for where they may stand beside ours: the same dataset, split, size and definition."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pydantic import Field

from signvip.contracts import Config
from signvip.data.manifest import Manifest


class Corpus(Config):
    """A dataset as the paper has it: our name for it, the size of frames, the clips of its test split."""

    dataset: str
    size: tuple[int, int]
    clips: int


class TableRow(Config):
    """One method on one dataset."""

    corpus: str
    name: str
    values: tuple[float, ...]


class Table(Config):
    """One table; `ours` are the columns that we define alike, `why` the reasons of the others."""

    number: int
    title: str
    columns: tuple[str, ...]
    ours: dict[str, str] = Field(default_factory=dict)
    why: tuple[str, ...]
    rows: tuple[TableRow, ...]


class Paper(Config):
    """All that the paper prints."""

    corpora: dict[str, Corpus]
    reasons: dict[str, str]
    table: tuple[Table, ...]


@dataclass(frozen=True)
class Reference:
    """A row of the paper beside ours: its values by `row/name`."""

    name: str
    values: dict[str, float]


@dataclass(frozen=True)
class Protocol:
    """The basis of a comparison: the data, its split, and whether all of it was used."""

    manifest: Manifest
    split: str
    whole: bool  # every clip of the split


@cache
def published() -> Paper:
    """Return the paper's tables."""
    return Paper(**tomllib.loads((files("signvip_lab.ablation") / "paper.toml").read_text(encoding="utf-8")))


def beside(keys: Sequence[str], protocol: Protocol) -> list[Reference]:
    """Return the rows of the paper that have one of these values under this protocol; none on another dataset."""
    corpus = next((name for name, wanted in published().corpora.items() if _same(wanted, protocol)), None)
    return [] if corpus is None else list(_references(keys, corpus))


def _same(corpus: Corpus, protocol: Protocol) -> bool:
    manifest = protocol.manifest
    name = "".join(letter for letter in manifest.dataset.lower() if letter.isalnum())
    counts = manifest.splits.get(protocol.split)
    return (
        (name, tuple(manifest.size), protocol.split) == (corpus.dataset, corpus.size, "test")
        and protocol.whole
        and counts is not None
        and counts.clips_out == corpus.clips
    )


def _references(keys: Sequence[str], corpus: str) -> Iterator[Reference]:
    for table in published().table:
        for row in table.rows:
            numbers = dict(zip(table.columns, row.values, strict=True))
            found = {key: numbers[column] for column, key in table.ours.items() if key in keys}
            if row.corpus == corpus and found:
                yield Reference(f"paper, table {table.number}: {row.name}", found)
