"""The studies that travel with the package, and the paper's own numbers."""

from __future__ import annotations

import pytest
from signvip_metrics import NAMES as COLUMNS

from signvip.config import load_config
from signvip.data.manifest import Manifest
from signvip.errors import ConfigError
from signvip_lab.ablation.grid import make_cells
from signvip_lab.ablation.measure import LOGGED
from signvip_lab.ablation.paper import Protocol, beside, published
from signvip_lab.ablation.study import read_study, study_names
from signvip_lab.evaluation.making import ROWS


@pytest.mark.parametrize("name", study_names())
def test_every_study_makes_cells_of_the_small_preset(name):
    study = read_study(name)
    cells = make_cells(load_config("tiny"), study.axes)
    labels = {axis.name: {point.label for point in axis.points} for axis in study.axes}
    assert len(cells) > 1 and study.title and study.columns and study.figure
    for goal in study.goal:
        for side in (goal.better, goal.worse):
            assert all(label in labels[axis] for axis, label in side.items())
    for figure in study.figure:
        assert figure.x in {*labels, "vocab_size"} and set(figure.y) <= set(study.columns)
        assert figure.lines is None or figure.lines in labels


@pytest.mark.parametrize("name", study_names())
def test_every_column_is_a_value_that_something_measures(name):
    measured = {*COLUMNS, *(f"bleu{order}" for order in (1, 2, 3, 4))}
    for column in read_study(name).columns:
        row, _, value = column.removesuffix(" (video)").removesuffix(" (pose)").partition("/")
        assert value in LOGGED if row == "dev" else row in ROWS and value in measured
        assert column.endswith(")") == (value.startswith("bleu") or value in ("rouge_l", "chrf", "wer"))


def test_quantizers_compares_three_arms_of_equal_size_with_three_seeds():
    cells = make_cells(load_config("tiny"), read_study("quantizers").axes)
    arms = {cell.labels["quantizer"]: cell.config.quantizer for cell in cells}
    assert [arm.name for arm in arms.values()] == ["fsq", "vq", "vq"]
    plain, revived = list(arms.values())[1:]
    assert (plain.options["decay"], plain.options["threshold_ema_dead_code"]) == (0.8, 0)
    assert revived.options["threshold_ema_dead_code"] > 0
    assert len(cells) == 3 * 6 * 3 and {cell.config.stage2 for cell in cells} == {load_config("tiny").stage2}


def test_a_study_of_ones_own_is_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('title = "Mine"\n[[axis]]\nname = "seed"\nvalues = [0, 1]\n')
    assert read_study(str(path)).axes[0].name == "seed" and read_study(str(path)).name == "mine"
    path.write_text('title = "Mine"\nfigures = 3\n')
    with pytest.raises(ConfigError, match="did you mean 'figure'"):
        read_study(str(path))
    with pytest.raises(ConfigError, match="did you mean 'quantizers'"):
        read_study("quantisers")


def test_the_papers_tables_are_whole():
    tables = {table.number: table for table in published().table}
    assert sorted(tables) == [1, 2, 3, 4, 5, 6, 7]
    for table in tables.values():
        assert len(table.why) == len(table.columns)
        assert all(
            len(row.values) == len(table.columns) and row.corpus in published().corpora for row in table.rows
        )
        for column, why in zip(table.columns, table.why, strict=True):
            assert (column in table.ours) != (why in published().reasons)
    assert tables[5].rows[2].values == (275.22, 0.614, 8.65, 28.85)


def protocol(**changes) -> Protocol:
    values = {
        "made_by": "signvip",
        "dataset": "Phoenix14T",
        "conditions": {},
        "size": (272, 224),
        "fps": 25.0,
        "splits": {"test": dict(clips_in=642, clips_out=642, failed=0, frames=1, seconds=1.0, signers=9)},
    }
    split, whole = changes.pop("split", "test"), changes.pop("whole", True)
    return Protocol(Manifest(**{**values, **changes}), split, whole)


def test_the_paper_stands_beside_ours_only_under_its_own_protocol():
    keys = ["from true conditions/psnr", "from true conditions/hand_ssim", "from the text/bleu4"]
    found = beside(keys, protocol())
    assert [reference.name for reference in found][-1] == "paper, table 4: Sign Video Diffusion Model"
    assert found[-1].values == {
        "from true conditions/psnr": 22.91
    }  # of Hand SSIM and BLEU it has other definitions
    assert beside(["from the text/bleu4"], protocol()) == []
    for other in (
        {"dataset": "ToySign"},
        {"size": (64, 64)},
        {"split": "dev"},
        {"whole": False},
        {"splits": {"test": dict(clips_in=9, clips_out=9, failed=0, frames=1, seconds=1.0, signers=9)}},
    ):
        assert beside(keys, protocol(**other)) == []
