"""Condition augmentation (section 3.4): a condition frame comes, with probability p, from another video."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from numbered import LENGTHS, numbered_phase, samples

FRAMES = 8


def drawn(monkeypatch, p, batches=100, **options):
    """(sample, frame, (clip, frame) of its conditions) of each condition frame; both conditions are of one moment."""
    phase = numbered_phase(monkeypatch, training={"frames": FRAMES, "clips": 4}, augmentation=p, **options)
    found = []
    for sample in samples(phase, batches):
        for frame, kinds in zip(sample.frames, sample.conditions, strict=True):
            moments = {(kind[0] - 1, kind[1] - 1) for kind in kinds}
            assert len(moments) == 1  # pose and hands are replaced together, by one frame
            found.append((sample, frame, moments.pop()))
    return found


def foreign(found):
    return [entry for entry in found if entry[2] != (entry[0].clip, entry[1])]


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_a_frame_is_replaced_with_its_probability(monkeypatch, p):
    found = drawn(monkeypatch, p)
    assert len(foreign(found)) / len(found) == pytest.approx(p, abs=0.03)


@pytest.mark.parametrize(("p", "replaced"), [(0.0, 0.0), (1.0, 1.0)])
def test_none_is_replaced_at_zero_and_all_are_at_one(monkeypatch, p, replaced):
    found = drawn(monkeypatch, p, batches=25)
    assert len(foreign(found)) / len(found) == replaced


def test_the_papers_rate_is_one_in_a_thousand(monkeypatch):
    found = drawn(monkeypatch, 0.001, batches=500)  # 16,000 frames
    assert 4 <= len(foreign(found)) <= 36


@pytest.mark.parametrize("cached", [False, True], ids=["frames", "latents"])
def test_what_comes_in_is_any_frame_of_any_other_video_and_never_of_the_same(monkeypatch, cached):
    found = foreign(drawn(monkeypatch, 0.5, cached=cached))
    assert all(moment[0] != sample.clip for sample, _, moment in found)
    for clip in range(len(LENGTHS["train"])):
        origins = Counter(moment[0] for sample, _, moment in found if sample.clip == clip)
        assert set(origins) == set(range(4)) - {clip}
        assert min(origins.values()) > 0.2 * sum(origins.values())
    places = Counter(moment[1] for _, _, moment in found if moment[0] == 3)
    assert set(places) == set(range(23))


def test_each_frame_is_replaced_by_itself(monkeypatch):
    """The number of replaced frames of a clip is binomial: neither all or none, nor the same each time."""
    found = drawn(monkeypatch, 0.5)
    replaced = (
        torch.tensor([entry[2] != (entry[0].clip, entry[1]) for entry in found]).float().view(-1, FRAMES)
    )
    assert replaced.mean(0).tolist() == pytest.approx([0.5] * FRAMES, abs=0.12)
    assert float(replaced.sum(1).var()) == pytest.approx(FRAMES / 4, rel=0.3)
    moments = [entry[2] for entry in foreign(found)]
    assert len(set(moments)) > 100  # not one foreign frame for a whole clip


def test_with_one_video_there_is_no_other_to_take_a_frame_from(monkeypatch):
    monkeypatch.setitem(LENGTHS, "train", [40])
    assert foreign(drawn(monkeypatch, 1.0, batches=5)) == []


@pytest.mark.parametrize("cached", [False, True], ids=["frames", "latents"])
def test_frames_and_reference_stay(monkeypatch, cached):
    for sample, frame, _ in drawn(monkeypatch, 1.0, batches=10, cached=cached):
        assert sample.clips == {sample.clip} and sample.reference[0] == sample.clip
        assert frame in sample.frames and sample.frames == list(
            range(sample.frames[0], sample.frames[0] + FRAMES)
        )
