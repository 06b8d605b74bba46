"""`signvip ablate`: what it prints, what it leaves, what a dry run says, and wrong usage."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import pandas
import pytest

from signvip_lab.ablation.study import study_names


@pytest.fixture
def ablate(signvip, trained):
    return lambda *words: signvip("ablate", *words, "--from", trained.run, "--shards", trained.shards)


SWEEP = ("--vary", "quantizer=fsq,vq", "--vary", "codebook=128,256")
OUT = Path("outputs/ablations/quantizer-codebook")


def test_a_sweep_leaves_tables_figures_and_a_page(ablate):
    planned = ablate(*SWEEP, "--dry-run")
    assert planned.exit_code == 0, planned.stderr
    lines = planned.stdout.splitlines()
    assert lines[0] == "quantizer=fsq codebook=128: taken vae, taken video, train tokens"
    assert "4 cells, 4 of them to compute" in planned.stdout and "in all, by a timing of" in lines[-1]
    assert not OUT.exists()
    result = ablate(*SWEEP)
    assert result.exit_code == 0, result.stderr
    assert "dev/usage ↑" in result.stdout.splitlines()[0] and f"{OUT}/report.html" in result.stdout
    table = pandas.read_csv(OUT / "table.csv")
    assert list(table["vocab_size"]) == [125, 240] * 2 and table["dev/usage"].between(0, 1).all()
    assert {path.suffix for path in (OUT / "figures").iterdir()} == {".png", ".pdf", ".json"}
    told = json.loads((OUT / "figures" / "dev-usage.json").read_text())
    fsq = next(series for series in told["panels"][0]["series"] if series["label"] == "quantizer fsq")
    assert fsq["mean"] == pytest.approx(table["dev/usage"][:2].tolist())
    page = (OUT / "report.html").read_text()
    assert page.count("<svg") == 5 and not re.search("https?:", page)
    planned = ablate(*SWEEP, "--dry-run")
    assert "nothing is left to do" in planned.stdout and "codebook=256: done" in planned.stdout


def test_a_dry_run_as_json_knows_what_was_timed_before(ablate):
    begin = time.perf_counter()
    ablate("--vary", "codebook=128", "--set", "stage2.steps=3", "--set", "stage2.log_every=1")
    took = time.perf_counter() - begin
    told = json.loads(ablate("--vary", "codebook=128,256", "--dry-run", "--json", "--out", "outputs/ablations/codebook",
                             "--set", "stage2.steps=3", "--set", "stage2.log_every=1").stdout)  # fmt: skip
    assert [cell["done"] for cell in told["cells"]] == [True, False]
    assert told["steps"] == {"tokens": 1} and 0 < told["seconds"] < took


def test_a_failed_cell_is_a_row_and_exit_1(ablate):
    result = ablate("--vary", "quantizer.bound=sigmoid,round", "--json")
    assert result.exit_code == 1
    assert [record["status"] for record in json.loads(result.stdout)] == ["done", "failed"]
    assert "error: 1 of 2 cells failed" in result.stderr and "bound" in result.stderr
    assert "bound" in (Path("outputs/ablations/quantizer.bound") / "table.md").read_text()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "name a study"),
        (("quantisers",), "did you mean 'quantizers'"),
        (("--vary", "codebook=3"), "choose 125"),
        (("--vary", "codebook=128", "--metric", "pnsr"), "did you mean 'psnr'"),
    ],
)
def test_mistakes_are_sentences(ablate, words, complaint):
    result = ablate(*words)
    assert result.exit_code == 1 and complaint in result.stderr
    assert not Path("outputs").exists()


def test_the_help_names_every_study(signvip):
    shown = signvip("ablate", "--help").stdout
    assert not [name for name in study_names() if name not in shown]


def test_missing_libraries_are_told_before_any_work(ablate, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = ablate(*SWEEP)
    assert result.exit_code == 1 and "pip install 'signvip[report]'" in result.stderr
    assert not Path("outputs").exists()
