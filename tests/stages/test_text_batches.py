"""What a batch of stage 3 holds: each text beside the tokens of its own clip."""

from __future__ import annotations

import pytest
import torch
from numbered import LENGTHS, NumberedClips
from small import small_config
from torch import nn

from signvip.errors import ConfigError, DataError, SignVipWarning
from signvip.stages import text
from signvip.stages.text import TextPhase, check_languages

N = 3


class TokenClips(NumberedClips):
    """Token n of frame f of clip c is 1000 c + 10 f + n."""

    def array(self, clip, field, picks=None):
        assert field == "tokens.npy"
        frames = torch.arange(self.lengths[clip])
        tokens = 1000 * clip + 10 * frames[:, None] + torch.arange(N)
        return tokens if picks is None else tokens[list(picks)]


def phase_of(monkeypatch, frames):
    monkeypatch.setattr(text, "Clips", TokenClips)
    config = small_config(stage3={"clips": 4, "frames": frames})
    return TextPhase(config, config.stage3, "nowhere", nn.Identity())


def test_texts_languages_and_tokens_are_of_one_clip(monkeypatch):
    phase = phase_of(monkeypatch, 100)
    for index in range(3):
        batch = phase.batch(index)
        numbers = [int(words.split()[1]) for words in batch["texts"]]
        assert sorted(numbers) == [0, 1, 2, 3] and batch["languages"] == ["qaa"] * 4
        for row, clip in enumerate(numbers):
            truth = TokenClips(None, "train", None).array(clip, "tokens.npy")
            assert int(batch["lengths"][row]) == len(truth)
            assert torch.equal(batch["tokens"][row, : len(truth)], truth)
    orders = {tuple(phase.batch(index)["texts"]) for index in range(12)}
    assert len(orders) > 6


def test_a_clip_longer_than_asked_begins_at_its_first_frame(monkeypatch):
    batch = phase_of(monkeypatch, 7).batch(0)
    assert batch["tokens"].shape == (4, 7, N)
    for words, tokens in zip(batch["texts"], batch["tokens"], strict=True):
        truth = TokenClips(None, "train", None).array(int(words.split()[1]), "tokens.npy")
        assert torch.equal(tokens, truth[:7])


def test_a_clip_ends_with_its_tokens_unless_it_was_cut(monkeypatch):
    """Where it was cut there is no [EOS] to learn."""
    for frames in (*LENGTHS["train"], 7, 100):
        batch = phase_of(monkeypatch, frames).batch(0)
        for words, ended in zip(batch["texts"], batch["ended"].tolist(), strict=True):
            assert ended == (LENGTHS["train"][int(words.split()[1])] <= frames)


def aligned(monkeypatch, places):
    """Make clip 1 one that knows its letters."""
    own = TokenClips.info

    def info(self, clip):
        known = {"id": f"clip {clip}", "alignment": places} if clip == 1 else {}
        return own(self, clip) | known

    monkeypatch.setattr(TokenClips, "info", info)


def test_frames_know_their_letters_where_their_clip_does(monkeypatch):
    places = [frame // 6 for frame in range(LENGTHS["train"][1] - 1)] + [-1]
    aligned(monkeypatch, places)
    for frames in (7, 100):
        batch = phase_of(monkeypatch, frames).batch(0)
        assert batch["alignment"].shape == batch["tokens"].shape[:2]
        for words, row in zip(batch["texts"], batch["alignment"].tolist(), strict=True):
            known = places[:frames] if words == "text 1" else []
            assert row == known + [-1] * (len(row) - len(known))


@pytest.mark.parametrize("change", [lambda places: places[1:], lambda places: [6, *places[1:]]])
def test_an_alignment_that_is_not_of_its_clip_is_refused(monkeypatch, change):
    aligned(monkeypatch, change([0] * LENGTHS["train"][1]))
    with pytest.raises(DataError, match="alignment of clip clip 1 is not a character of its text"):
        phase_of(monkeypatch, 7).batch(0)


def test_a_translator_that_points_needs_a_clip_that_knows_its_letters(monkeypatch):
    phase = phase_of(monkeypatch, 7)
    phase.module.translator.points = False
    phase.check_alignment()
    phase.module.translator.points, phase.train.index.folder = True, "data/shards"
    with pytest.raises(ConfigError, match="No clip of data/shards knows which letter its frames sign"):
        phase.check_alignment()
    aligned(monkeypatch, [0])
    phase.check_alignment()


def test_sign_languages_that_the_translator_is_not_built_for_are_refused_before_it_learns(monkeypatch):
    assert phase_of(monkeypatch, 100).languages() == ["qaa"]
    check_languages(["qaa"], [])
    check_languages(["qaa", "qab"], ["qab", "qaa", "ase"])
    with pytest.raises(
        ConfigError, match=r"clips in ukl, .* built for qaa; .*translator\.languages=\[\"qaa\",\"ukl\"\]"
    ):
        check_languages(["qaa", "ukl"], ["qaa"])
    with pytest.warns(SignVipWarning, match="2 sign languages, and this translator goes by the text alone"):
        check_languages(["ase", "ukl"], [])
