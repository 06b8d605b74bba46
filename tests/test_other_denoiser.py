"""A third party's denoiser, which is no U-Net, through the whole chain: every stage, and all that reads a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from small import small_config

import signvip
from signvip.config import merge, parse_config
from signvip.data.shards import ShardIndex
from signvip.errors import ConfigError, MismatchError
from signvip.footprint.activations import training_needs
from signvip.footprint.parameters import count, count_motion, meta_networks
from signvip.generate import GenerateOptions, Request, generate
from signvip.models.networks import new_video_networks
from signvip.registry import registry
from signvip.release.embed import embed
from signvip.run import Run
from signvip.stages import train
from signvip.stages.derive import encode, tokenize
from signvip.stages.parts import load_denoiser
from signvip.stages.video_loss import VideoDiffusion
from signvip_lab.ablation.axes import make_axis, parse_axis
from signvip_lab.ablation.grid import make_cells
from signvip_lab.ablation.runner import make_plan, run_plan
from signvip_lab.evaluation.evaluate import EvaluateOptions, evaluate
from signvip_lab.evaluation.making import REBUILT

FILE = Path(__file__).parents[1] / "plugins" / "signvip-transformer" / "signvip_transformer.py"
CELLS = {
    "the paper's": {"name": "animatediff"},
    "transformer": {"name": "transformer", "width": 16, "layers": 1},
}
TRANSFORMER = {"name": "transformer", "width": 16, "layers": 1, "heads": 2}


@pytest.fixture(scope="module")
def installed():
    """The plugin's file is known while these tests run."""
    before, records = list(registry().records), registry().records
    registry().add_file(FILE)
    yield
    records[:] = before
    registry().manager.unregister(name=f"{FILE}:{FILE.stem}")


def config_of(**changes):
    values = small_config().model_dump(mode="json")
    return parse_config(merge(merge(values, {"denoiser": TRANSFORMER}), changes))


@pytest.fixture(scope="module")
def made(installed, plain_shards, tmp_path_factory):
    folder = tmp_path_factory.mktemp("other")
    shards, run, config = shutil.copytree(plain_shards, folder / "shards"), folder / "run", config_of()
    train(config, 1, shards=shards, run=run)
    encode(shards, shards, run=run)
    train(config, 2, shards=shards, run=run)
    tokenize(shards, shards, run=run)
    train(config, 3, shards=shards, run=run)
    return SimpleNamespace(run=run, shards=shards, config=config)


def test_it_is_stored_in_one_folder_and_both_phases_have_trained_it(made):
    run = Run.open(made.run)
    assert run.has("denoiser") and not run.has("guider") and not run.has("reference_net")
    assert json.loads((made.run / "config.json").read_text())["guider"] == {}
    denoiser = load_denoiser(run)
    assert (
        denoiser.has_motion
        and denoiser.likeness == json.loads((made.run / "denoiser" / "config.json").read_text())["likeness"]
    )
    (motion,) = denoiser.network.motion
    assert (
        motion.linear2.weight.any() and motion.self_attn.out_proj.weight.any()
    )  # zero before they are trained


def test_what_is_trained_is_not_trained_again_and_goes_on_where_it_stopped(made, tmp_path):
    run = shutil.copytree(made.run, tmp_path / "run")
    before = Run.open(run).fingerprint("denoiser")
    train(made.config, 1, shards=made.shards, run=run)
    assert Run.open(run).fingerprint("denoiser") == before
    longer = config_of(stage1={"motion": {"steps": 4}})
    train(longer, 1, shards=made.shards, run=run)
    assert Run.open(run).fingerprint("denoiser") != before


def test_another_denoiser_is_refused_where_one_is_trained(made):
    with pytest.raises(MismatchError, match="another denoiser"):
        train(small_config(), 1, shards=made.shards, run=made.run)


@pytest.mark.parametrize("source", ["run", "saved by the pipeline", "as an older run names it"])
def test_it_generates_the_same_from_the_run_and_from_what_the_pipeline_saves(made, tmp_path, source):
    grey = np.full((32, 32, 3), 120, np.uint8)

    def frames(folder):
        pipe = signvip.SignVipPipeline.from_pretrained(folder, reuse_every=2)
        pipe.set_progress_bar_config(disable=True)
        options = {"max_frames": 10, "guidance_scale": 2.0, "output_type": "np"}
        return pipe, pipe("rain", grey, generator=torch.Generator().manual_seed(1), **options).frames

    pipe, expected = frames(made.run)
    folder = made.run if source == "run" else tmp_path / "saved"
    if folder != made.run:
        pipe.save_pretrained(folder)
    if source == "as an older run names it":
        index = folder / "model_index.json"
        named = index.read_text().replace("signvip.models.video_denoiser", "signvip.models.denoising")
        assert "signvip.models.denoising" in named
        index.write_text(named)
    assert np.array_equal(frames(folder)[1], expected)


