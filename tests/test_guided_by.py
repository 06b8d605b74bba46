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
from signvip.generation import concerns
from signvip.models.retargeting import PARTS, lacks, usual_places
from signvip.run import Run
from signvip.stages.clips import Clips
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
    assert torch.equal(plain.guide(e, picture), e)
    assert not torch.allclose(pipe.guide(e, picture), e, atol=0.05)
    assert torch.equal(plain.read_poses(e), pipe.read_poses(pipe.embed(tokens)))
    assert np.abs(frames_of(plain, tokens, picture) - frames_of(pipe, tokens, picture)).max() > 0.1


def test_a_stream_is_guided_by_the_same(pipe, tokens, picture):
    generator = torch.Generator().manual_seed(0)
    streamed = np.concatenate(list(pipe.stream(tokens, picture, generator=generator)))
    assert np.array_equal(streamed, (frames_of(pipe, tokens, picture) * 255).round().astype(np.uint8))


def test_the_poses_stand_where_the_signer_of_the_picture_does(run, pipe, tokens, picture):
    e, signer = pipe.embed(tokens), pipe.find_signer(picture)
    moved, read = usual_places(pipe.poses(e, picture)), usual_places(pipe.read_poses(e))
    for part in PARTS:
        shown = [point for point in part.landmarks if signer[point, 2] and moved[point, 2]]
        assert len(shown) > 0.9 * len(part.landmarks)
        torch.testing.assert_close(moved[shown, :2].mean(0), signer[shown, :2].mean(0), atol=0.5, rtol=0)
    assert (moved - read).abs().max() > 1  # this signer's head is no usual one
    still = signvip.SignVipPipeline.from_pretrained(run, retarget="none")
    assert torch.equal(still.poses(e, picture), pipe.read_poses(e))
    tokens_guide = signvip.SignVipPipeline.from_pretrained(run, guided_by="tokens")
    assert torch.equal(tokens_guide.poses(e, picture), pipe.read_poses(e))


def test_the_signer_is_found_where_the_picture_of_a_clip_has_one(pipe):
    clips = Clips(embedded_run() / "clips", "test", Run.open(embedded_run()).config)
    for clip in range(len(clips)):
        truth = torch.from_numpy(clips.index.keypoints(clip)[0].astype(np.float32)) * 128
        found = pipe.find_signer(clips.frames(clip, [0])[0].permute(1, 2, 0).numpy())
        for part in PARTS:
            points = list(part.landmarks)
            off = (found[points, :2].mean(0) - truth[points, :2].mean(0)).norm()
            assert off < 1.5, (clip, part.landmarks[0], float(off))


def test_a_picture_of_nobody_is_doubted_and_moves_nothing(pipe, tokens):
    wall = np.full((128, 128, 3), 90, np.uint8)
    assert lacks(pipe.find_signer(wall))
    e = pipe.embed(tokens)
    assert torch.equal(pipe.poses(e, wall), pipe.read_poses(e))


def test_a_reference_without_a_head_is_told(pipe, picture, monkeypatch):
    assert pipe.concerns(None, [picture]) == [()]
    monkeypatch.setattr(type(pipe), "find_signer", lambda self, reference: torch.zeros(128, 3))
    assert pipe.concerns(None, [picture, picture]) == [(concerns.UNPLACED,)] * 2


def test_a_run_that_draws_no_poses_says_what_does(trained):
    with pytest.raises(RunError, match=r"signvip train --stage 2 --set sampler.guided_by=poses"):
        signvip.SignVipPipeline.from_pretrained(trained.run, guided_by="poses")


def test_nothing_else_can_guide(trained):
    with pytest.raises(ConfigError, match="guided_by is 'hands'; choose one of tokens, poses"):
        signvip.SignVipPipeline.from_pretrained(trained.run, guided_by="hands")


@pytest.mark.parametrize(("guide", "retarget"), [("tokens", "parts"), ("poses", "none"), ("poses", "parts")])
def test_a_command_says_what_guides_and_a_sidecar_tells(guide, retarget, run, picture, tmp_path):
    output = tmp_path / "video.mp4"
    asked = ["generate", TEXT, str(picture), "--run", str(run), "--guided-by", guide, "--max-frames", "3"]
    asked += ["--retarget", retarget, "--language", LANGUAGE, "--output", str(output)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    told = json.loads(output.with_suffix(".json").read_text())["sampling"]
    assert (told["guided_by"], told["retarget"]) == (guide, retarget)
