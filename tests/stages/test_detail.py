"""A head for what is finest: trained last, in squares of frames, with everything before it as it was."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from small import small_config
from torch.nn import functional

from signvip.config import DetailTraining, parse_config
from signvip.errors import ConfigError, RunError
from signvip.models.networks import new_video_networks
from signvip.models.vae import build_vae
from signvip.pipeline import SignVipPipeline
from signvip.progress import Silent
from signvip.run import Run
from signvip.settings import merge
from signvip.stages import train
from signvip.stages.detail import BORDER, OF_A_FRAME, DetailPhase
from signvip.stages.kept_squares import KeptSquares
from signvip.stages.parts import load_denoiser
from signvip.stages.video_loss import VideoDiffusion

SQUARES = {"crops": {"size": 24}, "squares": 40, "clips": 4, "frames": 2, "steps": 3, "learning_rate": 1e-2}
DETAIL = {"phases": ["detail"], "detail": {**SQUARES, "workers": 0}}


def further(trained, source, target, reporter=None, **changes):
    """Train stage 1 in another run, which goes on from a first."""
    values = merge(trained.config.model_dump(mode="json"), {"start": {"run": str(source)}, "stage1": DETAIL})
    train(
        parse_config(merge(values, {"stage1": changes})),
        1,
        shards=trained.shards,
        run=target,
        reporter=reporter,
    )
    return Run.open(target)


@pytest.fixture(scope="module")
def detailed(trained, tmp_path_factory):
    return further(trained, trained.run, tmp_path_factory.mktemp("detailed") / "run")


def heads(run):
    """The head of a run's denoiser, and all its other weights."""
    weights = load_denoiser(run).parts()["denoiser"].state_dict()
    head = {name: weight for name, weight in weights.items() if name.startswith("detail.")}
    return head, {name: weight for name, weight in weights.items() if name not in head}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_the_head_learns_and_nothing_else(detailed, trained):
    before = Run.open(trained.run)
    (none, old), (head, new) = heads(before), heads(detailed)
    assert not none and same(old, new)
    assert head["detail.leave.1.weight"].count_nonzero() > 0
    for part in ("vae", "condition_encoder", "guider", "reference_net", "autoencoder", "translator"):
        assert detailed.fingerprint(part) == before.fingerprint(part)


def test_what_a_run_makes_is_another_video(detailed, trained):
    found = []
    for run in (trained.run, detailed.path):
        pipe = SignVipPipeline.from_pretrained(run)
        denoiser = pipe.denoiser
        torch.manual_seed(0)
        noisy, e = torch.randn(1, 2, 4, 16, 16), torch.randn(1, 2, 8, 16, 16)
        reference = denoiser.reference(torch.randn(1, 4, 16, 16), 0)
        with torch.no_grad():
            found.append(denoiser.predict(noisy, torch.tensor([500]), denoiser.guide(e), reference))
    assert not torch.allclose(*found, atol=1e-5)


def test_its_squares_are_gone_once_it_is_trained(detailed):
    assert [folder.name for folder in (detailed.path / "training").iterdir()] == ["stage1-detail"]


def test_the_same_training_gives_the_same_head(detailed, trained, tmp_path):
    again = further(trained, trained.run, tmp_path / "again")
    assert same(heads(again)[0], heads(detailed)[0])


def test_it_goes_on_from_a_head_that_is_there(detailed, trained, tmp_path):
    still = {"detail": {"learning_rate": 1e-12, "steps": 1}}
    run = further(trained, detailed.path, tmp_path / "on", **still)
    torch.testing.assert_close(heads(run)[0], heads(detailed)[0], rtol=0, atol=1e-9)


class Heard(Silent):
    def __init__(self):
        self.told = []

    def say(self, text):
        self.told.append(text)


