"""What a sample of stage 1 is judged by while it trains."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numbered import numbered_phase

from signvip.stages import video
from signvip.stages.video import VideoPhase


@pytest.mark.parametrize("known", [True, False])
def test_scores_ask_the_shards_where_hands_are_and_not_the_model(known):
    phase = object.__new__(VideoPhase)
    points = np.full((3, 128, 3), 0.5)
    index = SimpleNamespace(has_keypoints=known, keypoints=lambda clip: points)
    phase.dev = SimpleNamespace(index=index, painters={"hand3d": None})  # nothing is drawn from the pose
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    scores = phase._scores(0, frames, frames)
    assert set(scores) == {"psnr", "ssim"} | ({"hand_ssim"} if known else set())
    assert scores["ssim"] == pytest.approx(1)


def test_scores_leave_out_frames_that_equal_the_reference_unless_there_are_no_others():
    phase = object.__new__(VideoPhase)
    phase.dev = SimpleNamespace(index=SimpleNamespace(has_keypoints=False))
    truth = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    made = np.stack([truth[0], *np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)])
    some = phase._scores(0, made, truth, np.array([False, True, True]))
    assert some == phase._scores(0, made[1:], truth[1:]) and some["psnr"] < 20
    assert phase._scores(0, made, truth, np.zeros(3, bool)) == phase._scores(0, made, truth)


def test_a_preview_is_made_from_its_own_conditions_and_the_last_frame_of_the_clip(monkeypatch):
    """The last frame is not in the window here: a preview is to show the signer, not to copy the picture."""
    phase, given = numbered_phase(monkeypatch), {}

    def sample(denoiser, scheduler, reference, e, **options):
        given.update(reference=reference, e=e, **options)
        return torch.zeros(1, e.shape[1], 3, 2, 2)

    monkeypatch.setattr(video, "sample", sample)
    monkeypatch.setattr(video, "encode_images", lambda vae, images: (images, None))
    monkeypatch.setattr(video, "decode_latents", lambda vae, latents: latents)
    nets = SimpleNamespace(encoder=lambda x: x, whole=None)
    phase.module = SimpleNamespace(nets=nets, parameters=lambda: iter([torch.zeros(1)]))
    truth, made, reference = phase._reconstruct(1)  # of nine frames, in a window of eight
    assert numbers(given["reference"]) == [[2, 9]] and reference[0, 0, :2].tolist() == [2, 9]
    own = [[2, frame] for frame in range(1, 9)]
    assert numbers(given["e"][0]) == truth[:, 0, 0, :2].tolist() == own and len(made) == 8
    assert given["guidance_scale"] == 1


def numbers(images):
    """(clip + 1, frame + 1) of images in [-1, 1]."""
    return ((images[:, :2, 0, 0] + 1) * 127.5).round().int().tolist()
