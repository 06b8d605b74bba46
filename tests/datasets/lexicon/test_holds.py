"""Clips cut to their letters, and letters put where they can be seen."""

from __future__ import annotations

import numpy as np
import pytest
from poses import SIDE, Z_UNIT, letter_hand, signer_parts, write_lexicon, write_pose
from signvip_datasets.lexicon.hand_bones import PARENTS
from signvip_datasets.lexicon.holds import read_letter, same_depth
from signvip_datasets.lexicon.index import read_index
from signvip_datasets.lexicon.placing import AHEAD, CROP, HAND, MIDDLE, ONE_HAND, TWO_HANDS, rest, signing
from signvip_toysign.hand import forward, handshape
from signvip_toysign.rotations import axes, orientation

from signvip import DataError
from signvip.estimation.stored import read


def write(path, hands, **options):
    write_pose(
        path, signer_parts(len(next(iter(hands.values()))), hands), fps=25.0, size=(SIDE, SIDE), **options
    )
    return path


def test_a_held_letter_is_its_still_stretch(tmp_path):
    letter = read_letter(write(tmp_path / "a.pose", {1: letter_hand("vee", frames=(8, 10, 5))}))
    assert not letter.moves and letter.sides == (False, True)
    assert 9 <= len(letter.hands.wrist) <= 12
    assert np.ptp(letter.hands.wrist[:, 1], axis=0).max() < 0.02


def test_the_hand_is_the_one_that_was_filmed_whatever_the_unit_of_its_z(tmp_path):
    letter = read_letter(write(tmp_path / "a.pose", {1: letter_hand("vee")}))
    truth = forward(handshape("vee"), axes(orientation("up", "out")), 1.0) * (-1, 1, 1)
    found = letter.hands.joints()[0, 1]
    off = np.linalg.norm((found - found[0]) - truth, axis=-1)
    assert off.max() < 0.12  # lengths of the hand; z alone is fitted to 15 %


def test_a_letter_that_moves_keeps_its_movement_and_its_time(tmp_path):
    hands = {1: letter_hand("horns", circle=45, frames=(6, 20, 6))}
    letter = read_letter(write(tmp_path / "a.pose", hands))
    assert letter.moves and 0.6 < letter.seconds < 1.1
    assert np.ptp(letter.hands.wrist[:, 1, 0]) > 0.5  # lengths of the hand
    still = {1: letter_hand("horns", circle=5, frames=(6, 20, 6))}
    assert not read_letter(write(tmp_path / "b.pose", still)).moves


def test_a_hand_that_hangs_or_comes_and_goes_takes_no_part(tmp_path):
    hanging = letter_hand("rest", 0, at=(370, 495), point="down", frames=(0, 25, 0))
    assert read_letter(write(tmp_path / "a.pose", {0: hanging, 1: letter_hand("vee")})).sides == (False, True)
    seldom = letter_hand("flat", 0, at=(370, 300))
    seldom[9:] = np.nan
    parts = signer_parts(25, {0: seldom, 1: letter_hand("vee")})
    parts["LEFT_HAND_LANDMARKS"][1][9:] = 0
    write_pose(tmp_path / "b.pose", parts, fps=25.0, size=(SIDE, SIDE))
    assert read_letter(tmp_path / "b.pose").sides == (False, True)


def test_a_word_is_taken_whole(tmp_path):
    path = write(tmp_path / "a.pose", {1: letter_hand("vee", circle=5, frames=(6, 20, 6))})
    assert read_letter(path, whole=True).seconds > 0.6 > read_letter(path).seconds


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda values: values * (1, 1, 0, 1), "no depth of hands"),
        (lambda values: values + np.array([0, 260, 0, 0]), "no raised hand"),
    ],
)
def test_a_file_that_shows_no_letter_is_a_sentence(tmp_path, change, sentence):
    parts = signer_parts(25, {1: letter_hand("vee")})
    names, values = parts["RIGHT_HAND_LANDMARKS"]
    write_pose(
        tmp_path / "a.pose", {**parts, "RIGHT_HAND_LANDMARKS": (names, change(values))}, 25.0, (SIDE, SIDE)
    )
    with pytest.raises(DataError, match=sentence):
        read_letter(tmp_path / "a.pose")