@pytest.mark.parametrize("phases", [["image"], ["image", "detail"]])
def test_images_that_are_trained_on_ask_for_another_head(detailed, trained, tmp_path, phases):
    heard = Heard()
    run = further(trained, detailed.path, tmp_path / "images", heard, phases=phases)
    again = "detail" in phases
    assert load_denoiser(run).has_detail == again
    assert any("is of other images" in sentence for sentence in heard.told) != again


def test_images_are_not_trained_beneath_it(detailed, trained, tmp_path):
    copy = shutil.copytree(detailed.path, tmp_path / "copy")
    values = merge(
        trained.config.model_dump(mode="json"), {"stage1": {"phases": ["image"], "encoder": "frozen"}}
    )
    with pytest.raises(RunError, match="has motion"):
        train(parse_config(values), 1, shards=trained.shards, run=copy)


def test_motion_that_is_trained_later_asks_for_another_head(detailed, trained, tmp_path):
    run = further(trained, trained.run, tmp_path / "run")
    further(trained, trained.run, tmp_path / "run", phases=["motion"], motion={"steps": 3})
    assert load_denoiser(run).has_detail
    assert not (run.phase("stage1-detail") / "done.json").exists()


def test_a_preset_that_does_not_say_how(trained, tmp_path):
    with pytest.raises(RunError, match=r"\[stage1\.detail\]"):
        further(trained, trained.run, tmp_path / "run", detail=None)


def test_a_denoiser_that_knows_no_head(trained):
    denoiser = new_video_networks(trained.config).denoiser
    denoiser.network = torch.nn.Identity()
    with pytest.raises(ConfigError, match=r"leave detail out of stage1\.phases"):
        denoiser.with_detail()


def test_squares_that_are_all_border(trained, tmp_path):
    with pytest.raises(ConfigError, match=r"set it to 10 or more"):
        further(trained, trained.run, tmp_path / "run", detail={"crops": {"size": 8}})


@pytest.fixture
def phase(trained, tmp_path):
    """The detail phase of new networks, whose heads have learned something, and its squares."""
    config = small_config(stage1=DETAIL, seed=3)
    torch.manual_seed(0)
    networks = new_video_networks(config)
    detailed = networks.denoiser.with_detail()
    for weight in detailed.parameters():
        weight.data += 0.05 * torch.randn_like(weight)
    nets = VideoDiffusion(config, networks.encoder, detailed)
    nets.train_detail()
    store = KeptSquares(tmp_path / "squares", "stamp")
    vae = build_vae(**config.vae)
    found = DetailPhase(config, config.stage1.detail, trained.shards, vae, nets, False, store)
    found.keep(Silent())
    return found


def test_what_the_head_reads_gives_the_prediction(phase):
    denoiser = phase.module.nets.whole
    noisy, e = torch.randn(2, 3, 4, 16, 16), torch.randn(2, 3, 8, 16, 16)
    given = (
        noisy,
        torch.tensor([500, 999]),
        denoiser.guide(e),
        denoiser.reference(torch.randn(2, 4, 16, 16), 0),
    )
    with torch.no_grad():
        read = denoiser.before_detail(*given)
        torch.testing.assert_close(denoiser.refine(read), denoiser.predict(*given))


def test_a_square_is_refined_as_it_is_in_its_frame(phase):
    denoiser = phase.module.nets.whole
    read = torch.randn(2, 3, 16 + 8, 16, 16)
    with torch.no_grad():
        whole, square = denoiser.refine(read), denoiser.refine(read[..., 2:14, 3:15])
    reach = 4  # of four convolutions
    inner = square[..., reach:-reach, reach:-reach]
    torch.testing.assert_close(inner, whole[..., 2 + reach : 14 - reach, 3 + reach : 15 - reach])


