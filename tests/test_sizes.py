"""The presets of full size on the meta device: counts of parameters against the published ones."""

from __future__ import annotations

import pytest

from signvip.config import load_config
from signvip.sizes import count, count_motion, meta_networks, paper_count


@pytest.fixture(scope="module")
def networks():
    built = meta_networks(load_config("how2sign-release"))
    return {**vars(built), "encoder": built.autoencoder.encoder, "decoder": built.autoencoder.decoder}


@pytest.mark.parametrize(
    ("part", "millions"),
    [
        ("vae", 83.654),
        ("condition_encoder", 0.698 + 0.603),
        ("guider", 63.049 + 85.687),
        ("denoiser", 1276.659),
        ("reference_net", 857.067),
        ("encoder", 98.742),
        ("decoder", 146.604),
    ],
)
def test_each_part_of_the_release_has_its_published_size(networks, part, millions):
    assert count(networks[part]) / 1e6 == pytest.approx(millions, abs=1.1e-3)


def test_motion_is_the_published_share(networks):
    assert count_motion(networks["denoiser"]) / 1e6 == pytest.approx(417.138, abs=1e-3)
    assert count_motion(networks["guider"]) / 1e6 == pytest.approx(85.687, abs=1e-3)


def test_nothing_is_materialised(networks):
    assert {weight.device.type for part in networks.values() for weight in part.parameters()} == {"meta"}


def test_table_7_to_the_last_parameter():
    assert paper_count(load_config("how2sign-release")) == 2_777_920_235


def test_the_smaller_release():
    assert paper_count(load_config("rwth-release")) / 1e6 == pytest.approx(2583.57, abs=5e-3)


@pytest.mark.parametrize("preset", ["rwth", "how2sign"])
def test_the_papers_presets_build(preset):
    assert meta_networks(load_config(preset)).condition_encoder.gate is None
