"""What a person is told to look at in a set of shards."""

from __future__ import annotations

import json

import numpy as np
import pytest

from signvip.contracts import LEFT_HAND
from signvip.data import fields
from signvip.data.manifest import Counts, Manifest
from signvip.data.shards import ShardWriter
from signvip.data.video import encode_video
from signvip.doctor.shards import examine_shards
from signvip.progress import Silent

MOVING = np.random.default_rng(0).integers(0, 255, (6, 16, 16, 3), dtype=np.uint8)


def members(clip_id, text="wind and rain", frames=MOVING, hands=1.0):
    keypoints = np.zeros((len(frames), 128, 3), np.float16)
    keypoints[: round(hands * len(frames)), LEFT_HAND, 2] = 1
    about = {"id": clip_id, "text": text, "fps": 12.0, "frames": len(frames), "signer": None}
    return {
        fields.VIDEO: encode_video(frames, 12.0),
        fields.META: fields.encode(fields.META, about),
        fields.TEXT: text.encode(),
        "pose.npz": fields.encode("pose.npz", {"keypoints": keypoints}),
    }


@pytest.fixture
def report(tmp_path):
    """Write samples {split: [(key, members)]} and say what is found."""

    def make(**splits):
        counted = {}
        for split, samples in splits.items():
            with ShardWriter(tmp_path, split) as writer:
                for key, sample in samples:
                    writer.write(key, sample)
            count = len(samples)
            counted[split] = Counts(
                clips_in=count, clips_out=count, failed=0, frames=6 * count, seconds=0.5 * count, signers=1
            )
        made = Manifest(
            made_by="a test", dataset="test", conditions={"pose": {}}, size=(16, 16), fps=12.0, splits=counted
        )
        made.write(tmp_path)
        return {finding.topic: finding for finding in examine_shards(tmp_path, Silent())}

    return make


def test_sound_clips_are_told_in_numbers(report):
    other = np.roll(MOVING, 1, axis=0)
    found = report(
        train=[("a", members("a"))],
        dev=[("b", members("b", "sun", other))],
        test=[("c", members("c", "x", 255 - other))],
    )
    assert not any(finding.fault or finding.advice for finding in found.values())
    assert found["hands"].found == "in 100.0% of the frames, mean over clips"


def test_an_id_that_comes_twice_is_a_fault(report):
    assert "a occur" in report(train=[("a", members("a"))], dev=[("b", members("a"))])["ids"].fault


def test_a_clip_without_text_is_a_fault(report):
    assert "a have none" in report(train=[("a", members("a", " "))])["texts"].fault


@pytest.mark.parametrize("frames", [np.full_like(MOVING, 7), np.repeat(MOVING[:1], 6, axis=0)])
def test_an_empty_and_a_constant_clip_are_faults(report, frames):
    assert (
        "a are empty or do not move" in report(train=[("a", members("a", frames=frames))])["pictures"].fault
    )


def test_texts_of_two_splits_and_copied_videos_are_to_be_looked_at(report):
    found = report(train=[("a", members("a"))], test=[("b", members("b"))])
    assert "1 occur in more than one split" in found["texts"].advice
    assert "a, b have the same video" in found["pictures"].advice
    assert "cannot validate" in found["dev"].advice


def test_clips_without_hands_are_named_with_their_share(report):
    found = report(train=[("a", members("a", hands=1 / 6)), ("b", members("b"))])["hands"]
    assert "a (17%) show a hand" in found.advice and "58.3%" in found.found


def test_a_clip_much_longer_than_its_text_is_out_of_line(report):
    clips = [(f"c{i}", members(f"c{i}", "one two three")) for i in range(20)]
    clips.append(("long", members("long", "word", np.concatenate([MOVING] * 8))))
    assert "long are out of line" in report(train=clips)["lengths"].advice


def test_texts_without_clips_and_clips_without_texts_are_counted_by_reason(report, tmp_path):
    reasons = {"x": "the clip has no text", "y": "the text has no clip", "z": "the text has no clip"}
    rows = [{"split": "train", "id": name, "reason": why} for name, why in reasons.items()]
    (tmp_path / "failed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = report(train=[("a", members("a"))])["failed"]
    assert found.found.startswith("3 clips")
    assert "2: the text has no clip; 1: the clip has no text. The first is x;" in found.advice


def without(sample, name):
    return {field: data for field, data in sample.items() if field != name}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda sample: without(sample, "pose.npz"), "a has no pose.npz"),
        (lambda sample: sample | {"json": b'{"id": "a", "fps": 12.0}'}, "a has no frames in its json"),
        (lambda sample: sample | {"json": b'{"id": "a", "fps": 25.0, "frames": 6}'}, "25 frames a second"),
        (
            lambda sample: sample | {"mp4": encode_video(MOVING[:, :8], 12.0)},
            "mp4 8x16 in the place of 16x16",
        ),
        (lambda sample: sample | {"mp4": encode_video(MOVING[:4], 12.0)}, "mp4 4"),
        (
            lambda sample: sample | {"txt": b"another clip's"},
            "a has another text in its txt than in its json",
        ),
        (
            lambda sample: sample | {"json": b'{"id": "a", "fps": 12.0, "frames": 6, "split": "test"}'},
            "a is a clip of test, and lies in train",
        ),
    ],
)
def test_a_sample_that_is_not_what_the_manifest_says_is_a_fault(report, spoil, words):
    assert words in report(train=[("a", spoil(members("a")))])["train"].fault


def test_hands_are_counted_in_hand3d_where_there_is_no_pose(report, tmp_path):
    hands = np.zeros((6, 2, 21, 4), np.float16)
    hands[:3, 1, :, 3] = 1
    sample = without(members("a"), "pose.npz") | {"hand3d.npz": fields.encode("hand3d.npz", {"hands": hands})}
    report(train=[("a", sample)])
    manifest = Manifest.read(tmp_path)
    manifest.model_copy(update={"conditions": {"hand3d": {}}}).write(tmp_path)
    found = {finding.topic: finding for finding in examine_shards(tmp_path, Silent())}
    assert found["train"].fault is None and found["hands"].found.startswith("in 50.0%")
