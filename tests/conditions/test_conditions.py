from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from corpus import clip
from PIL import Image
from signvip_conditions import Depth, Hand3d, Pose

from signvip import Condition, DataError
from signvip.contracts import LEFT_HAND

CONDITIONS = [Pose, Hand3d, Depth]


def build(cls, **options):
    return cls(cls.Config(**options))


@pytest.mark.parametrize("cls", CONDITIONS)
def test_a_redraw_from_the_stored_file_is_exact(cls):
    condition, example = build(cls), clip(size=(48, 80))
    data = condition.extract(example)
    file = io.BytesIO()
    np.savez_compressed(file, **data)
    file.seek(0)
    stored = dict(np.load(file))
    for size in [(48, 80), (64, 64), (33, 57)]:
        drawn = condition.draw(data, size)
        assert drawn.shape == (12, *size, 3) and drawn.dtype == np.uint8
        assert np.array_equal(drawn, condition.draw(stored, size))
        assert np.array_equal(drawn[[7, 2]], condition.draw(data, size, [7, 2]))
    assert isinstance(condition, Condition)
    assert all(len(rows) == 12 for rows in data.values())


@pytest.mark.parametrize("cls", CONDITIONS)
def test_no_frames_give_no_pictures(cls):
    condition = build(cls)
    assert condition.draw(condition.extract(clip()), (20, 30), []).shape == (0, 20, 30, 3)


@pytest.mark.parametrize("cls", [Pose, Hand3d])
def test_a_drawing_is_the_same_picture_at_any_size(cls):
    condition = build(cls)
    data = condition.extract(clip())
    small = condition.draw(data, (64, 64), [3])[0].astype(float)
    large = Image.fromarray(condition.draw(data, (512, 512), [3])[0]).reduce(8)
    inside = small.max(-1) > 0
    assert 0.02 < inside.mean() < 0.4  # seen at 64x64, on black
    assert np.corrcoef(small.ravel(), np.asarray(large, float).ravel())[0, 1] > 0.9


@pytest.mark.parametrize("cls", [Pose, Hand3d])
def test_points_of_low_confidence_are_not_drawn(cls):
    condition, example = build(cls), clip()
    unsure = {name: values.copy() for name, values in example.known.items()}
    unsure["keypoints"][5:, :, 2] = 0.2
    unsure["hands"][5:, ..., 3] = 0.2
    drawn = condition.draw(condition.extract(replace(example, known=unsure)), (64, 64))
    assert drawn[:5].max(axis=(1, 2, 3)).min() > 100 and not drawn[5:].any()


def test_an_unseen_finger_tip_ends_the_finger_and_nothing_else():
    pose, example = build(Pose), clip(frames=1)
    keypoints = example.known["keypoints"].copy()
    keypoints[0, LEFT_HAND.start + 12, 2] = 0
    whole = pose.draw(pose.extract(example), (256, 256))[0]
    cut = pose.draw(pose.extract(replace(example, known={"keypoints": keypoints})), (256, 256))[0]
    y, x = np.nonzero((whole != cut).any(-1))
    tip = keypoints[0, LEFT_HAND.start + 12, :2] * 256
    assert len(x) and np.hypot(x - tip[0], y - tip[1]).max() < 0.25 * 0.1 * 256


def test_not_a_number_counts_as_unseen():
    example = clip()
    holes = {name: values.astype(np.float32) for name, values in example.known.items()}
    holes["keypoints"][2, 5] = np.nan
    holes["hands"][2, 0] = np.nan
    for cls in (Pose, Hand3d):
        data = build(cls).extract(replace(example, known=holes))
        assert all(np.isfinite(values).all() for values in data.values())
        assert build(cls).draw(data, (64, 64)).any()


def test_each_bone_of_the_hands_has_a_colour_of_its_own():
    from signvip_conditions.pose import _BODY, _HANDS

    assert len(_BODY) == 17 and len({colour for _, colour in _HANDS}) == len(_HANDS) == 40


def test_left_and_right_hands_have_other_tints():
    data = build(Hand3d).extract(clip(frames=1))
    drawn = build(Hand3d).draw(data, (64, 64))[0].astype(int)
    left, right = drawn[:, 40:], drawn[:, :24]
    assert left[..., 0].sum() > 1.5 * left[..., 2].sum() and right[..., 2].sum() > 1.5 * right[..., 0].sum()


def test_the_nearer_hand_hides_the_farther_and_is_brighter():
    example = clip(frames=1)
    hands = example.known["hands"].copy()
    hands[:, 0] = hands[:, 1]  # both in one place

    def drawn(left_z, right_z):
        moved = hands.copy()
        moved[0, 0, :, 2] += left_z
        moved[0, 1, :, 2] += right_z
        condition = build(Hand3d)
        return condition.draw(condition.extract(replace(example, known={"hands": moved})), (64, 64))[
            0
        ].astype(int)

    warm, cool = drawn(-0.2, 0.2), drawn(0.2, -0.2)
    assert warm[..., 0].sum() > warm[..., 2].sum() and cool[..., 2].sum() > cool[..., 0].sum()
    assert drawn(-0.2, 0.4).sum() > drawn(0.2, 0.4).sum()


def test_fingers_that_point_at_the_camera_are_darker():
    example = clip(frames=1)
    hands = example.known["hands"].copy()
    flat, pointing = hands.copy(), hands.copy()
    flat[..., 2] = 0
    pointing[..., 2] = 6 * (hands[..., 1] - hands[..., :1, 1])
    pictures = [
        build(Hand3d).draw(build(Hand3d).extract(replace(example, known={"hands": h})), (64, 64))[0]
        for h in (flat, pointing)
    ]
    means = [picture[picture.max(-1) > 0].max(-1).mean() for picture in pictures]
    assert means[0] > 1.3 * means[1]


def test_depth_is_kept_and_three_channels_are_equal():
    example = clip(size=(64, 64))
    condition = build(Depth)
    drawn = condition.draw(condition.extract(example), (64, 64))
    assert np.array_equal(drawn, np.repeat(example.known["depth"][..., None], 3, -1))


def test_large_depth_maps_are_stored_smaller():
    data = build(Depth, max_side=32).extract(clip(size=(40, 80)))
    assert data["depth"].shape == (12, 16, 32)


@pytest.mark.parametrize(("cls", "name"), [(Pose, "keypoints"), (Hand3d, "hands"), (Depth, "depth")])
def test_what_a_corpus_does_not_know_or_knows_wrongly_is_a_sentence(cls, name):
    example = clip()
    without = {key: value for key, value in example.known.items() if key != name}
    with pytest.raises(DataError, match=f"comes without {name}.*leave .* out of --condition"):
        build(cls).extract(replace(example, known=without))
    with pytest.raises(DataError, match=f"{name} of clip clip-1 has shape"):
        build(cls).extract(replace(example, known={name: example.known[name][:-1]}))
