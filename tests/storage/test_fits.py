"""Parts that were trained against others than those beside them are refused, by every command that reads a run."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import signvip
from signvip.config import parse_config
from signvip.errors import MismatchError, RunError
from signvip.generation import stored
from signvip.pipeline import SignVipPipeline
from signvip.settings import merge
from signvip.stages import train
from signvip.stages.derive import encode, tokenize
from signvip.storage import fits
from signvip_lab.evaluation.evaluate import evaluate


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained.run, tmp_path / "run")


def change(run, part):
    """Other weights, as another training would leave them."""
    path = next((run / part).glob("*.safetensors"))
    weights = load_file(path)
    name = next(name for name, value in weights.items() if value.is_floating_point())
    save_file({**weights, name: weights[name] + 0.01}, path, metadata={"format": "pt"})


def test_every_part_notes_what_it_was_trained_with(trained):
    made = {part: others for part, others in fits.TRAINED_WITH.items() if fits.has(trained.run, part)}
    assert set(fits.TRAINED_WITH) - set(made) == {"pose_drawer", "reference_head"}  # of runs that poses guide
    for part, others in made.items():
        noted = json.loads((trained.run / part / fits.NOTE).read_text())
        assert noted == {other: fits.fingerprint(trained.run, other) for other in others}
    fits.refuse_misfits(trained.run)


@pytest.mark.parametrize(
    ("changed", "part", "again"),
    [
        ("vae", "condition_encoder", "--stage 1 --fresh"),
        ("reference_net", "guider", "--stage 1 --fresh"),
        ("guider", "denoiser", "--stage 1 --fresh"),
        ("condition_encoder", "reference_net", "--stage 1 --fresh"),
        ("autoencoder", "translator", "signvip tokenize .*--stage 3"),
    ],
)
def test_a_pipeline_of_parts_that_do_not_fit_is_refused(run, changed, part, again):
    change(run, changed)
    with pytest.raises(MismatchError, match=f"The {part} of .* was trained with another {changed} .*{again}"):
        signvip.SignVipPipeline.from_pretrained(run)


def test_every_command_refuses_it(run, trained, tmp_path):
    change(run, "autoencoder")
    with pytest.raises(MismatchError, match="translator"):
        evaluate(trained.shards, tmp_path / "out", run=str(run))
    change(run, "condition_encoder")
    for command in (
        lambda: tokenize(trained.shards, tmp_path / "out", run=run),
        lambda: train(trained.config, 3, shards=trained.shards, run=run, resume=False),
    ):
        with pytest.raises(MismatchError, match="The autoencoder"):
            command()
    change(run, "vae")
    with pytest.raises(MismatchError, match="condition_encoder"):
        encode(trained.shards, tmp_path / "out", run=run, embeddings=True)
    assert not (tmp_path / "out").exists()


def test_another_quantizer_asks_for_another_translator(run, trained):
    values = merge(trained.config.model_dump(mode="json"), {"quantizer": {"name": "vq", "codebook_size": 64}})
    train(parse_config(values), 2, shards=trained.shards, run=run)
    with pytest.raises(MismatchError, match=r"translator .*signvip tokenize .*--stage 3"):
        signvip.SignVipPipeline.from_pretrained(run)


def test_runs_without_notes_go_on_loading(run):
    fits.forget(run)
    change(run, "guider")
    assert signvip.SignVipPipeline.from_pretrained(run).denoiser is not None


def test_a_saved_pipeline_claims_nothing_and_loads(run):
    pipe = signvip.SignVipPipeline.from_pretrained(run)
    pipe.save_pretrained(run)
    assert not list(run.glob(f"*/{fits.NOTE}"))
    signvip.SignVipPipeline.from_pretrained(run)


def test_the_embedded_model_is_noted(tmp_path):
    from signvip.generate import embedded_run

    assert all(
        (embedded_run() / part / fits.NOTE).is_file() for part in ("denoiser", "autoencoder", "translator")
    )
    fits.refuse_misfits(embedded_run())


def test_what_is_missing_or_does_not_fit_is_made_again_from_its_checkpoint(run, trained):
    before = {part: fits.fingerprint(run, part) for part in fits.TRAINED_WITH}
    shutil.rmtree(run / "guider")
    change(run, "denoiser")
    shutil.rmtree(run / "autoencoder")
    for stage in (1, 2):
        train(trained.config, stage, shards=trained.shards, run=run)
    assert {part: fits.fingerprint(run, part) for part in fits.TRAINED_WITH} == before


def test_motion_that_is_trained_otherwise_begins_with_the_image_phase_again(
    run, trained, plain_shards, tmp_path
):
    change_motion = {"stage1": {"motion": {"learning_rate": 0.01}}}
    config = parse_config(merge(trained.config.model_dump(mode="json"), change_motion))
    train(config, 1, shards=plain_shards, run=run)
    train(config, 1, shards=plain_shards, run=tmp_path / "new")
    assert fits.fingerprint(run, "denoiser") == fits.fingerprint(tmp_path / "new", "denoiser")
    assert fits.fingerprint(run, "denoiser") != fits.fingerprint(trained.run, "denoiser")


@pytest.mark.parametrize(
    "change",
    [{"stage2": {"learning_rate": 0.01}}, {"stage2": {"clips": 1}}, {"stage2": {"steps": 1}}, {"seed": 5}],
)
def test_a_training_that_is_asked_for_otherwise_is_not_the_one_that_was_done(run, trained, tmp_path, change):
    config = parse_config(merge(trained.config.model_dump(mode="json"), change))
    train(config, 2, shards=trained.shards, run=run)
    fresh = shutil.copytree(trained.run, tmp_path / "new", ignore=shutil.ignore_patterns("training"))
    train(config, 2, shards=trained.shards, run=fresh)
    weights = [load_file(next((folder / "autoencoder").glob("*.safetensors"))) for folder in (run, fresh)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("part", ["vae", "denoiser", "translator"])
def test_weights_that_are_not_finite_are_refused_where_they_are_read(run, part):
    path = next((run / part).glob("*.safetensors"))
    weights = load_file(path)
    name = next(name for name, value in weights.items() if value.is_floating_point())
    save_file({**weights, name: weights[name] * float("nan")}, path, metadata={"format": "pt"})
    fits.forget(run)
    with pytest.raises(signvip.RunError, match=f"{part} holds numbers that are not finite"):
        signvip.SignVipPipeline.from_pretrained(run)


def test_a_generation_that_gives_no_numbers_is_an_error(trained):
    pipe, picture = (
        signvip.SignVipPipeline.from_pretrained(trained.run),
        torch.zeros(32, 32, 3).byte().numpy(),
    )
    next(pipe.vae.decoder.parameters()).data.fill_(float("nan"))
    with pytest.raises(signvip.RunError, match="frames are not finite"):
        pipe("rain", picture, max_frames=2)
    next(pipe.denoiser.parameters()).data.fill_(float("inf"))
    with pytest.raises(signvip.RunError, match="latents are not finite"):
        pipe("rain", picture, max_frames=2)
    next(pipe.translator.network.heads.parameters()).data.fill_(float("nan"))
    with pytest.raises(signvip.RunError, match="translator predicts numbers that are not finite"):
        pipe("rain", picture, max_frames=2)


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_that_is_written_to_while_it_is_read_is_refused(run, monkeypatch, fails):
    read = stored.read_parts

    def read_late(folder, given):
        found = None if fails else read(folder, given)
        change(folder, "denoiser")
        if fails:
            raise RunError("the denoiser is damaged")
        return found

    monkeypatch.setattr(stored, "read_parts", read_late)
    with pytest.raises(RunError, match="was written to while it was read; wait"):
        SignVipPipeline.from_pretrained(run)


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("model_index.json", {"height": 128}),
        ("model_index.json", {"fps": 50.0}),
        ("scheduler/scheduler_config.json", {"beta_end": 0.0121}),
        ("scheduler/scheduler_config.json", {"num_train_timesteps": 100}),
        ("scheduler/scheduler_config.json", {"prediction_type": "flow"}),
    ],
)
def test_a_schedule_or_a_size_of_another_run_is_refused(run, file, changes):
    edit(run / file, **changes)
    (name,) = changes
    with pytest.raises(MismatchError, match=f"{name}={changes[name]}, the run was trained with"):
        signvip.SignVipPipeline.from_pretrained(run)


def test_a_schedule_that_says_nothing_is_refused_and_one_that_is_brought_is_not_compared(run):
    scheduler = signvip.SignVipPipeline.from_pretrained(run).scheduler
    (run / "scheduler" / "scheduler_config.json").write_text("{}")
    with pytest.raises(MismatchError, match="num_train_timesteps=None"):
        signvip.SignVipPipeline.from_pretrained(run)
    signvip.SignVipPipeline.from_pretrained(run, scheduler=scheduler)
    (run / "scheduler" / "scheduler_config.json").unlink()
    with pytest.raises(RunError, match="is not there; get the run again"):
        signvip.SignVipPipeline.from_pretrained(run)


def test_the_noise_of_a_trained_denoiser_stays(run, trained):
    values = merge(trained.config.model_dump(mode="json"), {"sampler": {"beta_end": 0.0121}})
    with pytest.raises(MismatchError, match=r"another sampler\.beta_end"):
        train(parse_config(values), 3, shards=trained.shards, run=run)


def test_the_third_stage_waits_for_the_quantizer_that_is_asked_for(run, trained, tmp_path):
    values = merge(trained.config.model_dump(mode="json"), {"quantizer": {"name": "vq", "codebook_size": 64}})
    edit(run / "config.json", quantizer=values["quantizer"])  # as a second stage leaves it that was stopped
    for command in (
        lambda: train(parse_config(values), 3, shards=trained.shards, run=run),
        lambda: tokenize(trained.shards, tmp_path / "out", run=run),
    ):
        with pytest.raises(MismatchError, match=r"asks for vq codebook_size=64; first run: .*--stage 2"):
            command()


def test_a_translator_of_another_vocabulary_is_refused(run):
    pipe = signvip.SignVipPipeline.from_pretrained(run)
    parts = dict(pipe.components)
    parts["translator"].register_to_config(vocab_size=7)
    with pytest.raises(MismatchError, match="translator has vocab_size=7"):
        signvip.SignVipPipeline(**parts)