def test_a_video_and_a_table_are_made(made, tmp_path):
    picture = tmp_path / "ref.png"
    Image.fromarray(np.full((32, 32, 3), 120, np.uint8)).save(picture)
    options = GenerateOptions(max_frames=4)
    (video,) = generate([Request("rain", picture, tmp_path / "a.mp4")], run=str(made.run), options=options)
    assert video.stat().st_size
    assert len(ShardIndex(made.shards, "test")) == 2
    found = evaluate(
        made.shards,
        tmp_path / "out",
        run=str(made.run),
        options=EvaluateOptions(metrics=["psnr"], sampling=options),
    )
    assert np.isfinite(found.value(REBUILT, "psnr"))


def test_it_is_embedded_in_half_precision(made, tmp_path):
    folder = embed(made.run, tmp_path / "embedded")
    pipe = signvip.SignVipPipeline.from_pretrained(folder)
    assert type(pipe.denoiser.network).__name__ == "Transformer"
    theirs = load_denoiser(Run.open(made.run)).state_dict()
    for name, weight in pipe.denoiser.state_dict().items():
        assert torch.equal(weight.float(), theirs[name].half().float())


def test_it_is_counted_and_its_memory_foretold(installed):
    networks = meta_networks(config_of())
    parts = networks.by_part()
    assert "guider" not in parts and parts["denoiser"] is networks.denoiser
    motion = count_motion(networks.denoiser, networks.denoiser)
    assert 0 < motion < count(networks.denoiser)
    image, moving = training_needs(config_of(), ["stage1 image", "stage1 motion"])
    assert moving.trained == motion and image.trained == (
        count(networks.denoiser) - motion + count(networks.condition_encoder)
    )
    assert image.activations and moving.activations


def test_an_ablation_compares_it_with_the_papers(made, trained, tmp_path):
    """One VAE for both cells; then each trains its own video model, of which the other's is run here."""
    axis = make_axis("denoiser", [{"label": name, "denoiser": layer} for name, layer in CELLS.items()])
    cells = make_cells(trained.config, [axis])
    plan = make_plan(cells, trained.shards, tmp_path, 1, source=trained.run)
    paper, other = ({step.kind.name: step for step in steps} for steps in plan.steps)
    assert paper["vae"].id == other["vae"].id and paper["video"].id != other["video"].id
    assert "guider" in paper["video"].parts and other["video"].parts == ("condition_encoder", "denoiser")
    (record,) = run_plan(make_plan(cells[1:], trained.shards, tmp_path, 1, source=trained.run))
    assert record.status == "done"
    (folder,) = (tmp_path / "stages").glob("video-*")
    assert (folder / "denoiser").is_dir() and not (folder / "guider").exists()


def test_a_short_axis_names_denoisers(installed):
    cells = make_cells(small_config(), [parse_axis("denoiser=animatediff,transformer")])
    assert [cell.config.denoiser.name for cell in cells] == ["animatediff", "transformer"]
    assert cells[0].config == small_config()


def test_options_of_another_denoiser_are_refused_before_anything_is_trained(
    installed, plain_shards, tmp_path
):
    with pytest.raises(ConfigError, match="unknown key 'guider'"):
        train(config_of(guider={"injection": "down_blocks"}), 1, shards=plain_shards, run=tmp_path / "run")
    assert not (tmp_path / "run" / "vae").exists()
    with pytest.raises(ConfigError, match="unknown key 'guider'"):
        meta_networks(config_of(guider={"injection": "down_blocks"}))
    with pytest.raises(ConfigError, match="no backbone"):
        training_needs(config_of(stage1={"denoiser": "frozen"}), ["stage1 image"])


def test_gradient_checkpointing_changes_no_gradient(installed):
    def gradients(**stage1):
        torch.manual_seed(0)
        config = config_of(stage1=stage1)
        nets = VideoDiffusion(config, *new_video_networks(config, motion=True))
        batch = {
            "latents": torch.randn(2, 3, 4, 16, 16),
            "reference": torch.randn(2, 4, 16, 16),
            "conditions": torch.zeros(2, 3, 3 * len(config.conditions), *config.size, dtype=torch.uint8),
            "step": 0,
        }
        nets(batch)[0].backward()
        return {name: weight.grad for name, weight in nets.named_parameters() if weight.grad is not None}

    plain, again = gradients(), gradients(gradient_checkpointing=True)
    assert plain.keys() == again.keys() and len(plain) > 20
    assert all(torch.allclose(again[name], gradient, atol=1e-6) for name, gradient in plain.items())
