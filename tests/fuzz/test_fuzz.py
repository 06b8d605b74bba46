"""The quick part of `nox -s fuzz`: a few inputs of each kind, the same ones every time."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("hypothesis", reason="hypothesis is in the extra: test")

from session import fuzz
from targets import attempt, targets


@pytest.mark.parametrize("name", targets())
def test_what_is_nearly_right_is_a_sentence_or_a_right_result(name, tmp_path):
    counts: Counter[str] = Counter()
    fuzz(targets()[name], tmp_path, inputs=20, number=0, counts=counts)
    assert set(counts) == {"result", "refused"} and sum(counts.values()) >= 20  # the first is sound


def test_a_wrong_outcome_is_found(tmp_path):
    from dataclasses import replace

    target = targets()["manifests"]
    for run in (
        lambda *_: False,
        lambda *_: 1 / 0,
        lambda _, folder: bool((folder.parent / "x").mkdir()) or True,
    ):
        with pytest.raises((AssertionError, ZeroDivisionError)):
            attempt(replace(target, run=run), b"{}", tmp_path / "own")
        (tmp_path / "own" / "x").exists() and (tmp_path / "own" / "x").rmdir()
