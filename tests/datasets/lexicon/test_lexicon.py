"""The dataset: what it spells, who signs, what is known of its pictures, and what it refuses."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from poses import letter_hand, write_lexicon
from signvip_datasets.lexicon.lexicon import Lexicon
from signvip_datasets.lexicon.spelled_texts import split_of

import signvip
from signvip import ConfigError, DataError
from signvip.contracts import LEFT_HAND, RIGHT_HAND, SPLITS
from signvip.testing import check_dataset, required_options

FEW = {"train": 8, "dev": 2, "test": 2, "size": (64, 64), "words": 1, "fps": 8.0}


def build(source, **options):
    return signvip.build("dataset", "lexicon", source=source, **{**FEW, **options})


def texts(folder, *lines):
    path = folder / "texts.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def every(reader):
    return [reader.load(split, name) for split in ("train", "dev", "test") for name in reader.ids(split)]


def test_it_is_a_dataset_that_needs_no_estimator(lexicon):
    check_dataset(Lexicon, source=lexicon, languages=["ase", "tsm"], **FEW)


def test_without_its_package_it_needs_a_source(monkeypatch):
    (record,) = (record for record in signvip.plugins() if record.name == "lexicon")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert required_options(record) == ["source"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert required_options(record) == []


def test_given_texts_are_spelled_in_every_language_by_its_letters(lexicon, tmp_path):
    reader = build(lexicon, text=texts(tmp_path, "Banana", "Ana", "", "Ana"), languages=["ase", "ise"])
    clips = every(reader)
    assert sorted((clip.language, clip.text, clip.gloss, clip.text_language) for clip in clips) == [
        ("ase", "Ana", "A N A", "en"),
        ("ase", "Banana", "B A N A N A", "en"),
        ("ise", "Ana", "A A", "it"),  # of the letters that it has
        ("ise", "Banana", "B A A A", "it"),
    ]


def test_each_frame_knows_its_letter_unless_folding_moves_them(lexicon, tmp_path):
    reader = build(lexicon, text=texts(tmp_path, "Ba. nn", "Ba\u0308n"), languages=["ase"])
    clips = {clip.text: clip for clip in every(reader)}
    known = clips["Ba. nn"]
    assert len(known.alignment) == len(known.frames)
    assert list(dict.fromkeys(known.alignment.tolist())) == [0, 1, 4, -1]  # the doubled letter once
    assert clips["Ba\u0308n"].alignment is None


def test_a_text_keeps_its_clip_when_others_come(lexicon, tmp_path):
    one = build(lexicon, text=texts(tmp_path, "Ban"), languages=["ase"])
    before = {clip.id: clip for clip in every(one)}
    more = build(lexicon, text=texts(tmp_path, "Nab", "Ban", "Baba"), languages=["ase"])
    after = {clip.id: clip for clip in every(more)}
    ((name, clip),) = before.items()
    assert after[name].signer == clip.signer and np.array_equal(after[name].frames, clip.frames)


def test_no_word_and_no_signer_is_in_two_splits(lexicon):
    reader = build(lexicon, languages=["ase"], train=30, dev=10, test=10)
    words, signers = {}, {}
    for split in ("train", "dev", "test"):
        for name in reader.ids(split):
            text = reader._clip(split, name)[1]
            words.setdefault(split, set()).update(text.rstrip(".").lower().split())
            signers.setdefault(split, set()).add(reader.signer_of(split, name))
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert words[one].isdisjoint(words[other]) and signers[one].isdisjoint(signers[other])
    assert all(split_of(word) == split for split, found in words.items() for word in found)


def test_what_is_known_lies_on_what_is_drawn(lexicon):
    """Joints of raised hands lie on skin, and depth says that they are nearer than the body."""
    reader = build(lexicon, languages=["tsm"], train=2, size=(128, 128))
    clip = reader.load("train", reader.ids("train")[0])
    middle = len(clip.frames) // 2
    hands = clip.known["keypoints"][middle, np.r_[LEFT_HAND, RIGHT_HAND]]
    assert (hands[:, 2] == 1).all()
    x, y = (hands[:, :2] * 128).astype(int).T
    wrists = clip.known["depth"][middle][y[[0, 21]], x[[0, 21]]]
    assert (clip.known["depth"][middle][y, x] > 120).all() and (wrists > 120).all()
    skin = clip.frames[middle][y, x].astype(float)
    assert np.linalg.norm(skin - np.median(skin, axis=0), axis=1).mean() < 60


def test_what_lies_out_of_the_picture_is_unseen(lexicon):
    clip = build(lexicon, languages=["ase"]).load("train", "ase-train-00000")
    first = clip.known["keypoints"][0]
    assert not first[LEFT_HAND].any() and not clip.known["hands"][0].any()  # both hang
    seen = clip.known["keypoints"][clip.known["keypoints"][..., 2] > 0][:, :2]
    assert (seen >= 0).all() and (seen <= 1).all()


def test_the_spelling_hand_is_as_large_as_it_must_be_to_be_read(lexicon):
    """At 128 the shoulders have 64 pixels and an upright hand 40 or more."""
    reader = build(lexicon, languages=["ase"], text=None, size=(128, 128))
    clip = reader.load("train", reader.ids("train")[0])
    points = clip.known["keypoints"] * (128, 128, 1)
    assert np.linalg.norm(points[0, 2, :2] - points[0, 5, :2]) == pytest.approx(64, abs=0.5)
    hands = points[:, RIGHT_HAND]
    lengths = np.linalg.norm(np.diff(hands[:, [0, 9, 10, 11, 12], :2], axis=1), axis=-1).sum(axis=1)
    assert lengths.max() > 40


@pytest.mark.parametrize("size", [(64, 64), (96, 128), (160, 120), (256, 256)])
def test_it_is_drawn_at_any_size_alike(lexicon, size):
    reader = build(lexicon, languages=["ise"], size=size, fps=6.0)
    clip = reader.load("dev", reader.ids("dev")[0])
    assert clip.frames.shape[1:] == (*size, 3) and clip.known["depth"].shape == clip.frames.shape[:3]
    assert clip.known["keypoints"][len(clip.frames) // 2, LEFT_HAND, 2].all()


def test_people_differ_and_the_same_clip_comes_again_in_another_process(lexicon):
    reader = build(lexicon, languages=["ase"])
    clips = [reader.load("train", name) for name in reader.ids("train")[:3]]
    again = pickle.loads(pickle.dumps(build(lexicon, languages=["ase"]))).load("train", clips[1].id)
    assert np.array_equal(again.frames, clips[1].frames) and again.text == clips[1].text
    assert len({clip.signer for clip in clips}) > 1
    corners = {tuple(clip.frames[0, 0, 0]) for clip in clips}
    assert len(corners) > 1


def test_a_portrait_is_the_signer_with_hands_down(lexicon):
    reader = build(lexicon, languages=["ase"])
    clip = reader.load("test", reader.ids("test")[0])
    off = [
        np.abs(reader.portrait(name).astype(int) - clip.frames[0]).mean() for name in reader.signers("test")
    ]
    assert reader.signers("test")[int(np.argmin(off))] == clip.signer and min(off) < 2


def test_a_lexicon_of_words_is_signed_by_words(tmp_path):
    rows = [
        ("sgg", "de", word, {1: letter_hand(shape, circle=40)})
        for word, shape in (("essen", "round"), ("Kinder", "flat"))
    ]
    reader = build(write_lexicon(tmp_path, rows), train=6)
    clips = [reader.load("train", name) for name in reader.ids("train")]
    assert {word for clip in clips for word in clip.gloss.split()} == {"essen", "Kinder"}


def test_what_cannot_be_spelled_is_a_sentence(lexicon, tmp_path):
    reader = build(lexicon, text=texts(tmp_path, "Київ"), languages=["ase"])
    split = split_of("Київ")
    with pytest.raises(DataError, match=r"the alphabet of ase \(en\) has none of the letters of 'Київ'"):
        reader.load(split, reader.ids(split)[0])
    with pytest.raises(ConfigError, match=r"has no sign language 'bfi'; .* can be: ase, ise, tsm, gss"):
        build(lexicon, languages=["bfi"]).ids("train")
    with pytest.raises(DataError, match=r"texts\.txt is empty; write one text a line"):
        build(lexicon, text=texts(tmp_path, "", " ")).ids("train")
    with pytest.raises(DataError, match="is not text in UTF-8"):
        build(lexicon, text=tmp_path / "nothing.txt").ids("train")
    with pytest.raises(DataError, match="take one of ids"):
        build(lexicon).load("train", "ase-train-99999")
    with pytest.raises(ConfigError, match="a height and a width from 64"):
        build(lexicon, size=(48, 64))


def test_a_text_that_needs_a_broken_letter_fails_alone(tmp_path):
    rows = [("ase", "en", word, {1: letter_hand("flat")}) for word in "ABC"]
    folder = write_lexicon(tmp_path / "lexicon", rows)
    (folder / "ase" / "1.pose").write_bytes(b"broken")
    reader = build(folder, text=texts(tmp_path, "Aba", "Aca"))
    found = {reader._clip(split, name)[1]: (split, name) for split in SPLITS for name in reader.ids(split)}
    with pytest.raises(DataError, match=r"'B' of ase cannot be signed: .* not a \.pose file"):
        reader.load(*found["Aba"])
    assert reader.load(*found["Aca"]).gloss == "A C A"
