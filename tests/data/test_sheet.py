from __future__ import annotations

import numpy as np

from signvip.data.sheet import LABEL_WIDTH, contact_sheet, spread


def test_frames_stand_in_rows_and_are_enlarged_by_whole_pixels():
    grey = [np.full((4, 6, 3), value, np.uint8) for value in (10, 60, 110, 160, 210)]
    sheet = np.asarray(contact_sheet([grey[:3], grey[3:]], scale=2))
    assert sheet.shape[1] >= 3 * 12 and sheet.shape[0] >= 2 * 8
    for value in (10, 60, 110, 160, 210):
        assert (sheet == value).all(-1).sum() == 4 * 6 * 4
    assert np.argwhere(sheet[..., 0] == 160)[0, 0] > np.argwhere(sheet[..., 0] == 110)[-1, 0]


def test_labels_stand_before_the_frames():
    frame = np.full((20, 20, 3), 200, np.uint8)
    sheet = np.asarray(contact_sheet([[frame]], ["pose"]))
    assert (sheet[:, :LABEL_WIDTH] < 100).any() and (sheet[0, LABEL_WIDTH] == 200).all()


def test_spread_covers_a_clip_once():
    assert spread(100, 5)[0] == 0 and spread(100, 5)[-1] == 99 and len(spread(100, 5)) == 5
    assert spread(3, 10) == [0, 1, 2] and spread(1, 10) == [0]
