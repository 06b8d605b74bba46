"""What guides a video: what its tokens decode to (Eq. 4), or the poses that they show, drawn again."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from small import embedded_copy
from typer.testing import CliRunner

import signvip
from signvip.errors import ConfigError, RunError
from signvip.generate import embedded_run
from signvip_cli.app import app

TEXT, LANGUAGE, FRAMES = "Wendy", "ase", 18


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return embedded_copy(tmp_path_factory.mktemp("either"))


@pytest.fixture(scope="module")
def pipe(run):
    pipe = signvip.SignVipPipeline.from_pretrained(run, guided_by="poses")
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def tokens(pipe):
    return pipe.translate([TEXT], language=LANGUAGE, max_frames=FRAMES)[0]


@pytest.fixture(scope="module")
def picture():
    return embedded_run() / "references" / "drawn-1.png"


def frames_of(pipe, tokens, picture):
    generator = torch.Generator().manual_seed(0)
    return pipe(TEXT, picture, tokens=tokens, generator=generator, output_type="np").frames


def guided_by(pipe, monkeypatch):
    """What the guider is given from now on."""
    given, original = [], pipe.denoiser.parts()["guider"].forward

    def watched(e, *others, **more):
        given.append(e)
        return original(e, *others, **more)

    monkeypatch.setattr(pipe.denoiser.parts()["guider"], "forward", watched)
    return given


def test_the_denoiser_sees_the_drawing_of_the_poses_that_come_out(pipe, tokens, picture, monkeypatch):
    given = guided_by(pipe, monkeypatch)
    generator = torch.Generator().manual_seed(0)
    made = pipe(TEXT, picture, tokens=tokens, generator=generator, output_type="latent")
    assert made.poses.shape == (len(tokens), 128, 3)
    torch.testing.assert_close(given[0][0], pipe.pose_drawer.embed(made.poses)[: given[0].shape[1]])


def test_the_poses_are_those_of_the_tokens_whatever_guides(run, pipe, tokens, picture):
    plain = signvip.SignVipPipeline.from_pretrained(run, guided_by="tokens")
    plain.set_progress_bar_config(disable=True)
    e = plain.embed(tokens)
    assert torch.equal(plain.guide(e), e) and not torch.allclose(pipe.guide(e), e, atol=0.05)
    assert torch.equal(plain.read_poses(e), pipe.read_poses(pipe.embed(tokens)))
    assert np.abs(frames_of(plain, tokens, picture) - frames_of(pipe, tokens, picture)).max() > 0.1


def test_a_stream_is_guided_by_the_same(pipe, tokens, picture):
    generator = torch.Generator().manual_seed(0)
    streamed = np.concatenate(list(pipe.stream(tokens, picture, generator=generator)))
    assert np.array_equal(streamed, (frames_of(pipe, tokens, picture) * 255).round().astype(np.uint8))


def test_a_run_that_draws_no_poses_says_what_does(trained):
    with pytest.raises(RunError, match=r"signvip train --stage 2 --set sampler.guided_by=poses"):
        signvip.SignVipPipeline.from_pretrained(trained.run, guided_by="poses")


def test_nothing_else_can_guide(trained):
    with pytest.raises(ConfigError, match="guided_by is 'hands'; choose one of tokens, poses"):
        signvip.SignVipPipeline.from_pretrained(trained.run, guided_by="hands")


@pytest.mark.parametrize("guide", ["tokens", "poses"])
def test_a_command_says_what_guides_and_a_sidecar_tells(guide, run, picture, tmp_path):
    output = tmp_path / "video.mp4"
    asked = ["generate", TEXT, str(picture), "--run", str(run), "--guided-by", guide, "--max-frames", "3"]
    result = CliRunner().invoke(app, [*asked, "--language", LANGUAGE, "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert json.loads(output.with_suffix(".json").read_text())["sampling"]["guided_by"] == guide