def test_what_is_kept_is_what_the_head_reads_of_frames(phase):
    nets, store = phase.module.nets, phase.store
    rows = store.rows(range(40))
    assert {name: len(value) for name, value in rows.items()} == dict.fromkeys(rows, 40)
    assert rows["read"].shape[1:] == (24, 12, 12) and rows["latents"].shape[1:] == (4, 12, 12)
    with torch.no_grad():
        frames = phase._squares(0, torch.device("cpu"))
        assert len(frames["read"]) == 40 // 40 * OF_A_FRAME * 2 * 4  # squares, frames, clips
        noisy = rows["noisy"]
        alphas = nets._alphas(noisy.device)[rows["timestep"]].view(-1, 1, 1, 1)
        noise = (noisy - alphas.sqrt() * rows["latents"]) / (1 - alphas).sqrt()
    assert 0.8 < noise.std() < 1.2  # rows belong together: no other latents leave noise of this size
    shifted = (noisy - alphas.sqrt() * rows["latents"].roll(1, 0)) / (1 - alphas).sqrt()
    assert shifted.std() > noise.std()


def test_only_what_lies_inside_counts(phase):
    batch = phase.store.rows(range(4))
    border = functional.pad(torch.zeros(4, 1, *[12 - 2 * BORDER] * 2), [BORDER] * 4, value=1.0)
    loss = phase.module(batch)[0]
    moved = phase.module({**batch, "target": batch["target"] + 100 * border})[0]
    torch.testing.assert_close(loss, moved)
    inside = phase.module({**batch, "target": batch["target"] + 100 * (1 - border)})[0]
    assert inside > loss + 1000


def test_hands_weigh_more_where_they_are_said_to(phase):
    batch = phase.store.rows(range(4))
    batch["weights"] = torch.ones(4, 1, 12, 12)
    batch["weights"][..., :6, :] = 1e6
    seen = batch["target"].clone()
    seen[..., 6:, :] += 100  # hardly counts
    torch.testing.assert_close(
        phase.module(batch)[0], phase.module({**batch, "target": seen})[0], rtol=0.1, atol=0.1
    )


def test_the_clips_of_a_batch_follow_from_its_number(phase):
    first, again, other = (phase.batch(index)["noisy"] for index in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_squares_of_something_else_are_made_anew(tmp_path):
    store = KeptSquares(tmp_path / "kept", "one")
    with store.writing(3) as write:
        write({"a": torch.ones(2, 5), "b": torch.tensor([1, 2])})
        write({"a": torch.zeros(1, 5), "b": torch.tensor([3])})
    assert store.full(3) and not store.full(4)
    assert not KeptSquares(tmp_path / "kept", "two").full(3)
    rows = store.rows([2, 0])
    assert rows["b"].tolist() == [3, 1] and rows["a"].mean(1).tolist() == [0, 1]
    assert rows["a"].dtype == torch.float32 and rows["b"].dtype == torch.int64


def test_squares_that_were_cut_off_are_none(tmp_path):
    store = KeptSquares(tmp_path / "kept", "one")
    with pytest.raises(KeyboardInterrupt), store.writing(3) as write:
        write({"a": torch.ones(2, 5)})
        raise KeyboardInterrupt
    assert not store.full(3)


def test_a_phase_that_was_stopped_keeps_its_squares(detailed, trained, tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("signvip.training.loop.run_loop", stopped)
        with pytest.raises(KeyboardInterrupt):
            further(trained, trained.run, tmp_path / "run")
    kept = tmp_path / "run" / "training" / "stage1-detail-squares"
    assert (
        json.loads((kept / "made_with.json").read_text().split(" ", 1)[1])["training"]["crops"]["size"] == 24
    )
    monkeypatch.setattr(DetailPhase, "_squares", stopped)  # none is computed again
    run = further(trained, trained.run, tmp_path / "run")
    assert same(heads(run)[0], heads(detailed)[0])


def test_defaults_are_of_the_embedded_models_size():
    options = DetailTraining(steps=1, clips=1, learning_rate=1e-3)
    assert (options.squares, options.crops.size) == (24000, 64)
