"""The whole chain, small: every stage uses what the one before has just written."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small import make_shards, small_config

import signvip
from signvip.data.shards import ShardIndex
from signvip.data.video import read_video
from signvip.errors import DataError, MismatchError, RunError, SignVipWarning
from signvip.generate import GenerateOptions, Request, generate
from signvip.models import ConditionEncoder
from signvip.stages import train
from signvip.stages.clips import Clips
from signvip.stages.derive import encode, tokenize

TEXT = "tomorrow it will rain in the north"


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "ref.png"
    Image.fromarray(np.full((90, 60, 3), 120, np.uint8)).save(path)
    return path


def test_generate_writes_a_video_that_says_how_it_was_made(trained, picture, tmp_path):
    output = tmp_path / "out" / "video.mp4"
    generate([Request(TEXT, picture, output)], run=str(trained.run))
    frames, fps = read_video(output.read_bytes())
    told = json.loads(output.with_suffix(".json").read_text())
    assert frames.shape == (told["frames"], 32, 32, 3) and fps == 12
    assert told["generated"] is True and told["text"] == TEXT and len(told["weights"]) == 12
    assert np.array(told["tokens"]).shape == (len(frames), 16)


def test_a_seed_repeats_a_result_alone_and_among_others(trained, picture, tmp_path):
    def make(name: str, texts: list[str], seed: int) -> list[bytes]:
        requests = [Request(text, picture, tmp_path / name / f"{i}.mp4") for i, text in enumerate(texts)]
        return [
            path.read_bytes()
            for path in generate(requests, run=str(trained.run), options=GenerateOptions(seed=seed))
        ]

    alone = make("a", [TEXT], 5)[0]
    assert alone == make("b", ["snow on monday", TEXT], 5)[1]
    assert alone != make("c", [TEXT], 6)[0]


def test_pipeline_speaks_as_diffusers_do(trained, picture):
    pipe = signvip.SignVipPipeline.from_pretrained(trained.run)
    pipe.set_progress_bar_config(disable=True)
    result = pipe(
        TEXT,
        reference=Image.open(picture),
        num_inference_steps=2,
        output_type="np",
        generator=torch.Generator().manual_seed(0),
    )
    assert result.frames.shape == (len(result.tokens), 32, 32, 3)
    assert 0 <= result.frames.min() and result.frames.max() <= 1
    again = pipe(
        "unused",
        picture,
        tokens=result.tokens,
        num_inference_steps=2,
        output_type="pt",
        generator=torch.Generator().manual_seed(0),
    )
    assert np.allclose(again.frames.permute(0, 2, 3, 1).numpy(), result.frames, atol=1e-6)


def test_a_step_is_told_as_by_diffusers_and_may_change_the_latents(trained, picture):
    pipe = signvip.SignVipPipeline.from_pretrained(trained.run)
    told = []

    def callback(caller, step, timestep, values):
        told.append((caller, step, tuple(values)))
        return {"latents": torch.zeros_like(values["latents"])}

    options = {"max_frames": 2, "num_inference_steps": 2, "output_type": "latent"}
    latents, tokens = pipe(
        TEXT, picture, callback_on_step_end=callback, callback_on_step_end_tensor_inputs=["latents"],
        return_dict=False, **options,
    )  # fmt: skip
    assert told == [(pipe, 0, ("latents",)), (pipe, 1, ("latents",))]
    assert not latents.any() and tokens.shape == (len(latents), pipe.autoencoder.tokens_per_frame)
    with pytest.raises(signvip.ConfigError, match=r"ask for \['latents'\]"):
        pipe(TEXT, picture, callback_on_step_end_tensor_inputs=["noise"], **options)


def test_a_language_that_changes_nothing_is_told(trained):
    pipe = signvip.SignVipPipeline.from_pretrained(trained.run)
    with pytest.warns(SignVipWarning, match="'qaa' changes nothing"):
        pipe.translate([TEXT], language="qaa", max_frames=2)


def test_a_run_that_the_hub_does_not_give_is_a_sentence(monkeypatch):
    def download(cls, name, **options):
        raise ConnectionError("no network")

    monkeypatch.setattr(signvip.SignVipPipeline, "download", classmethod(download))
    with pytest.raises(signvip.RunError, match="There is no run in who/what"):
        signvip.SignVipPipeline.from_pretrained("who/what")


def test_tokens_are_the_same_from_stored_embeddings_and_from_conditions(trained, plain_shards, tmp_path):
    tokenize(plain_shards, tmp_path / "tokens", run=trained.run)
    stored, computed = ShardIndex(trained.shards, "test"), ShardIndex(tmp_path / "tokens", "test")
    for clip in range(len(stored)):
        assert np.array_equal(stored.load(clip, "tokens.npy"), computed.load(clip, "tokens.npy"))


@pytest.mark.parametrize("derive", [partial(encode, latents=False), tokenize], ids=["encode", "tokenize"])
@pytest.mark.parametrize(
    ("value", "words"), [(float("nan"), "not finite"), (1e6, "values up to 5e")], ids=["nan", "too-large"]
)
def test_what_is_no_number_is_stored_nowhere(trained, plain_shards, tmp_path, derive, value, words):
    run = shutil.copytree(trained.run, tmp_path / "run")
    encoder = ConditionEncoder.from_pretrained(run / "condition_encoder")
    encoder.backbone[-2].bias.data.fill_(value)
    encoder.gate[2].requires_grad_(False).weight.zero_()  # all conditions weigh a half
    encoder.gate[2].bias.zero_()
    encoder.save_pretrained(run / "condition_encoder")
    (run / "autoencoder" / "trained_with.json").unlink()  # else it is refused before anything is computed
    with pytest.raises(RunError, match=f"{words}.* --fresh"):
        derive(plain_shards, tmp_path / "out", run=run)
    assert not (tmp_path / "out").exists()


def test_what_other_weights_encoded_is_not_trained_on(trained, tmp_path, monkeypatch):
    read, array = [], Clips.array
    monkeypatch.setattr(
        Clips,
        "array",
        lambda self, clip, field, *picks: read.append(field) or array(self, clip, field, *picks),
    )
    own = shutil.copytree(trained.run, tmp_path / "own")
    train(trained.config, 1, shards=trained.shards, run=own, resume=False)  # the same seed: the same VAE
    assert set(read) == {"latents.npy"}
    read.clear()
    other = small_config(seed=1)
    train(other, 1, shards=trained.shards, run=tmp_path / "other")
    train(other, 2, shards=trained.shards, run=tmp_path / "other")
    assert not read


def test_a_stage_before_its_time_names_the_command(trained, plain_shards, tmp_path):
    with pytest.raises(RunError, match="signvip train --stage 1"):
        train(trained.config, 2, shards=trained.shards, run=tmp_path / "new")
    own = shutil.copytree(trained.run, tmp_path / "own")
    with pytest.raises((RunError, MismatchError), match="signvip tokenize"):
        train(trained.config, 3, shards=plain_shards, run=own, resume=False)


def test_tokens_of_another_quantizer_are_refused(trained, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run")
    other = small_config(quantizer={"name": "vq", "codebook_size": 32})
    train(other, 2, shards=trained.shards, run=run)
    with pytest.raises(MismatchError, match="signvip tokenize"):
        train(other, 3, shards=trained.shards, run=run, resume=False)


def test_shards_with_other_conditions_are_refused(trained, tmp_path):
    config = small_config(conditions={"pose": {}, "depth": {}})
    with pytest.raises(MismatchError):
        train(config, 1, shards=trained.shards, run=tmp_path / "run")


@pytest.mark.parametrize("conditions", [("pose",), ("pose", "hand3d", "depth")], ids=["one", "three"])
def test_the_chain_with_one_and_three_conditions_and_vq(conditions, picture, tmp_path):
    config = small_config(
        conditions={name: {} for name in conditions}, quantizer={"name": "vq", "codebook_size": 16}
    )
    shards, run = make_shards(tmp_path / "shards", config), tmp_path / "run"
    train(config, 1, shards=shards, run=run)
    encode(shards, tmp_path / "encoded", run=run)
    train(config, 2, shards=tmp_path / "encoded", run=run)
    tokenize(tmp_path / "encoded", tmp_path / "tokens", run=run)
    train(config, 3, shards=tmp_path / "tokens", run=run)
    made = generate([Request(TEXT, picture, tmp_path / "video.mp4")], run=str(run))
    assert made[0].stat().st_size > 500


@pytest.mark.parametrize(
    ("text", "complaint"), [("   ", "empty"), ("rain " * 1000, "characters")], ids=["empty", "endless"]
)
def test_unfit_texts_are_sentences(trained, picture, tmp_path, text, complaint):
    with pytest.raises(DataError, match=complaint):
        generate([Request(text, picture, tmp_path / "video.mp4")], run=str(trained.run))
    assert not (tmp_path / "video.mp4").exists()


def test_a_damaged_part_names_what_makes_it_again(trained, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run")
    weights = next((run / "condition_encoder").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RunError, match="signvip train --stage 1"):
        tokenize(trained.shards, tmp_path / "out", run=run)
