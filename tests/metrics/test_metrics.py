"""Metrics of videos, poses, tokens and costs: values worked out by hand, properties, and refusals in a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import structural_similarity

import signvip
from signvip.measures import Cost, Signing
from signvip.registry import registry
from signvip.testing import check_metric


def metric(name, **options):
    return signvip.build("metric", name, **options)


def videos(seed=0, count=2, frames=6, size=24):
    return list(np.random.default_rng(seed).uniform(0, 1, (count, frames, size, size, 3)).astype(np.float32))


def noisy(clips, strength):
    draw = np.random.default_rng(9)
    return [np.clip(clip + draw.normal(0, strength, clip.shape), 0, 1).astype(np.float32) for clip in clips]


def test_psnr_is_a_mean_over_frames_and_not_of_the_pooled_error():
    truth = [np.full((2, 16, 16, 3), 0.5)]
    made = [truth[0] + np.array([0.1, 0.01])[:, None, None, None]]
    assert metric("psnr")(made, truth)["psnr"] == pytest.approx((20 + 40) / 2, abs=1e-9)


def test_psnr_of_frames_agrees_with_torchmetrics():
    image, torch = pytest.importorskip("torchmetrics.functional.image"), pytest.importorskip("torch")
    truth, made = videos(0), videos(1)
    single = [
        float(image.peak_signal_noise_ratio(torch.tensor(a), torch.tensor(b), data_range=1.0))
        for clip in zip(made, truth, strict=True) for a, b in zip(*clip, strict=True)
    ]  # fmt: skip
    assert metric("psnr")(made, truth)["psnr"] == pytest.approx(np.mean(single), abs=1e-4)


def test_ssim_is_that_of_wang_and_others():
    truth, made = videos(0), noisy(videos(0), 0.2)
    single = [
        structural_similarity(a, b, channel_axis=-1, data_range=1.0, gaussian_weights=True, sigma=1.5,
                              use_sample_covariance=False)
        for clip in zip(made, truth, strict=True) for a, b in zip(*clip, strict=True)
    ]  # fmt: skip
    assert metric("ssim")(made, truth)["ssim"] == pytest.approx(np.mean(single), abs=1e-6)


@pytest.mark.parametrize(("name", "best"), [("psnr", 100), ("ssim", 1)])
def test_aligned_metrics_are_best_for_the_truth_symmetric_and_fall_with_noise(name, best):
    truth, measure = videos(), metric(name)
    values = [measure(noisy(truth, strength), truth)[name] for strength in (0.02, 0.1, 0.4)]
    assert measure(truth, truth)[name] == pytest.approx(best)
    assert best > values[0] > values[1] > values[2]
    assert measure(noisy(truth, 0.1), truth)[name] == pytest.approx(measure(truth, noisy(truth, 0.1))[name])


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_videos_that_are_not_aligned_or_not_in_range_are_refused(name):
    truth = videos()
    with pytest.raises(signvip.DataError, match=r"clip 1 has 5 frames where its truth has 6"):
        metric(name)([truth[0], truth[1][:5]], truth)
    with pytest.raises(signvip.DataError, match=r"values in \[0, 1\] and was given 0.* to 25"):
        metric(name)([255 * clip for clip in truth], truth)
    with pytest.raises(signvip.DataError, match="values in"):
        metric(name)([np.full_like(clip, np.nan) for clip in truth], truth)
    with pytest.raises(signvip.DataError, match="one size"):
        metric(name)([clip[:, :20] for clip in truth], truth)


@pytest.mark.parametrize("name", ["psnr", "ssim", "jitter", "frozen"])
def test_bytes_tensors_and_generators_are_refused_and_an_array_of_clips_is_a_list(name):
    torch, truth = pytest.importorskip("torch"), videos()
    with pytest.raises(signvip.DataError, match="was given uint8; divide bytes by 255"):
        metric(name)([clip.astype(np.uint8) for clip in truth], truth)
    with pytest.raises(signvip.DataError, match=r"NumPy arrays .* is Tensor"):
        metric(name)([torch.tensor(clip) for clip in truth], truth)
    with pytest.raises(signvip.DataError, match="put it in a list"):
        metric(name)(iter(truth), truth)
    assert metric(name)(np.stack(truth), np.stack(truth)) == metric(name)(truth, truth)


def test_frames_that_count_as_100_db_are_told():
    truth = videos()
    other = noisy(truth, 0.1)
    assert metric("psnr").remark(other, truth) is None
    other[0][:2] = truth[0][:2]
    assert metric("psnr").remark(other, truth).startswith("2 of 12 frames are those of the truth")


def test_hand_ssim_looks_at_hands_and_refuses_clips_without_any():
    truth = videos(size=48)
    points = np.zeros((6, 128, 3), np.float32)
    with pytest.raises(signvip.DataError, match="found no hand"):
        metric("hand_ssim")(
            [Signing(clip, points) for clip in truth], [Signing(clip, points) for clip in truth]
        )
    points[:, 86:107] = [0.25, 0.25, 1]
    elsewhere = [clip.copy() for clip in truth]
    for clip in elsewhere:
        clip[:, 30:, 30:] = 0
    value = metric("hand_ssim")([Signing(c, points) for c in elsewhere], [Signing(c, points) for c in truth])
    assert value["hand_ssim"] == pytest.approx(1)


def test_hand_ssim_tells_how_many_hands_it_sees_and_counts_clips_that_have_some():
    truth, points = videos(size=48), np.zeros((6, 128, 3), np.float32)
    seen = points.copy()
    seen[:4, 86:107] = [0.25, 0.25, 1]
    clips = [Signing(truth[0], seen), Signing(truth[1], points)]
    assert (
        metric("hand_ssim").remark(clips, clips) == "hand_ssim sees 4 of 24 hands, two a frame, in 2 clips."
    )
    assert metric("hand_ssim").counted(clips, clips) == 1


def test_face_ssim_refuses_clips_without_a_face_and_counts_those_that_have_one():
    truth, points = videos(size=48), np.zeros((6, 128, 3), np.float32)
    with pytest.raises(signvip.DataError, match="found no face"):
        metric("face_ssim")([Signing(truth[0], points)], [Signing(truth[0], points)])
    seen = points.copy()
    seen[:4, 18:86] = [0.25, 0.25, 1]
    clips = [Signing(truth[0], seen), Signing(truth[1], points)]
    assert metric("face_ssim")(clips, clips)["face_ssim"] == pytest.approx(1)
    assert metric("face_ssim").counted(clips, clips) == 1
    assert (
        metric("face_ssim").remark(clips, clips) == "face_ssim sees 4 of 12 faces, one a frame, in 2 clips."
    )


def test_length_ratio_jitter_and_frozen_frames():
    still, line = (
        np.full((6, 16, 16, 3), 0.5),
        np.linspace(0, 1, 6)[:, None, None, None] * np.ones((16, 16, 3)),
    )
    restless = videos(count=1)
    assert metric("length_ratio")([still, still[:3]], [still, still])["length_ratio"] == pytest.approx(0.75)
    assert metric("jitter")(restless, restless)["jitter"] == pytest.approx(1)
    assert metric("jitter")([line], restless)["jitter"] == pytest.approx(0, abs=1e-12)
    assert (
        metric("frozen")([still], [line])["frozen"] == 1 and metric("frozen")([line], [still])["frozen"] == 0
    )
    with pytest.raises(signvip.DataError, match="nothing moves"):
        metric("jitter")([line], [still])
    with pytest.raises(signvip.DataError, match="three frames"):
        metric("jitter")([line[:2]], restless)
    with pytest.raises(signvip.DataError, match="without frames"):
        metric("length_ratio")([still], [still[:0]])


def path(frames, shift=0.0):
    return np.stack([np.linspace(0, 1, frames), np.full(frames, shift)], axis=1)[:, None]


def test_joint_error_after_alignment_is_the_distance_of_the_paths():
    assert metric("mpjpe")([path(30, 0.2)], [path(30)])["mpjpe"] == pytest.approx(0.2)
    assert metric("mpjpe")([path(59)], [path(30)])["mpjpe"] < 0.01
    assert metric("dtw")([path(30, 0.2)], [path(30)])["dtw"] == pytest.approx(0.2)
    short, long = metric("dtw")([path(3, 0.2)], [path(30)]), metric("dtw")([path(30)], [path(3, 0.2)])
    assert short["dtwp_norm"] == pytest.approx(long["dtwp_norm"]) and short["dtw"] < long["dtw"] / 5
    assert metric("dtw")([path(3)], [np.repeat(path(3), 2, axis=0)])["dtw"] == pytest.approx(0)
    with pytest.raises(signvip.DataError, match="one skeleton"):
        metric("dtw")([path(3)], [path(3).repeat(2, axis=1)])
    with pytest.raises(signvip.DataError, match="not numbers"):
        metric("dtw")([path(3) * np.nan], [path(3)])


def test_codebook_usage_is_over_the_whole_set_and_perplexity_over_the_codes():
    tokens = [np.array([[0, 0], [1, 1]]), np.array([[2, 2], [3, 3]])]
    found = metric("codebook", vocab_size=8)(tokens, tokens)
    assert found == {
        "codebook_usage": 0.5,
        "codebook_perplexity": pytest.approx(4),
        "codebook_perplexity_share": pytest.approx(0.5),
    }
    with pytest.raises(signvip.DataError, match="takes tokens"):
        metric("codebook", vocab_size=8)([np.zeros((2, 2))], tokens[:1])
    with pytest.raises(signvip.DataError, match=r"\[0, 3\)"):
        metric("codebook", vocab_size=3)(tokens, tokens)


def test_eos_rate_counts_what_ended_before_the_guard():
    tokens = [np.zeros((n, 4), int) for n in (10, 7)]
    assert metric("eos_rate", max_frames=10)(tokens, tokens)["eos_rate"] == 0.5


def test_copy_rate_counts_frames_that_repeat_all_tokens():
    clips = [np.array([[1, 2], [1, 2], [1, 3], [1, 3]]), np.array([[0, 0]])]
    assert metric("copy_rate")(clips, clips)["copy_rate"] == pytest.approx(2 / 3)
    with pytest.raises(signvip.DataError, match="two frames"):
        metric("copy_rate")(clips[1:], clips[1:])


def test_reconstruction_is_the_lost_share_of_the_variance():
    e = [np.random.default_rng(0).normal(size=(5, 3, 4, 4))]
    assert metric("reconstruction")(e, e)["reconstruction"] == 0
    mean = metric("reconstruction")([np.full_like(e[0], e[0].mean())], e)
    assert mean == {"reconstruction": pytest.approx(1), "reconstruction_mse": pytest.approx(e[0].var())}
    with pytest.raises(signvip.DataError, match="not numbers"):
        metric("reconstruction")([e[0] * np.nan], e)


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, {}) for name in ("psnr", "ssim", "hand_ssim", "face_ssim", "dtw", "mpjpe", "length_ratio", "jitter",
                             "frozen", "reconstruction", "seconds_per_frame", "parameters", "bleu", "rouge_l", "chrf",
                             "wer", "copy_rate")]
    + [("codebook", {"vocab_size": 25}), ("eos_rate", {"max_frames": 9})],
)  # fmt: skip
def test_built_in_metrics_are_what_is_asked_of_a_plugin(name, options):
    check_metric(registry().get("metric", name), **options)


def test_costs():
    costs = [Cost(10, 1.0, 2_000_000), Cost(10, 3.0, 2_000_000), Cost(10, 2.0, 2_000_000)]
    assert metric("seconds_per_frame")(costs, costs)["seconds_per_frame"] == pytest.approx(0.2)
    assert metric("parameters")(costs, costs)["parameters"] == 2


def posed(frames, wrist=0.0, finger=0.0, face=0.0):
    """Keypoints in pixels that wander to the right, some of them lower than they belong."""
    points = np.ones((frames, 128, 3))
    points[..., 0] = np.arange(frames)[:, None] * 3
    points[:, [4, 7], 1] += wrist
    points[:, 86:, 1] += finger
    points[:, 18:86, 1] += face
    return points


def test_errors_of_wrists_fingers_and_faces_are_pixels_after_alignment():
    made, truth = [posed(6, wrist=1, finger=2, face=3)], [np.repeat(posed(6), 2, axis=0)]
    errors = {name: metric(name)(made, truth)[name] for name in ("wrist_error", "finger_error", "face_error")}
    assert errors == pytest.approx({"wrist_error": 1, "finger_error": 2, "face_error": 3})


def test_points_that_the_truth_does_not_see_have_no_error():
    truth = posed(6)
    truth[:, 20] = 0
    truth[2:4, 86:107] = 0
    made = posed(6)
    made[:, 20, 1] = made[2:4, 86:107, 1] = 40
    assert metric("face_error")([made], [truth])["face_error"] == 0
    assert metric("finger_error")([made], [truth])["finger_error"] == 0
    truth[:, 18:86] = 0
    moved = posed(6, face=2)
    values = metric("face_error")([made, moved], [truth, posed(6)])
    assert values["face_error"] == pytest.approx(2)  # of the clip that shows a face


def test_joints_that_are_not_seen_weigh_nothing_in_time_alignment():
    truth, made = path(8), path(8, 0.2)
    hidden = np.concatenate([truth, np.full_like(truth, np.nan)], axis=1)
    both = np.concatenate([made, made + 9], axis=1)
    assert metric("dtw")([both], [hidden])["dtwp_norm"] == pytest.approx(
        metric("dtw")([made], [truth])["dtwp_norm"]
    )


def test_keypoints_of_another_layout_are_refused():
    with pytest.raises(signvip.DataError, match=r"\(F, 128, 3\)"):
        metric("finger_error")([np.zeros((3, 50, 3))], [posed(3)])
