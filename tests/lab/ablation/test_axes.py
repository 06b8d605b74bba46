"""`--vary`: what it says, what it lays over the configuration, and what is refused."""

from __future__ import annotations

import pytest
from signvip_quantizers.fsq import LEVELS
from small import small_config

from signvip.errors import ConfigError
from signvip_lab.ablation.axes import CODES, make_axis, parse_axis
from signvip_lab.ablation.grid import make_cells, replaced


def cells(*axes):
    return make_cells(small_config(), [parse_axis(text) for text in axes])


def test_cells_are_all_combinations_with_the_last_axis_fastest():
    found = cells("seed=0,1", "stage2.learning_rate=0.1,0.2,0.3")
    assert [tuple(cell.labels.values()) for cell in found[:4]] == [(0, 0.1), (0, 0.2), (0, 0.3), (1, 0.1)]
    assert found[-1].config.seed == 1 and found[-1].config.stage2.learning_rate == 0.3
    assert found[-1].name == "seed=1 stage2.learning_rate=0.3"


@pytest.mark.parametrize(
    ("text", "section", "key", "value"),
    [
        ("augmentation=0.1", "stage1", "augmentation", 0.1),
        ("sampling=0.7", "translator", "sampling_rate", 0.7),
        ("steps=9", "sampler", "steps", 9),
        ("guidance=2", "sampler", "guidance", 2.0),
        ("scheduler=dpm++", "sampler", "scheduler", "dpm++"),
        ("autoencoder.block_out_channels=[8,16],[8]", "autoencoder", "block_out_channels", [8, 16]),
    ],
)
def test_short_names_and_keys(text, section, key, value):
    assert cells(text)[0].config.model_dump()[section][key] == value


def test_a_codebook_has_the_same_size_for_every_quantizer():
    found = cells("codebook=128,625,1024", "quantizer=fsq,vq")
    sizes = {tuple(cell.labels.values()): cell.config.quantizer.options for cell in found}
    assert sizes[128, "fsq"]["levels"] == [5, 5, 5] and sizes[128, "vq"]["codebook_size"] == 125
    assert sizes[625, "fsq"]["levels"] == [5] * 4 and sizes[625, "vq"]["codebook_size"] == 625
    assert sizes[1024, "vq"] == {"codebook_size": 1000}
    assert cells("quantizer=vq", "codebook=77")[0].config.quantizer.options["codebook_size"] == 77


def test_levels_are_near_their_size_and_five_or_more():
    from math import prod

    assert [prod(levels) for levels in LEVELS] == list(CODES.values()) and min(map(min, LEVELS)) >= 5
    assert all(abs(codes - size) < 0.1 * size for size, codes in CODES.items())


def test_conditions_and_compression():
    both, pose = cells("conditions=pose+hand3d,pose")
    assert list(both.config.conditions) == ["pose", "hand3d"] and list(pose.config.conditions) == ["pose"]
    widths = [cell.config.autoencoder["block_out_channels"] for cell in cells("compression=1,4,16")]
    assert widths == [[8], [8, 16, 16], [8, 16, 16, 16, 16]]


def test_without_quantization_values_are_fine_and_regressed():
    on, off = cells("quantization=on,off")
    assert on.config == small_config() and off.config.quantizer.options["levels"] == [32] * 4
    expected = {**on.config.translator.options, "levels": [32] * 4}
    assert (off.config.translator.name, off.config.translator.options) == ("regression", expected)


def test_coordinates_are_regressed_by_a_translator_of_the_same_size():
    tokens, direct = cells("prediction=tokens,coordinates")
    assert tokens.config == small_config() and direct.config.intermediate == "coordinates"
    assert direct.config.translator.name == "regression"
    assert direct.config.translator.options == tokens.config.translator.options


@pytest.mark.parametrize("axis", ["quantization=off", "prediction=coordinates"])
def test_a_translator_that_regresses_predicts_no_digits(axis):
    config = small_config(translator={"prediction": "digits"})
    (cell,) = make_cells(config, [parse_axis(axis)])
    assert (
        "prediction" not in cell.config.translator.options and cell.config.translator.options["layers"] == 1
    )


def test_a_value_can_name_several_options():
    axis = make_axis("arm", [{"label": "slow", "stage2": {"steps": 9}, "seed": 3}, {"label": "fast"}])
    slow, fast = make_cells(small_config(), [axis])
    assert (slow.config.stage2.steps, slow.config.seed, slow.labels) == (9, 3, {"arm": "slow"})
    assert fast.config == small_config()


def test_axes_of_the_same_name_are_replaced_in_their_place():
    axes = replaced(
        [parse_axis("seed=0,1"), parse_axis("steps=1,2")], [parse_axis("guidance=1"), parse_axis("seed=7")]
    )
    assert [(axis.name, [point.label for point in axis.points]) for axis in axes] == [
        ("seed", [7]),
        ("steps", [1, 2]),
        ("guidance", [1]),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seed", "--vary steps=20,50"),
        ("seed=", "--vary steps=20,50"),
        ("seed=1,1", "twice"),
        ("codebook=129", "choose 125, 240"),
        ("compression=3", "power of two"),
        ("quantization=half", "on or off"),
        ("prediction=words", "tokens or coordinates"),
        ("stage2.stps=1", "did you mean 'steps'"),
        ("stage2.steps=-1", "greater than 0"),
    ],
)
def test_what_varies_nothing_is_a_sentence(text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        cells(text)


@pytest.mark.parametrize("other", ["quantizer=vq", "quantizer.name=vq"])
def test_an_axis_that_is_given_twice_is_refused(other):
    axes = [parse_axis("quantizer=fsq"), parse_axis(other)]
    for refuse in (lambda: make_cells(small_config(), axes), lambda: replaced((), axes)):
        with pytest.raises(ConfigError, match=r"quantizer\.name is varied twice"):
            refuse()


def test_a_preset_is_no_axis():
    with pytest.raises(ConfigError, match="--preset"):
        parse_axis("preset=tiny,small")