def test_one_unit_of_z_serves_a_lexicon_and_what_is_quite_another_stays(tmp_path):
    clips = {}
    for key, shape in (("a", "fist"), ("b", "flat"), ("c", "claw"), ("d", "horns")):
        clips[key] = read(write(tmp_path / f"{key}.pose", {1: letter_hand(shape)}))
    other = letter_hand("claw") * (1, 1, 0.25)  # as if z counted four times as much
    clips["e"] = read(write(tmp_path / "e.pose", {1: other}))
    assert clips["b"].depth == SIDE  # a flat hand tells nothing
    found = same_depth(clips)
    assert all(found[key].depth == pytest.approx(Z_UNIT, rel=0.15) for key in "abcd")
    assert found["e"].depth == pytest.approx(4 * Z_UNIT, rel=0.15)
    grown = clips["b"].hands * (1, 1, found["b"].depth / SIDE, 1)
    np.testing.assert_allclose(found["b"].hands, grown, rtol=1e-5)


def test_every_language_is_signed_at_one_place_with_hands_of_one_length(lexicon):
    targets = {"ase": ONE_HAND, "ise": ONE_HAND * (-1, 1, 1), "tsm": TWO_HANDS}
    for language, target in targets.items():
        found = signing(read_index(lexicon)[language])
        assert found.left_handed == (language == "ise") and not found.faults
        centres = []
        for letter in found.letters.values():
            sides = list(letter.sides)
            joints = letter.hands.joints()[:, sides]
            centres.append(joints.reshape(-1, 3).mean(axis=0))
            bones = np.linalg.norm(joints[..., 1:, :] - joints[..., PARENTS, :], axis=-1)
            lengths = bones[..., [8, 9, 10, 11]].sum(axis=-1)
            assert (abs(lengths / HAND - 1) < 0.12).all()
        np.testing.assert_allclose(np.median(centres, axis=0)[:2], target[:2], atol=0.1)


def test_two_hands_stay_together_and_one_alone_has_the_other_at_rest(lexicon):
    alphabets = read_index(lexicon)
    pair = signing(alphabets["tsm"]).letters["a"].hands
    apart = np.linalg.norm(pair.wrist[0, 0] - pair.wrist[0, 1])
    filmed = 100 / SIDE / 0.4  # widths of the shoulders
    assert apart == pytest.approx(filmed * HAND / (117 / 200), rel=0.15)  # as much larger as the hands are
    alone = signing(alphabets["ase"]).letters["a"].hands
    np.testing.assert_allclose(alone.joints()[:, 0], rest().joints()[None, 0].repeat(len(alone.wrist), 0))
    assert (alone.wrist[:, 1, 2] == AHEAD).all()


def test_a_letter_that_is_signed_far_out_is_brought_into_the_picture(tmp_path):
    rows = [("ase", "en", word, {1: letter_hand("flat")}) for word in "ABC"]
    rows.append(("ase", "en", "D", {1: letter_hand("flat", at=(-60, 60))}))
    joints = (
        signing(read_index(write_lexicon(tmp_path, rows))["ase"]).letters["d"].hands.joints()[:, 1, :, :2]
    )
    assert (abs(joints - MIDDLE) < CROP / 2).all()


def test_a_letter_that_cannot_be_read_is_told_and_the_others_stay(tmp_path, caplog):
    rows = [("ase", "en", word, {1: letter_hand("flat")}) for word in "ABC"]
    folder = write_lexicon(tmp_path, rows)
    (folder / "ase" / "1.pose").write_bytes(b"broken")
    found = signing(read_index(folder)["ase"])
    assert (
        set(found.letters) == {"a", "c"}
        and "not a .pose file" in found.faults["b"]
        and "B of ase" in caplog.text
    )
    (folder / "ase" / "0.pose").write_bytes(b"broken")
    with pytest.raises(DataError, match="Of the 3 entries of ase 1 can be signed, since"):
        signing(read_index(folder)["ase"])
