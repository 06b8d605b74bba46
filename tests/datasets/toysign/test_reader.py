"""The corpus: the same bytes from the same seed, splits that share no signer and no sentence, what a clip holds."""

from __future__ import annotations

import pickle
from itertools import groupby

import numpy as np
import pytest
from signvip_toysign import ToySign, gloss_of, glosses, lexicon, parse_gloss, portrait
from signvip_toysign.motion import Manner, perform, sign_track, unpack
from signvip_toysign.sentences import characters_of

from signvip.errors import DataError


def reader(**options):
    return ToySign(ToySign.Config(**options))


@pytest.fixture(scope="module")
def clip():
    corpus = reader()
    return corpus.load("train", corpus.ids("train")[2])


def lines(corpus, split, language="tsa"):
    return [gloss_of(corpus.message(split, index), language) for index in range(len(corpus.ids(split)))]


def test_the_same_seed_gives_the_same_bytes_in_any_order():
    one, other = reader(), pickle.loads(pickle.dumps(reader(train=9, test=5)))
    first = one.load("test", "toy-test-00003")
    other.load("train", "toy-train-00008")
    again = other.load("test", "toy-test-00003")
    assert (first.text, first.gloss, first.signer) == (again.text, again.gloss, again.signer)
    assert first.frames.tobytes() == again.frames.tobytes()
    assert all(first.known[name].tobytes() == again.known[name].tobytes() for name in first.known)


@pytest.mark.parametrize("language", ["tsa", "tsb"])
def test_each_frame_is_told_the_word_of_its_sign_until_the_hands_go_down(language):
    corpus = reader(languages=(language,), train=8)
    for clip_id in corpus.ids("train"):
        clip = corpus.load("train", clip_id)
        assert clip.alignment.shape == (len(clip.frames),)
        runs = [int(place) for place, _ in groupby(clip.alignment)]
        signs = [sign for sign in clip.gloss.split() if sign != "?"]
        assert len(runs) == len(signs) + 1 and runs[-1] == -1
        message = parse_gloss(clip.gloss, language)
        assert runs[:-1] == [characters_of(message, clip.text, clip.text_language)[sign] for sign in signs]


def test_a_sign_is_told_while_it_is_signed():
    signs = [lexicon("tsa")[gloss] for gloss in ("TOMORROW", "RAIN")]
    moving = perform(signs, 48.0, Manner(), None, False)
    alone = [sign_track(sign, Manner()) for sign in signs]
    for number, track in enumerate(alone):
        middle = unpack(track[len(track) // 2 :][:1])
        nearest = np.linalg.norm(moving.wrist - middle.wrist, axis=-1).sum(-1).argmin()
        assert moving.signs[nearest] == number
    assert [int(sign) for sign, _ in groupby(moving.signs)] == [0, 1, -1]


def test_another_seed_gives_another_clip():
    one, other = reader(), reader(seed=1)
    assert [one.message("dev", k) for k in range(8)] != [other.message("dev", k) for k in range(8)]
    signer = one.signers("dev")[0]
    assert not np.array_equal(portrait(one, signer), portrait(other, signer))


def test_a_clip_has_what_the_contract_says(clip):
    frames = len(clip.frames)
    assert clip.frames.shape == (frames, 64, 64, 3) and clip.frames.dtype == np.uint8
    assert clip.known["keypoints"].shape == (frames, 128, 3) and clip.known["keypoints"].dtype == np.float32
    assert clip.known["hands"].shape == (frames, 2, 21, 4) and clip.known["hands"].dtype == np.float32
    assert clip.known["depth"].shape == (frames, 64, 64) and clip.known["depth"].dtype == np.uint8
    assert (
        clip.language == "qaa"
        and clip.text_language in ("en", "de")
        and clip.licence.startswith("Apache-2.0")
    )


def test_splits_share_no_signer():
    corpus = reader()
    found = [set(corpus.signers(split)) for split in ("train", "dev", "test")]
    assert [len(signers) for signers in found] == [80, 8, 8]
    assert not (found[0] & found[1] or found[0] & found[2] or found[1] & found[2])
    assert {corpus.signer_of("test", index) for index in range(8)} == found[2]


def test_held_out_sentences_are_in_no_other_split_but_their_signs_are_trained():
    corpus = reader()
    train, dev, test = (lines(corpus, split) for split in ("train", "dev", "test"))
    assert not set(test) & set(train) and not set(dev) & set(train) and not set(dev) & set(test)
    trained = {word for line in train for word in line.split()}
    assert {word for line in [*dev, *test] for word in line.split()} <= trained
    assert trained - {"?"} == set(glosses("tsa"))


def test_clips_are_neither_short_nor_long_and_have_two_to_five_signs():
    corpus = reader(languages=("tsa", "tsb"))
    frames = [len(corpus.motion("train", index)) for index in range(60)]
    assert 25 <= min(frames) and max(frames) <= 62
    signs = {len(line.replace("?", "").split()) for line in lines(corpus, "train")}
    assert signs == {2, 3, 4, 5}


def test_size_changes_the_resolution_and_not_the_motion():
    small, large = (reader(size=size).load("dev", "toy-dev-00001") for size in ((64, 64), (96, 96)))
    assert large.frames.shape[1:3] == (96, 96)
    np.testing.assert_array_equal(small.known["keypoints"], large.known["keypoints"])


def test_another_frame_rate_shows_the_same_movement():
    slow, fast = (reader(fps=fps).motion("dev", 1) for fps in (12, 24))
    shared = min(len(slow), len(fast) // 2)
    np.testing.assert_allclose(slow.wrist[:shared], fast.wrist[::2][:shared], atol=1e-9)


def test_a_picture_need_not_be_square():
    tall = reader(size=(80, 64)).load("dev", "toy-dev-00000")
    square = reader().load("dev", "toy-dev-00000")
    assert tall.frames.shape[1:3] == (80, 64)
    x, y = (tall.known["keypoints"][:, 1, axis] * size for axis, size in ((0, 64), (1, 80)))
    np.testing.assert_allclose(x, square.known["keypoints"][:, 1, 0] * 64, atol=1e-3)
    np.testing.assert_allclose(y - 8, square.known["keypoints"][:, 1, 1] * 64, atol=1e-3)


def test_a_portrait_is_the_signer_at_rest():
    corpus = reader()
    clip = corpus.load("test", "toy-test-00000")
    picture = portrait(corpus, clip.signer)
    assert picture.shape == (64, 64, 3) and portrait(corpus, clip.signer, (128, 128)).shape == (128, 128, 3)
    gap = np.abs(picture.astype(int) - clip.frames[0]).mean()
    others = [
        np.abs(portrait(corpus, name).astype(int) - clip.frames[0]).mean() for name in corpus.signers("dev")
    ]
    assert gap < 2 < min(others)


@pytest.mark.parametrize("name", ["toy-test-99999", "toy-train-00000", "nonsense", "toy-test-3"])
def test_an_unknown_clip_is_an_error_in_words(name):
    with pytest.raises(DataError, match="ids"):
        reader().load("test", name)


def test_an_unknown_split_or_language_is_an_error_in_words():
    with pytest.raises(DataError, match="dev"):
        reader().ids("validation")
    with pytest.raises(ValueError, match="tsb"):
        reader(languages=("asl",))
