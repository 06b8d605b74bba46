"""What is measured and when: a sample while a phase trains, the split at its end, shared by its processes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from regression import WatchedPhase
from small import small_config

from signvip.config import Training
from signvip.models import Autoencoder, ConditionEncoder, TokenTranslator
from signvip.progress import Silent
from signvip.run import Run
from signvip.stages import tokens as stage2
from signvip.stages.text import TextPhase
from signvip.stages.tokens import TokensPhase
from signvip.stages.vae import VaePhase
from signvip.training import batches, feeding
from signvip.training import loop as training
from signvip.training.validation import SAMPLE_CLIPS, SAMPLE_FRAMES, SPLIT_FRAMES, Share, add, together


def share(total=500, *, seed=0, whole=False, rank=0, world=1):
    return Share.of(total, seed=seed, whole=whole, rank=rank, world=world)


def test_the_sample_is_fixed_by_the_seed_and_spread_over_the_split():
    clips = share().clips
    assert len(set(clips)) == SAMPLE_CLIPS == 64 and clips == share().clips == tuple(sorted(clips))
    assert len({share(seed=seed).clips for seed in range(5)}) == 5
    assert {clip // 100 for clip in clips} == {0, 1, 2, 3, 4}  # not the first ones


def test_the_last_step_and_small_splits_are_measured_whole():
    assert share(whole=True).clips == tuple(range(500)) and share(whole=True).frames == SPLIT_FRAMES
    assert share(64).clips == tuple(range(64)) and share(64).frames == SAMPLE_FRAMES
    assert len(share(65).clips) == 64


@pytest.mark.parametrize("most", [None, 24])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_share_the_clips_without_overlap(world, most):
    parts = [share(rank=rank, world=world).own(most) for rank in range(world)]
    assert sorted(clip for part in parts for clip in part) == list(share().clips[:most])
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_frames_are_evenly_spread_and_few_where_there_are_many_clips():
    assert share().picks(8) == list(range(8))
    assert share().picks(160) == list(range(5, 160, 10))  # 1,024 frames of 64 clips: 16 of each
    assert len(share(100_000, whole=True).picks(200)) == 1


def test_sums_of_tensors_and_numbers_add_up_by_name_and_a_lone_process_has_its_own():
    parts = [{"a": 1, "codes": torch.tensor([1, 2])}, {}, {"a": 2.5, "codes": torch.tensor([0, 4])}]
    assert add(parts)["a"] == 3.5 and add(parts)["codes"].tolist() == [1, 6]
    assert together({"a": 1}) == {"a": 1} and together({}) == {}


@pytest.fixture(scope="module")
def phases(trained):
    """The phases that are measured over many clips, of a finished run."""
    config, shards, run = trained.config, trained.shards, Run.open(trained.run)
    encoder, autoencoder = (
        run.load("condition_encoder", ConditionEncoder),
        run.load("autoencoder", Autoencoder),
    )
    made = {
        "vae": VaePhase(config, config.stage1.vae, shards),
        "tokens": TokensPhase(config, config.stage2, shards, encoder, autoencoder, False),
        "text": TextPhase(config, config.stage3, shards, run.load("translator", TokenTranslator)),
    }
    for phase in made.values():
        phase.dev = phase.train  # four clips instead of two
        phase.module.eval()
    return made


@torch.no_grad()
@pytest.mark.parametrize("name", ["vae", "tokens", "text"])
def test_two_or_three_processes_find_what_one_finds(phases, name, tmp_path):
    phase = phases[name]

    def found(world):
        shares = [Share.of(4, seed=0, whole=True, rank=rank, world=world) for rank in range(world)]
        return phase.scores(add([phase.measure(share, tmp_path) for share in shares]))

    alone = found(1)
    assert alone and alone == pytest.approx(phase.validate(tmp_path), rel=1e-5)
    for world in (2, 3):
        assert found(world) == pytest.approx(alone, rel=1e-4, abs=1e-6)


@torch.no_grad()
def test_no_more_frames_than_a_chunk_are_embedded_at_once(phases, monkeypatch, tmp_path):
    monkeypatch.setattr(stage2, "CHUNK", 5)
    phase, seen = phases["tokens"], []
    plain = phase.module.embed
    monkeypatch.setattr(
        phase.module, "embed", lambda batch: seen.append(len(batch["conditions"])) or plain(batch)
    )
    phase.measure(Share.of(4, seed=0, whole=True), tmp_path)
    assert max(seen) == 5 and sum(seen) == sum(phase.dev.info(clip)["frames"] for clip in range(4))


class Many(WatchedPhase):
    """Of a hundred clips; notes what it is asked to measure, and in which precision."""

    dev = range(100)

    def __init__(self) -> None:
        super().__init__([(1.0, 1.0)])
        self.shares, self.kinds = [], []

    def measure(self, share, folder):
        self.shares.append(share)
        self.kinds.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
        return {"count": 1}

    def scores(self, sums):
        return {"count": float(sums["count"])}


def test_the_loop_asks_for_the_sample_and_at_its_last_step_for_the_split(tmp_path):
    phase = Many()
    options = Training(steps=6, clips=1, learning_rate=0.1, workers=0, validate_every=2)
    training.run_loop(phase, options, tmp_path, seed=3, precision="bf16", reporter=Silent())
    sample, split = Share.of(100, seed=3, whole=False), Share.of(100, seed=3, whole=True)
    assert phase.shares == [sample, sample, split]
    assert set(phase.kinds) == {torch.bfloat16}  # autocast is on, as in training


@pytest.mark.parametrize(("kind", "pinned"), [("cuda", True), ("cpu", False), ("mps", False)])
def test_batches_are_pinned_for_a_card_and_loaded_by_as_many_as_the_machine_has(monkeypatch, kind, pinned):
    given = {}
    monkeypatch.setattr(feeding, "DataLoader", lambda data, **options: given.update(options) or iter(()))
    monkeypatch.setattr(batches, "loaders", lambda device: {"cpu": 1, "cuda": 7, "mps": 3}[device])
    machine = SimpleNamespace(process_index=0, num_processes=1, device=torch.device(kind))
    options = small_config().stage2.model_copy(update={"steps": 100, "workers": None})
    batches.batches_from(WatchedPhase([]), options, 0, machine)
    assert given["pin_memory"] is pinned
    assert given["num_workers"] == {"cpu": 1, "cuda": 7, "mps": 3}[kind]
    batches.batches_from(WatchedPhase([]), options.model_copy(update={"workers": 2}), 0, machine)
    assert given["num_workers"] == 2
    batches.batches_from(WatchedPhase([]), options, 95, machine)
    assert given["num_workers"] <= 5  # no more than there are batches
