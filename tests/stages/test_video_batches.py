"""What a batch of stage 1 holds (section 3.4): frames at a stride, their conditions, one reference of the same clip."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from numbered import LENGTHS, numbered_phase, samples


def seen(sample):
    """The (clip, frame) that each frame's conditions say, where both say the same."""
    for kinds in sample.conditions:
        assert [kind[2] for kind in kinds] == [1, 2]
    return [{(kind[0] - 1, kind[1] - 1) for kind in kinds} for kinds in sample.conditions]


@pytest.mark.parametrize("cached", [False, True], ids=["frames", "latents"])
@pytest.mark.parametrize(("frames", "stride"), [(1, 1), (4, 2), (4, 5), (12, 1)])
def test_frames_stand_at_the_stride_with_the_conditions_of_the_same_moments(
    monkeypatch, frames, stride, cached
):
    training = {"frames": frames, "stride": stride}
    phase = numbered_phase(monkeypatch, cached=cached, training=training, augmentation=0.0)
    for sample in samples(phase, 6):
        assert len(sample.frames) == frames and sample.clips == {sample.clip}
        steps = {after - before for before, after in zip(sample.frames, sample.frames[1:], strict=False)}
        assert steps <= {stride}
        assert seen(sample) == [{(sample.clip, frame)} for frame in sample.frames]


def test_a_clip_too_short_for_the_stride_takes_the_widest_that_fits(monkeypatch):
    phase = numbered_phase(monkeypatch, training={"frames": 8, "stride": 5}, augmentation=0.0)
    widest = {clip: min(5, (length - 1) // 7) for clip, length in enumerate(LENGTHS["train"])}
    assert sorted(set(widest.values())) == [3, 4, 5]
    for sample in samples(phase, 6):
        assert sample.frames[1] - sample.frames[0] == widest[sample.clip]


def test_a_clip_shorter_than_asked_is_held_at_its_last_frame(monkeypatch):
    phase = numbered_phase(monkeypatch, training={"frames": 30}, augmentation=0.0)
    short = [sample for sample in samples(phase, 4) if LENGTHS["train"][sample.clip] < 30]
    assert short and all(sample.frames == [*range(23), *[22] * 7] for sample in short)


def test_every_clip_comes_once_a_pass_and_starts_anywhere(monkeypatch):
    phase = numbered_phase(monkeypatch, training={"frames": 4, "stride": 2}, augmentation=0.0)
    found = samples(phase, 300)
    passes = [[sample.clip for sample in found[at : at + 4]] for at in range(0, len(found), 4)]
    assert all(sorted(order) == [0, 1, 2, 3] for order in passes)
    assert len({tuple(order) for order in passes}) > 15  # of 24: shuffled anew
    starts = Counter(sample.frames[0] for sample in found if sample.clip == 3)  # 23 frames: 17 starts
    assert sorted(starts) == list(range(17)) and max(starts.values()) < 3 * 300 / 17


@pytest.mark.parametrize("cached", [False, True], ids=["frames", "latents"])
def test_the_reference_is_any_frame_of_the_same_clip(monkeypatch, cached):
    phase = numbered_phase(monkeypatch, cached=cached, training={"frames": 2}, augmentation=0.0)
    found = samples(phase, 300)
    assert all(sample.reference[0] == sample.clip for sample in found)
    places = Counter(sample.reference[1] for sample in found if sample.clip == 3)
    assert sorted(places) == list(range(23)) and max(places.values()) < 4 * 300 / 23
    away = [abs(sample.reference[1] - sample.frames[0]) for sample in found]
    assert sum(away) / len(away) > 6  # it does not follow the frames


@pytest.mark.parametrize(("asked", "fields"), [(False, "frames"), (True, "latents")])
def test_what_is_cached_is_taken_from_the_cache(monkeypatch, asked, fields):
    batch = numbered_phase(monkeypatch, cached=asked, augmentation=0.0).batch(0)
    reference = "reference" if asked else "reference_frame"
    assert set(batch) == {fields, reference, "conditions"}


@pytest.mark.parametrize("augmentation", [0.0, 0.3])
def test_a_batch_is_the_same_whenever_it_is_asked_for_and_no_two_are(monkeypatch, augmentation):
    phase = numbered_phase(monkeypatch, blackout=0.1, training={"frames": 3}, augmentation=augmentation)
    first = [phase.batch(index) for index in range(4)]
    again = [phase.batch(index) for index in reversed(range(4))][::-1]
    for batch, same in zip(first, again, strict=True):
        assert all(torch.equal(batch[key], same[key]) for key in batch)
    assert len({str(batch["frames"].tolist()) for batch in first}) == 4


def test_blackout_takes_each_condition_of_each_frame_by_itself_in_its_share(monkeypatch):
    """In the authors' code: pose or hands, 10 % each; what is left has not changed."""
    training = {"frames": 16}
    phase = numbered_phase(monkeypatch, blackout=0.2, training=training, augmentation=0.0)
    black, mixed = [], 0
    found = samples(phase, 40)
    for sample in found:
        for frame, kinds in zip(sample.frames, sample.conditions, strict=True):
            black.append([kind == (0, 0, 0) for kind in kinds])
            whole = [(sample.clip + 1, frame + 1, number + 1) for number in range(2)]
            assert all(kind in ((0, 0, 0), kept) for kind, kept in zip(kinds, whole, strict=True))
        mixed += len({tuple(kinds) for kinds in black[-len(sample.frames) :]}) > 1
    assert mixed > 0.9 * len(found)  # frames are drawn one by one, not a clip at once
    black = torch.tensor(black).float()  # (frames, kinds)
    assert black.mean(0).tolist() == pytest.approx([0.2, 0.2], abs=0.04)
    assert float(black.prod(1).mean()) == pytest.approx(0.04, abs=0.02)


def test_without_blackout_nothing_is_black(monkeypatch):
    phase = numbered_phase(monkeypatch, training={"frames": 16}, augmentation=0.0)
    assert all((0, 0, 0) not in kinds for sample in samples(phase, 10) for kinds in sample.conditions)
