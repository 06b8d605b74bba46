"""Errors of decoded pixels: of the clean latents that follow from a prediction, in squares about hands and faces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from image_phase import image_phase
from recording import CLIPS, FRAMES, SIDE, alphas, clips, recording_stage
from small import make_shards, small_config
from torch import nn

from signvip.config import PixelLoss
from signvip.data.picture_scores import hand_boxes
from signvip.errors import ConfigError
from signvip.models.vae import build_vae, decode_latents, shrinks_by
from signvip.stages.pixel_loss import PixelError, cut

KINDS = ["epsilon", "v_prediction", "sample"]


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return build_vae(**small_config().vae)


def test_a_square_is_cut_where_its_corner_says():
    latents = torch.randn(3, 4, 9, 12)
    corners = torch.tensor([[0, 0], [5, 8], [2, 7]])
    expected = [
        frame[:, top : top + 4, left : left + 4]
        for frame, (top, left) in zip(latents, corners.tolist(), strict=True)
    ]
    assert torch.equal(cut(latents, corners, 4), torch.stack(expected))


@pytest.mark.parametrize("edges", [0.0, 0.5])
def test_it_is_the_absolute_error_of_pixels_and_of_their_differences(vae, edges):
    error = PixelError(vae, PixelLoss(weight=3, edges=edges), 8)
    made, true = torch.randn(2, 2, 4, 16, 16)
    corners = torch.tensor([[0, 4], [8, 1]])
    seen, wanted = (decode_latents(vae, cut(each, corners, 8)) for each in (made, true))
    across = (seen[..., 1:] - seen[..., :-1]) - (wanted[..., 1:] - wanted[..., :-1])
    down = (seen[..., 1:, :] - seen[..., :-1, :]) - (wanted[..., 1:, :] - wanted[..., :-1, :])
    expected = (seen - wanted).abs().mean() + edges * (across.abs().mean() + down.abs().mean())
    torch.testing.assert_close(error(made, true, corners), 3 * expected)
    assert float(error(true, true, corners)) == 0


def test_it_moves_the_latents_in_the_square_and_not_the_vae(vae):
    error = PixelError(vae, PixelLoss(), 8)
    made = torch.randn(1, 4, 16, 16, requires_grad=True)
    error(made, torch.zeros_like(made), torch.tensor([[4, 2]])).backward()
    moved = made.grad.abs().sum((0, 1)) > 0
    expected = torch.zeros(16, 16, dtype=torch.bool)
    expected[4:12, 2:10] = True
    assert torch.equal(moved, expected)
    assert all(weight.grad is None for weight in vae.parameters())
    assert not list(error.parameters())  # neither trained nor stored


class Seen(nn.Module):
    """In the place of the error of pixels: notes what is compared."""

    def forward(self, made, true, corners):
        self.made, self.true, self.corners = made, true, corners
        return made.mean() * 0 + 2


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_decoded_is_the_clean_latents_that_follow_from_the_prediction(kind):
    """With the noise of Eq. 1 in its place, each kind of prediction says where the clean latents are."""
    nets = recording_stage(sampler={"prediction": kind, "zero_terminal_snr": kind != "epsilon"})
    batch = {**clips(), "corners": torch.arange(CLIPS * FRAMES * 2).view(CLIPS, FRAMES, 2)}
    seen = Seen()
    torch.manual_seed(0)
    loss, terms = nets(batch, seen)
    given = nets.recorder.given
    alpha = alphas(nets)[given.timestep].view(-1, 1, 1, 1, 1)
    noisy, predicted = given.sample.double(), 0.4 * given.sample.double() - 0.1
    clean = {
        "sample": predicted,
        "v_prediction": alpha.sqrt() * noisy - (1 - alpha).sqrt() * predicted,
        "epsilon": (noisy - (1 - alpha).sqrt() * predicted) / alpha.sqrt(),
    }[kind]
    torch.testing.assert_close(seen.made.double(), clean.flatten(0, 1), rtol=1e-3, atol=1e-3)
    assert seen.made.shape == (CLIPS * FRAMES, 4, SIDE, SIDE)
    assert torch.equal(seen.true, batch["latents"].flatten(0, 1))
    assert torch.equal(seen.corners, batch["corners"].flatten(0, 1))
    torch.manual_seed(0)
    alone, nothing = nets(batch)
    torch.testing.assert_close(loss, alone + 2)
    assert float(terms["pixels"]) == 2 and float(terms["latents"]) == pytest.approx(float(alone))
    assert nothing == {}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("pixels"), small_config(), train=3, dev=1, test=1)


def test_squares_lie_about_the_hands_of_their_own_frames(shards):
    crops = {"size": 16, "hands": 1.0, "faces": 0.0}
    config = small_config(stage1={"pixels": {"crops": crops}, "image": {"clips": 3, "frames": 4}})
    made, factor = image_phase(config, shards), shrinks_by(small_config().vae)
    assert made.module.pixel_error.cells == 16 // factor
    picked, original = [], made.train.conditions
    made.train.conditions = lambda clip, picks=None: picked.append((clip, picks)) or original(clip, picks)
    found = made.batch(0)["corners"]
    assert found.shape == (3, 4, 2) and found.dtype == torch.long
    own = [pair for pair in picked if len(pair[1]) == 4]
    seen = 0
    for (clip, picks), corners in zip(own, found, strict=True):
        for points, corner in zip(made.train.index.keypoints(clip)[picks], corners, strict=True):
            top, left = corner.tolist()
            rows, columns = (slice(each * factor, each * factor + 16) for each in (top, left))
            seen += any(
                _holds(rows, box[0], factor) and _holds(columns, box[1], factor)
                for box in hand_boxes(points, config.size)
            )
            assert rows.stop <= config.size[0] and columns.stop <= config.size[1]
    assert seen == 12


def _holds(square: slice, box: slice, factor: int) -> bool:
    """Whether a square holds a span, or lies within one that is longer, up to the cell that it begins in."""
    inner, outer = sorted((square, box), key=lambda each: each.stop - each.start)
    return outer.start - factor < inner.start and inner.stop < outer.stop + factor


def test_without_it_a_batch_is_as_before(shards):
    plain = image_phase(small_config(), shards)
    asked = image_phase(small_config(stage1={"pixels": {"crops": {"size": 16}}}), shards)
    assert plain.module.pixel_error is None
    before, after = plain.batch(0), asked.batch(0)
    assert set(after) - set(before) == {"corners"}
    assert torch.equal(before["reference_frame"][0], after["reference_frame"][0])  # drawn before any square


def test_shards_without_keypoints_have_squares_anywhere_or_are_refused(tmp_path):
    unseen = {"conditions": {"hand3d": {}}}
    shards = make_shards(tmp_path, small_config(**unseen), train=1, dev=1, test=1)
    crops = {"size": 16, "hands": 0.0, "faces": 0.0}
    anywhere = image_phase(small_config(**unseen, stage1={"pixels": {"crops": crops}}), shards).batch(0)[
        "corners"
    ]
    assert len(np.unique(anywhere.flatten(0, 1).numpy(), axis=0)) > 1
    with pytest.raises(ConfigError, match=r"stage1\.pixels\.crops looks for hands and faces"):
        image_phase(small_config(**unseen, stage1={"pixels": {"crops": {"size": 16}}}), shards)


def test_noise_that_leaves_no_clean_latents_is_refused():
    with pytest.raises(ConfigError, match=r"stage1\.pixels needs sampler\.prediction=v_prediction"):
        small_config(stage1={"pixels": {}}, sampler={"prediction": "epsilon", "zero_terminal_snr": True})
