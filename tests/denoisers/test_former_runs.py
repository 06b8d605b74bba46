"""Runs and files from before there were other denoisers: what they do not name is the first one, for good."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
import torch
from signvip_denoisers.animatediff import AnimateDiff
from small import small_config

import signvip
from signvip.config import load_config, parse_config
from signvip.footprint.parameters import meta_networks
from signvip.generate import embedded_run
from signvip.models.video_denoiser import INDEXED
from signvip.pipeline import SignVipPipeline, save_index
from signvip.run import OF_POSES, Run
from signvip.settings import merge, option


def test_a_section_without_a_name_is_of_the_first_denoiser_and_is_written_as_ever():
    config = small_config()
    assert config.denoiser.name == "animatediff"
    told = config.model_dump(mode="json")
    assert "name" not in told["denoiser"] and parse_config(told) == config
    named = parse_config(merge(told, {"denoiser": {"name": "animatediff"}}))
    assert named == config  # its options are kept: it is no other one


def test_sections_of_its_own_are_options_of_the_denoiser():
    config = small_config(
        guider={"injection": "down_blocks"}, denoiser={"reference_net": {"keeps": "last_norm"}}
    )
    assert config.denoiser_options["guider"] == {"injection": "down_blocks"}
    assert config.denoiser_options["reference_net"] == {"features": "attention_input", "keeps": "last_norm"}


def test_another_name_drops_all_its_options():
    layers = merge(load_config("tiny").model_dump(mode="json"), {"denoiser": {"name": "other", "width": 8}})
    assert layers["denoiser"] == {"name": "other", "width": 8}
    assert "guider" not in layers and "reference_net" not in layers
    config = parse_config(layers)
    assert config.denoiser_options == {"width": 8} and config.guider == {}
    assert option(config.model_dump(mode="json"), "denoiser.name") == "other"


def test_unknown_options_are_told_by_the_plugin():
    with pytest.raises(signvip.ConfigError, match=r"denoiser animatediff: unknown key 'guider\.inject'"):
        meta_networks(small_config(guider={"inject": "down_blocks"}))


@pytest.mark.parametrize("part", INDEXED)
def test_modules_that_runs_name_lead_to_the_networks(part):
    module, name = INDEXED[part]
    assert getattr(import_module(module), name) is AnimateDiff.stores[part]
    assert getattr(import_module("signvip.models.video_diffusion"), name) is AnimateDiff.stores[part]
    with pytest.raises(AttributeError, match="no attribute 'Other'"):
        _ = import_module(module).Other


def test_the_embedded_model_is_one_part_and_its_index_is_written_again_as_it_is(tmp_path):
    pipe = SignVipPipeline.from_pretrained(embedded_run())
    parts = {"vae", "denoiser", "autoencoder", "translator", "scheduler", *OF_POSES}
    assert set(pipe.components) == parts
    pipe.save_pretrained(tmp_path / "saved")
    index = json.loads((tmp_path / "saved" / "model_index.json").read_text())
    assert {part: index[part] for part in INDEXED} == INDEXED
    again = SignVipPipeline.from_pretrained(tmp_path / "saved")
    theirs = again.denoiser.state_dict()
    assert all(torch.equal(weight, theirs[name]) for name, weight in pipe.denoiser.state_dict().items())
    assert again.denoiser.likeness == pipe.denoiser.likeness is not None


def test_a_run_s_index_names_its_parts_as_before(trained, tmp_path):
    """Byte for byte: whoever has an older SignViP can read it."""
    index = json.loads((trained.run / "model_index.json").read_text())
    assert {part: index[part] for part in INDEXED} == INDEXED
    run, pipe = Run.open(trained.run), SignVipPipeline.from_pretrained(trained.run)
    parts = {name: part for name, part in pipe.components.items() if name != "scheduler"}
    (tmp_path / "run").mkdir()
    save_index(tmp_path / "run", run.config, parts)
    assert (tmp_path / "run" / "model_index.json").read_bytes() == (
        trained.run / "model_index.json"
    ).read_bytes()
