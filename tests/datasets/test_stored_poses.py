"""A corpus of `.pose` files alone."""

from __future__ import annotations

import numpy as np
import pytest
from poses import holistic, write_pose
from signvip_datasets.stored_poses import Poses
from signvip_toysign import ToySign

import signvip
from signvip.contracts import SPLITS
from signvip.errors import ConfigError, DataError
from signvip.testing import check_dataset

pytest.importorskip("pose_format")
SQUARE = (500, 500)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Four clips by two signers in a table, and a row without a file."""
    folder = tmp_path_factory.mktemp("poses")
    toysign = ToySign(ToySign.Config(size=(64, 64), fps=10.0))
    rows = ["path\ttext\tsigner\tlanguage"]
    for number, name in enumerate(toysign.ids("train")[:4]):
        write_pose(
            folder / f"{number}.pose", holistic(toysign.load("train", name), size=SQUARE), 10.0, SQUARE
        )
        rows.append(f"{number}.pose\tSatz {number}\ts{number % 2}\tgsg")
    (folder / "list.tsv").write_text("\n".join([*rows, "lost.pose\tNichts\ts0\tgsg"]), encoding="utf-8")
    return folder


def read(folder, **options):
    return Poses(Poses.Config(source=folder, **{"size": (64, 64), "fps": 10.0, **options}))


def every(reader):
    return {name: (split, name) for split in SPLITS for name in reader.ids(split)}


def test_it_is_a_dataset(corpus):
    check_dataset(Poses, source=corpus, size=(64, 64), fps=10.0, dev=0.0, test=0.0)


def test_clips_are_drawn_with_the_texts_of_their_list(corpus):
    reader = read(corpus)
    clips = [reader.load(*place) for name, place in every(reader).items() if name != "lost"]
    assert sorted((clip.text, clip.signer, clip.language) for clip in clips) == [
        (f"Satz {number}", f"s{number % 2}", "gsg") for number in range(4)
    ]
    walls = {clip.signer: set() for clip in clips}
    for clip in clips:
        assert clip.frames.shape[1:] == (64, 64, 3) and set(clip.known) == {"keypoints", "hands", "depth"}
        walls[clip.signer].add(tuple(clip.frames[0, 0, 0]))
    assert all(len(found) == 1 for found in walls.values()) and walls["s0"] != walls["s1"]  # one person each


def test_drawn_hands_are_where_the_file_has_them(corpus):
    reader = read(corpus)
    clip = reader.load(*every(reader)["1"])
    toysign = ToySign(ToySign.Config(size=(64, 64), fps=10.0))
    truth = toysign.load("train", toysign.ids("train")[1]).known["keypoints"]
    for wrist in (4, 7):
        moved, filmed = clip.known["keypoints"][:, wrist, :2], truth[:, wrist, :2]
        seen = clip.known["keypoints"][:, wrist, 2] > 0
        assert np.abs((moved - filmed)[seen] - np.median((moved - filmed)[seen], axis=0)).mean() < 0.03


def test_what_cannot_be_drawn_is_a_sentence(corpus, tmp_path):
    reader = read(corpus)
    with pytest.raises(DataError, match=r"the text has no \.pose file"):
        reader.load(*every(reader)["lost"])
    with pytest.raises(DataError, match=r"holds no clips \(\.pose\)"):
        read(tmp_path).ids("train")
    (tmp_path / "a.pose").write_bytes(b"broken")
    with pytest.raises(DataError, match="has no text"):
        read(tmp_path).load("train", "a")
    (tmp_path / "a.txt").write_text("Satz")
    with pytest.raises(DataError, match=r"is not a \.pose file"):
        read(tmp_path).load("train", "a")
    with pytest.raises(ConfigError, match="from 64 to 2048"):
        signvip.build("dataset", "poses", source=corpus, size=(32, 32))
