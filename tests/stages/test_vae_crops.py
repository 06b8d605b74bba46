"""The VAE's crops show hands and faces as often as is asked, and depend on nothing but a sample's number."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small import make_shards, small_config

from signvip.config import Crops, VaeTraining, load_config
from signvip.contracts import FACE, LEFT_HAND, RIGHT_HAND
from signvip.data.pixels import to_model
from signvip.errors import ConfigError
from signvip.models.vae import build_vae, vae_loss
from signvip.stages.crops import crop_frames
from signvip.stages.vae import VaeLoss, VaePhase
from signvip.stages.vae_sheet import vae_sheet

SIDE, PLACES = 128, {"hand": (0.25, 0.75), "face": (0.5, 0.2)}  # x, y


def keypoints(frames: int, *, hand: bool = True, face: bool = True) -> np.ndarray:
    """A right hand of 40 pixels low on the left, a face above, no left hand."""
    points = np.zeros((frames, 128, 3), np.float32)
    for part, (x, y), seen in ((RIGHT_HAND, PLACES["hand"], hand), (FACE, PLACES["face"], face)):
        count = part.stop - part.start
        points[:, part, 0] = x + np.linspace(-20, 20, count) / SIDE
        points[:, part, 1] = y + np.linspace(-20, 20, count) / SIDE
        points[:, part, 2] = float(seen)
    assert (points[:, LEFT_HAND] == 0).all()
    return points


def coordinates() -> torch.Tensor:
    """A frame whose red is x and whose green is y."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return torch.stack([x, y, x]).byte()


def corners(crops: Crops, frames: int = 400, seed: int = 0, **seen: bool) -> np.ndarray:
    """Left and top of the crops of many frames alike: (F, 2)."""
    pictures = coordinates().expand(frames, -1, -1, -1)
    cut = crop_frames(pictures, keypoints(frames, **seen), crops, np.random.default_rng(seed))
    assert cut.shape == (frames, 3, crops.size, crops.size)
    return cut[:, :2, 0, 0].numpy()


def share_about(part: str, found: np.ndarray, size: int) -> float:
    """Of crops that hold the middle 40 pixels of a part."""
    centre = np.array(PLACES[part]) * SIDE
    return float(((found <= centre - 20) & (found + size >= centre + 20)).all(axis=1).mean())


def test_crops_lie_about_hands_and_faces_as_often_as_is_asked():
    anywhere = corners(Crops(size=64, hands=0, faces=0))
    for part, crops in {"hand": Crops(hands=1, faces=0), "face": Crops(hands=0, faces=1)}.items():
        assert share_about(part, corners(crops), 64) == 1
        assert share_about(part, anywhere, 64) < 0.5
    mixed = corners(Crops(hands=0.7, faces=0.3), frames=1000)  # too far apart to be in one crop
    assert share_about("hand", mixed, 64) == pytest.approx(0.7, abs=0.05)
    assert share_about("face", mixed, 64) == pytest.approx(0.3, abs=0.05)


def test_crops_of_the_same_hand_differ_and_stay_in_the_frame():
    found = corners(Crops(size=64, hands=1, faces=0))
    assert len(np.unique(found, axis=0)) > 20
    everywhere = corners(Crops(size=64, hands=0, faces=0))
    assert everywhere.min() == 0 and everywhere.max() == SIDE - 64


def test_a_crop_smaller_than_a_hand_lies_in_it():
    found = corners(Crops(size=16, hands=1, faces=0))
    centre = np.array(PLACES["hand"]) * SIDE
    assert (np.abs(found + 8 - centre) <= 24 + 1).all()


@pytest.mark.parametrize("crops", [Crops(hands=1, faces=0), Crops(hands=0, faces=1)])
def test_where_nothing_is_seen_a_crop_lies_anywhere(crops):
    found = corners(crops, hand=False, face=False)
    assert found.min() == 0 and found.max() == SIDE - 64


@pytest.fixture(scope="module")
def config():
    return small_config(stage1={"vae": {"clips": 2, "frames": 2, "crops": {"size": 16}}})


@pytest.fixture(scope="module")
def shards(tmp_path_factory, config):
    return make_shards(tmp_path_factory.mktemp("crops") / "shards", config, train=3, dev=2, test=1)


def test_a_batch_is_a_pure_function_of_its_index_and_samples_of_their_number(config, shards):
    training = config.stage1.vae
    phase, again = VaePhase(config, training, shards), VaePhase(config, training, shards)
    later = phase.batch(3)["frames"]
    assert later.shape == (4, 3, 16, 16)
    assert torch.equal(later, again.batch(3)["frames"]) and not torch.equal(later, again.batch(4)["frames"])
    ones = VaePhase(config, training.model_copy(update={"clips": 1}), shards)
    assert torch.equal(later, torch.cat([ones.batch(index)["frames"] for index in (6, 7)]))


