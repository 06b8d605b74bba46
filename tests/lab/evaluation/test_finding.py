"""The sentence at the top of a report says what the numbers say, whatever they are."""

from __future__ import annotations

import numpy as np
import pytest

from signvip.data.baseline import STILL
from signvip_lab.evaluation.chance import draw_clips, interval
from signvip_lab.evaluation.finding import finding
from signvip_lab.evaluation.making import GENERATED, REBUILT, TRUTH
from signvip_lab.evaluation.results import Evaluation, Value
from signvip_lab.evaluation.shown import figure, tables

CLIPS = np.linspace(-0.01, 0.01, 6)


def made(**numbers):
    """An evaluation of six clips: `name=(row, value, still, higher_is_better)`."""
    found = Evaluation({"clips": 6, "rows": [TRUTH, REBUILT, GENERATED, STILL], "bootstrap": {"level": 0.95}})
    for name, (row, own, still, higher) in numbers.items():
        for place, mean, spread in ((row, own, 1), (STILL, still, -1), (TRUTH, float(higher), 0)):
            clips = mean + spread * CLIPS
            draws = draw_clips(6) @ clips / 6
            value = Value(
                place, name, name, mean, 6, "", higher, None, "videos", "", interval(draws), clips.tolist()
            )
            found.add(value, draws)
    return found


@pytest.mark.parametrize(
    ("own", "still", "word"),
    ((0.02, 0.2, "nearer than"), (0.2, 0.02, "farther than"), (0.1, 0.1, "within chance of")),
)
def test_joints_are_told_with_what_a_still_picture_has(own, still, word):
    told = finding(made(mpjpe=(GENERATED, own, still, False)))
    assert told == (
        f"In these 6 clips, joints made from the text are {100 * own:.1f} % of the frame off, {word} a still "
        f"picture's ({100 * still:.1f} %)."
    )


def test_parts_of_the_picture_win_lose_and_tie():
    numbers = {
        "hand_ssim": (REBUILT, 0.6, 0.3, True),
        "face_ssim": (REBUILT, 0.4, 0.7, True),
        "psnr": (REBUILT, 24, 21, True),
        "ssim": (REBUILT, 0.7, 0.7, True),
    }
    assert finding(made(**numbers)) == (
        "In these 6 clips, made from the true conditions, against a still picture, hands (SSIM) and whole frames "
        "(PSNR) win, faces (SSIM) lose, whole frames (SSIM) tie within chance."
    )


def test_without_numbers_there_is_a_sentence_too():
    none = made()
    assert "look at the videos" in finding(none) and figure(none) is None and not list(tables(none))


def test_the_best_is_bold_where_chance_allows_it_and_the_truth_is_no_rival():
    found = made(hand_ssim=(REBUILT, 0.6, 0.3, True), ssim=(REBUILT, 0.7, 0.7, True))
    (table,) = tables(found)
    best = {line[0].text: [cell.best for cell in line[1:]] for line in table.lines}
    assert best == {TRUTH: [False, False], REBUILT: [True, False], STILL: [False, False]}
    assert [column.heading for column in table.columns] == ["videos", "hand_ssim ↑", "ssim ↑"]
    assert [words.partition(":")[0] for words, _ in figure(found).panels] == ["hand_ssim ↑", "ssim ↑"]
