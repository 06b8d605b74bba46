"""Which dev clips a phase is measured on: a fixed sample while it trains, all at its end, shared by processes."""

from __future__ import annotations

from itertools import chain

import pytest
import torch
from test_training import Regression, settings

from signvip.progress import Silent
from signvip.training import train
from signvip.validation import SAMPLE_CLIPS, SAMPLE_FRAMES, SPLIT_FRAMES, Share, add, mean_scores

CLIPS = 300


def test_a_sample_is_the_same_each_time_from_anywhere_in_the_split_and_another_for_another_seed():
    sample = Share.of(CLIPS, seed=1, whole=False)
    assert sample == Share.of(CLIPS, seed=1, whole=False) and sample.frames == SAMPLE_FRAMES
    assert len(set(sample.clips)) == SAMPLE_CLIPS and sample.clips == tuple(sorted(sample.clips))
    for third in range(3):
        assert sum(clip // (CLIPS // 3) == third for clip in sample.clips) > 10
    assert sample.clips != Share.of(CLIPS, seed=2, whole=False).clips


def test_a_split_of_few_clips_is_its_own_sample_and_the_end_sees_every_clip():
    assert Share.of(SAMPLE_CLIPS, seed=0, whole=False).clips == tuple(range(SAMPLE_CLIPS))
    whole = Share.of(CLIPS, seed=0, whole=True)
    assert whole.clips == tuple(range(CLIPS)) and whole.frames == SPLIT_FRAMES


@pytest.mark.parametrize("most", [None, 1, 4, 7])
@pytest.mark.parametrize("whole", [True, False])
def test_processes_share_the_clips_that_one_would_measure(whole, most):
    alone = Share.of(CLIPS, seed=0, whole=whole).own(most)
    shares = [Share.of(CLIPS, seed=0, whole=whole, rank=rank, world=3).own(most) for rank in range(3)]
    assert sorted(chain(*shares)) == list(alone) and len(alone) == (
        most or (CLIPS if whole else SAMPLE_CLIPS)
    )
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_frames_are_spread_over_a_clip_and_all_of_a_short_one_are_seen():
    share = Share(tuple(range(10)), frames=50)
    assert share.picks(5) == [0, 1, 2, 3, 4] and share.picks(3) == [0, 1, 2]
    assert share.picks(100) == [10, 30, 50, 70, 90]
    assert Share(tuple(range(10)), frames=5).picks(9) == [4]


def test_sums_of_processes_are_those_of_one():
    parts = [{"count": 2, "psnr": 40.0, "codes": torch.tensor([1, 0])}, {}, {"count": 1, "psnr": 5.0}]
    total = add(parts)
    assert torch.equal(total.pop("codes"), torch.tensor([1, 0]))
    assert mean_scores(total) == {"psnr": 15.0}


class Measured(Regression):
    """Notes what it is asked to measure, and in which state."""

    dev = range(CLIPS)

    def __init__(self) -> None:
        super().__init__()
        self.shares: list[Share] = []

    def measure(self, share, folder):
        assert not self.module.training and not torch.is_grad_enabled() and folder.is_dir()
        self.shares.append(share)
        return {"count": len(share.own()), "clips": sum(share.own())}

    def scores(self, sums):
        return mean_scores(sums)


def test_a_phase_is_measured_on_a_sample_until_its_last_step(tmp_path):
    phase = Measured()
    options = settings(steps=5, validate_every=2)
    train(phase, options, tmp_path, seed=3, precision="no", reporter=Silent())
    sample, whole = (Share.of(CLIPS, seed=3, whole=end) for end in (False, True))
    assert phase.shares == [sample, sample, whole]