def test_without_crops_the_frames_are_those_of_ever(config, shards):
    """Each crop is cut from the frame that the same draw gives whole."""
    whole = VaePhase(config, config.stage1.vae.model_copy(update={"crops": None}), shards).batch(5)["frames"]
    cut = VaePhase(config, config.stage1.vae, shards).batch(5)["frames"]
    assert whole.shape == (4, 3, 32, 32)
    for frame, square in zip(whole, cut, strict=True):
        windows = frame.unfold(1, 16, 1).unfold(2, 16, 1)  # (3, 17, 17, 16, 16)
        assert bool((windows == square[:, None, None]).all(-1).all(-1).all(0).any())


class Wandering:
    """A clip of 20 frames whose hand goes down by two pixels a frame; blue tells the frame."""

    def __len__(self):
        return 1

    def info(self, clip):
        return {"frames": 20}

    def frames(self, clip, picks):
        pictures = coordinates()[None].repeat(len(picks), 1, 1, 1)
        pictures[:, 2] = torch.tensor(picks)[:, None, None]
        return pictures

    def coordinates(self, clip):
        points = keypoints(20)
        points[:, RIGHT_HAND, 1] += 2 * np.arange(20)[:, None] / SIDE - 0.35
        return {"pose": {"keypoints": points}}


def test_each_crop_follows_the_hand_of_its_own_frame(config, shards):
    crops = Crops(size=16, hands=1, faces=0)
    phase = VaePhase(config, config.stage1.vae.model_copy(update={"crops": crops, "clips": 8}), shards)
    phase.train = Wandering()
    found = phase.batch(0)["frames"]
    _, y = PLACES["hand"]
    middles = (y - 0.35) * SIDE + 2 * found[:, 2, 0, 0].numpy()
    assert len(np.unique(middles)) > 5
    assert (np.abs(found[:, 1, 8, 8].numpy() - middles) <= 24 + 1).all()  # in the hand's box


def test_the_loss_is_that_of_the_configuration(config):
    vae = build_vae(**config.vae)
    batch = {"frames": torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)}
    training = config.stage1.vae.model_copy(update={"edges": 0.7, "noise": (0.2, 0.3)})
    losses = []
    for loss in (
        lambda: VaeLoss(vae, training)(batch),
        lambda: vae_loss(vae, to_model(batch["frames"]), edges=0.7, noise=(0.2, 0.3)),
        lambda: vae_loss(vae, to_model(batch["frames"])),
    ):
        torch.manual_seed(0)
        losses.append(float(loss()[0].detach()))
    assert losses[0] == losses[1] != losses[2]


def test_whitening_looks_at_whole_frames(config, shards, monkeypatch):
    seen = []
    monkeypatch.setattr("signvip.stages.vae.whiten_latents", lambda vae, images: seen.append(images.shape))
    VaePhase(config, config.stage1.vae, shards).finish()
    assert seen == [(64, 3, 32, 32)]


def test_validation_tells_hands_and_faces_where_keypoints_are_known(config, shards, tmp_path):
    phase = VaePhase(config, config.stage1.vae, shards)
    scores = phase.validate(tmp_path)
    assert set(scores) == {"psnr", "ssim", "hand_ssim", "hand_psnr", "face_ssim"}
    assert all(np.isfinite(value) for value in scores.values())
    from PIL import Image

    assert Image.open(tmp_path / "vae.png").height == 4 * (64 + 2)
    blind = small_config(conditions={"depth": {}})
    made = make_shards(tmp_path / "blind", blind, train=2, dev=1, test=1)
    assert set(VaePhase(blind, blind.stage1.vae, made).validate(tmp_path)) == {"psnr", "ssim"}
    with pytest.raises(ConfigError, match=r"depth store no keypoints.*pose"):
        VaePhase(blind, config.stage1.vae, made)


def test_a_frame_whose_hand_is_not_seen_leaves_its_place_white():
    frame = np.zeros((32, 32, 3), np.uint8)
    unseen, seen = np.zeros((128, 3), np.float32), np.zeros((128, 3), np.float32)
    seen[RIGHT_HAND] = (0.5, 0.5, 1.0)
    assert vae_sheet([(frame, frame, None)]).height == 2 * (64 + 2)
    sheet = np.asarray(vae_sheet([(frame, frame, seen), (frame, frame, unseen)]))
    assert (sheet[-40, 90 + 32] == 0).all() and (sheet[-40, 90 + 66 + 32] == 255).all()


@pytest.mark.parametrize("size", [48, 17])
def test_crops_that_do_not_fit_are_refused(config, shards, size):
    training = config.stage1.vae.model_copy(update={"crops": Crops(size=size)})
    with pytest.raises(ConfigError, match=rf"crops.size is {size}"):
        VaePhase(config, training, shards)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('stage1.vae.crops={"hands":0.8,"faces":0.4}', "add up to 1.2"),
        ("stage1.vae.noise=[0.2,0.1]", "the least, then the most"),
        ('stage1.vae.crops={"hand":0.8}', "did you mean 'hands'"),
    ],
)
def test_unfit_options_are_named(setting, words):
    with pytest.raises(ConfigError, match=words):
        load_config("tiny", settings=[setting])


def test_the_presets_train_as_ever():
    for preset in ("tiny", "small"):
        training = load_config(preset).stage1.vae
        assert (training.crops, training.edges, training.noise) == (None, 0.0, (0.0, 0.0))
    assert VaeTraining(steps=1, clips=1, learning_rate=1).crops is None
