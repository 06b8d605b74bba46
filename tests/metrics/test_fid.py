"""Distances between features against the textbook formulas, and networks that are stand-ins under their own name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.linalg import eigvals
from signvip_metrics.distances import frechet_distance, kernel_distance
from signvip_metrics.fid import ClipFid, square
from signvip_metrics.lpips import BACKBONE, HEADS, PerceptualDistance
from torch import nn

import signvip
from signvip.registry import registry
from signvip.testing import check_metric

SIZES = [(200, 16), (40, 64), (64, 64), (2, 8), (30, 1)]


def features(n, d, seed=0, shift=0.0):
    draw = np.random.default_rng(seed)
    return draw.normal(shift, 1, (n, d)) @ draw.normal(0, 1, (d, d))


@pytest.mark.parametrize(("n", "d"), SIZES)
def test_the_frechet_distance_is_the_textbooks(n, d):
    x, y = features(n, d), features(n + 5, d, seed=1, shift=0.5)
    a, b = (np.atleast_2d(np.cov(z, rowvar=False)) for z in (x, y))
    root = np.sqrt(np.maximum(eigvals(a @ b).real, 0)).sum()
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("n", "d"), SIZES)
def test_the_frechet_distance_is_nothing_to_itself_symmetric_and_grows(n, d):
    x = features(n, d)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6 * (x**2).sum())
    assert frechet_distance(x, x + 1) == pytest.approx(d, rel=1e-6)
    y = features(n, d, seed=1)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-8)


def test_the_frechet_distance_agrees_with_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid")
    x, y = features(150, 24), features(90, 24, seed=1, shift=0.3)
    moments = [torch.tensor(value) for z in (x, y) for value in (z.mean(0), np.cov(z, rowvar=False))]
    assert frechet_distance(x, y) == pytest.approx(float(fid._compute_fid(*moments)), rel=1e-4)


def test_the_kernel_distance_is_the_unbiased_estimate():
    x, y = features(40, 8), features(50, 8, seed=1, shift=0.4)
    kernel = [(a @ b.T / 8 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in kernel[:2]]
    assert kernel_distance(x, y) == pytest.approx(sum(within) - 2 * kernel[2].mean(), rel=1e-9)


def test_the_kernel_distance_agrees_with_torchmetrics():
    kid = pytest.importorskip("torchmetrics.image.kid")
    x, y = features(40, 8), features(40, 8, seed=1, shift=0.4)
    assert kernel_distance(x, y) == pytest.approx(
        float(kid.poly_mmd(torch.tensor(x), torch.tensor(y))), rel=1e-5
    )


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_one_sample_other_widths_and_no_numbers_are_refused(distance):
    with pytest.raises(signvip.DataError, match="One sample has no covariance"):
        distance(features(1, 4), features(9, 4))
    with pytest.raises(signvip.DataError, match="one network for both"):
        distance(features(9, 4), features(9, 5))
    with pytest.raises(signvip.DataError, match="finite"):
        distance(features(9, 4) * np.nan, features(9, 4))


class Inception(nn.Module):
    """Called as the published file is; it is none."""

    def forward(self, x: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        return x.float().mean(dim=[2, 3])


class I3D(nn.Module):
    def forward(
        self, x: torch.Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False
    ) -> torch.Tensor:
        return x.mean(dim=[3, 4]).flatten(1)


@pytest.fixture
def scripts(tmp_path):
    for name, network in (("inception-2015-12-05.pt", Inception()), ("i3d_torchscript.pt", I3D())):
        torch.jit.script(network).save(tmp_path / name)
    return tmp_path


def videos(seed=0, frames=12):
    return list(np.random.default_rng(seed).uniform(0, 1, (3, frames, 20, 16, 3)).astype(np.float32))


@pytest.mark.parametrize(
    ("name", "file", "key", "n"),
    [("fid", "inception-2015-12-05.pt", "fd", 36), ("kid", "inception-2015-12-05.pt", "kd", 36)],
)
def test_a_stand_in_does_not_carry_the_name_of_the_real_one(scripts, name, file, key, n):
    metric = signvip.build("metric", name, weights=scripts / file)
    found = metric(videos(1), videos(0))
    assert set(found) == {key} and "inception-2015-12-05.pt (sha256 " in metric.signature
    assert metric.counted(videos(1), videos(0)) == n
    assert metric(videos(0), videos(0))[key] < found[key] + 1e-9
    assert ("few for fd" in (metric.remark(videos(1), videos(0)) or "")) == (name == "fid")


def test_fvd_takes_equal_numbers_of_frames_and_at_least_ten(scripts):
    path = scripts / "i3d_torchscript.pt"
    metric = signvip.build("metric", "fvd", weights=path, frames=12)
    assert set(metric(videos(1), videos(0))) == {"fvd_stand_in"}
    with pytest.raises(signvip.DataError, match="12 frames and a clip has 11"):
        metric(videos(1, 11), videos(0))
    with pytest.raises(signvip.ConfigError, match="frames"):
        signvip.build("metric", "fvd", weights=path, frames=6)
    with pytest.raises(signvip.DataError, match="One sample"):
        metric(videos(1)[:1], videos(0)[:1])


@pytest.mark.parametrize("name", ["fid", "kid", "fvd", "clip_fid", "lpips", "ids", "ids_reference"])
def test_a_network_that_is_not_there_is_named(name, tmp_path):
    with pytest.raises(signvip.ConfigError, match=f"{name}.*weights"):
        signvip.build("metric", name)
    with pytest.raises(signvip.DataError, match=f"{name} finds no .*--weights {name}="):
        signvip.build("metric", name, weights=tmp_path / "absent")


def test_a_network_on_the_hub_is_fetched_by_name(scripts, monkeypatch):
    asked = []

    def download(repository, file):
        asked.append((repository, file))
        if file != "nets/inception-2015-12-05.pt":
            raise FileNotFoundError(file)
        return str(scripts / Path(file).name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    metric = signvip.build("metric", "kid", weights="hf:owner/name/nets/inception-2015-12-05.pt")
    assert metric.key == "kd" and asked == [("owner/name", "nets/inception-2015-12-05.pt")]
    for absent in ("hf:owner/name/nothing.pt", "hf:owner/name", "hf:"):
        with pytest.raises(signvip.DataError, match=f"fid finds no file {absent}; .*--weights fid=hf:OWNER"):
            signvip.build("metric", "fid", weights=absent)


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "inception.pt").write_bytes(b"not a network")
    with pytest.raises(signvip.DataError, match="not a TorchScript file"):
        signvip.build("metric", "fid", weights=tmp_path / "inception.pt")


def alexnet_and_heads(folder):
    torch.manual_seed(0)
    network = PerceptualDistance()
    backbone = {
        f"features.{place}.{name}": value
        for place, layer in network.layers.items() for name, value in layer.state_dict().items()
    }  # fmt: skip
    heads = {f"lin{i}.model.1.weight": torch.rand_like(head) for i, head in enumerate(network.heads)}
    torch.save(backbone, folder / BACKBONE)
    torch.save(heads, folder / HEADS)
    return backbone, heads


def test_lpips_agrees_with_torchmetrics_and_a_stand_in_has_another_name(tmp_path):
    lpips = pytest.importorskip("torchmetrics.functional.image.lpips")
    backbone, heads = alexnet_and_heads(tmp_path)
    metric = signvip.build("metric", "lpips", weights=tmp_path)
    trusted = lpips._LPIPS(pretrained=False, net="alex", pnet_rand=True, use_dropout=True).eval()
    layers = {
        f"net.slice{i + 1}.{place}.{name}": backbone[f"features.{place}.{name}"]
        for i, place in enumerate((0, 3, 6, 8, 10)) for name in ("weight", "bias")
    }  # fmt: skip
    missing, unexpected = trusted.load_state_dict({**layers, **heads}, strict=False)
    assert not unexpected and not [name for name in missing if "lin" not in name and "scaling" not in name]
    truth, made = videos(0, frames=4), videos(1, frames=4)
    truth, made = ([clip.repeat(4, axis=1).repeat(4, axis=2) for clip in clips] for clips in (truth, made))
    expected = [
        float(trusted(*(torch.tensor(v).permute(0, 3, 1, 2) * 2 - 1 for v in pair)).mean())
        for pair in zip(made, truth, strict=True)
    ]
    assert metric(made, truth) == {"perceptual": pytest.approx(np.mean(expected), abs=1e-5)}
    assert metric(truth, truth)["perceptual"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("size", "resized"), [((64, 64), (224, 224)), ((272, 224), (272, 224)), ((50, 72), (224, 323))]
)
def test_clips_are_brought_to_i3d_as_in_stylegan_v(size, resized):
    images = torch.rand(2, 3, *size)
    whole = nn.functional.interpolate(images, resized, mode="bilinear", align_corners=False)
    top, left = ((side - 224) // 2 for side in resized)
    assert torch.equal(square(images), whole[..., top : top + 224, left : left + 224])


def test_a_clip_model_of_the_right_shape_without_training_is_a_stand_in():
    shape = {"hidden_size": 768, "patch_size": 32, "projection_dim": 512, "hidden_act": "quick_gelu"}
    norm = SimpleNamespace(weight=torch.ones(4))
    network = SimpleNamespace(
        config=SimpleNamespace(**shape), vision_model=SimpleNamespace(post_layernorm=norm)
    )
    assert not ClipFid._genuine(network)
    norm.weight = torch.linspace(0.5, 2, 4)
    assert ClipFid._genuine(network)
    network.config.hidden_act = "gelu"  # LAION's
    assert not ClipFid._genuine(network)


def test_a_large_file_is_a_stand_in_all_the_same(scripts):
    path = scripts / "inception-2015-12-05.pt"
    network = Inception()
    network.register_buffer("ballast", torch.zeros(21 * 10**6))
    torch.jit.script(network).save(path)
    assert path.stat().st_size > 80 * 10**6
    assert signvip.build("metric", "fid", weights=path).key == "fd"


@pytest.mark.parametrize(
    ("name", "file"), [("kid", "inception-2015-12-05.pt"), ("fvd", "i3d_torchscript.pt")]
)
def test_metrics_with_networks_are_what_is_asked_of_a_plugin(scripts, name, file):
    check_metric(registry().get("metric", name), weights=scripts / file)


class Embedding(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x, [4, 4]).flatten(1)


def test_faces_are_cut_by_the_truths_landmarks_and_missing_ones_are_left_out(tmp_path):
    from signvip.measures import Signing

    torch.jit.script(Embedding()).save(tmp_path / "faces.pt")
    metric = signvip.build("metric", "ids", weights=tmp_path / "faces.pt")
    points = np.zeros((12, 128, 3), np.float32)
    clips = [Signing(video, points) for video in videos()]
    with pytest.raises(signvip.DataError, match="no face"):
        metric(clips, clips)
    points[:, 18:86] = np.random.default_rng(0).uniform(0.3, 0.7, (68, 3))
    points[..., 2] = 1
    points[3, :, 2] = 0
    found = metric(clips, clips)
    assert found == {"face_similarity": pytest.approx(1)}
    other = [Signing(video, points) for video in videos(7)]
    assert metric(other, clips)["face_similarity"] < 1


def test_clips_of_any_length_are_compared_with_the_face_of_the_reference_picture(tmp_path):
    from signvip.measures import Signing

    torch.jit.script(Embedding()).save(tmp_path / "faces.pt")
    check_metric(registry().get("metric", "ids_reference"), weights=tmp_path / "faces.pt")
    metric = signvip.build("metric", "ids_reference", weights=tmp_path / "faces.pt")
    video, other = videos()[0], videos(7)[0]
    points = np.ones((12, 128, 3), np.float32)
    points[:, 18:86, :2] = np.random.default_rng(0).uniform(0.3, 0.7, (68, 2))
    picture = Signing(video[:1], points[:1])
    still = Signing(video[:1].repeat(5, axis=0), points[:5])
    assert metric([still], [picture]) == {"reference_similarity": pytest.approx(1)}
    # a face that has moved is found where it is: the same pixels, two to the right
    moved = Signing(np.roll(video[:1], 2, axis=2), points[:1] + np.float32([2 / video.shape[2], 0, 0]))
    assert metric([moved], [picture])["reference_similarity"] == pytest.approx(1, abs=0.02)
    # half of the frames are of someone else, and those without a face do not count
    frames, seen = np.concatenate([video[:1], other[:1], other[1:3]]), points[:4].copy()
    seen[2:, :, 2] = 0
    alone = metric([Signing(other[:1], points[:1])], [picture])["reference_similarity"]
    mixed = Signing(frames, seen)
    assert metric([mixed], [picture])["reference_similarity"] == pytest.approx((1 + alone) / 2)
    assert "2 of 4 frames" in metric.remark([mixed], [picture])
    unseen = picture._replace(keypoints=np.zeros_like(points[:1]))
    with pytest.raises(signvip.DataError, match="no face"):
        metric([still], [unseen])
    with pytest.raises(signvip.DataError, match="values in"):
        metric([still._replace(frames=still.frames * 255)], [picture])


def test_clip_fid_of_a_small_random_clip_has_another_name(tmp_path):
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, patch_size=56,
        projection_dim=8,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(tmp_path / "clip")
    metric = signvip.build("metric", "clip_fid", weights=tmp_path / "clip", stride=4)
    assert set(metric(videos(1), videos(0))) == {"fd"} and metric.counted(videos(1), videos(0)) == 9
