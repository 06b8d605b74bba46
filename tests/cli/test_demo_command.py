"""`signvip demo`: what its options ask for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.fixture
def asked(monkeypatch):
    """What the demo was asked for, which is not made."""
    found = {}

    def note(out, **options):
        found.update(options)
        return SimpleNamespace(numbers=None, videos=[], page=out / "report.html")

    monkeypatch.setattr("signvip_lab.demo.demo", note)
    monkeypatch.setattr("signvip_lab.evaluation.results.grids", lambda numbers: [])
    return found


@pytest.mark.parametrize(
    ("words", "preset"),
    [((), None), (("--train",), "tiny"), (("--train", "--preset", "small"), "small")],
)
def test_a_preset_is_trained_where_that_is_asked_for(signvip, asked, words, preset):
    assert signvip("demo", *words).exit_code == 0
    assert asked["train"] == preset and asked["clips"] == 4


def test_a_preset_without_training_is_wrong_usage(signvip, asked):
    result = signvip("demo", "--preset", "small")
    assert result.exit_code == 2 and "--train" in result.stderr and not asked
