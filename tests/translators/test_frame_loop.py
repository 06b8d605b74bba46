from __future__ import annotations

import logging

import pytest
import torch
from signvip_translators.frame_loop import Chooser, decode

from signvip.errors import ConfigError

EOS = 5


class Script:
    """Decoding that was written down: which token is best in each head of each row, frame by frame."""

    def __init__(self, *frames):
        self.frames, self.calls = frames, 0

    def start(self):
        self.calls += 1
        best = torch.tensor(self.frames[min(self.calls, len(self.frames)) - 1])
        return torch.nn.functional.one_hot(best, EOS + 1) * 4.0 + torch.tensor([0, 0, 0, 1.0, 0, 0])

    def step(self, tokens):
        assert tokens.max() < EOS  # the mixer knows no [EOS]
        return self.start()


GREEDY = Chooser(0.0, None)
GOES_ON = torch.tensor([False])


def test_rows_end_where_they_say_so_and_nothing_is_computed_afterwards():
    script = Script([[0, 1, 1], [2, 2, 2]], [[EOS] * 3, [1, 0, 0]], [[0, 0, 0], [EOS] * 3], [[1] * 3] * 2)
    short, long = decode(script, GREEDY, "any", 20)
    assert short.tolist() == [[0, 1, 1]]
    assert long.tolist() == [[2, 2, 2], [1, 0, 0]]
    assert script.calls == 3


@pytest.mark.parametrize(("rule", "length"), [("any", 1), ("majority", 3), ("first", 2)])
def test_the_rule_says_which_heads_end_a_clip(rule, length):
    frames = [[1, 1, 1]], [[1, EOS, 1]], [[EOS, 1, 1]], [[1, EOS, EOS]]
    assert len(decode(Script(*frames), GREEDY, rule, 20)[0]) == length


def test_half_of_the_heads_are_no_majority():
    frames = [[1, 1]], [[1, EOS]], [[EOS, EOS]]
    assert len(decode(Script(*frames), GREEDY, "majority", 20)[0]) == 2


def test_a_lone_eos_gives_its_best_token_instead():
    (tokens,) = decode(Script([[1, EOS, 1]], [[EOS, 0, 0]], [[EOS] * 3]), GREEDY, "majority", 20)
    assert tokens.tolist() == [[1, 3, 1], [3, 0, 0]]


def test_the_first_frame_cannot_be_the_end():
    (tokens,) = decode(Script([[EOS] * 3]), GREEDY, "any", 20)
    assert tokens.tolist() == [[3, 3, 3]]


def test_the_guard_cuts_and_reports(caplog):
    with caplog.at_level(logging.WARNING):
        (tokens,) = decode(Script([[1, 1, 1]]), GREEDY, "any", 4)
    assert len(tokens) == 4
    assert "1 of the texts did not end within 4 frames" in caplog.text


def test_sampling_follows_the_softmax_at_its_temperature():
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0, 0.5, 0.2]).expand(1, 20_000, -1)
    chooser = Chooser(0.7, None, [torch.Generator().manual_seed(0)])
    drawn = chooser.scores(logits, GOES_ON).argmax(-1).flatten().bincount(minlength=6) / 20_000
    torch.testing.assert_close(drawn, (logits[0, 0] / 0.7).softmax(0), atol=0.02, rtol=0)


def test_top_k_keeps_the_best_tokens_and_eos():
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0, 0.5, 0.2]).expand(1, 2000, -1)
    chooser = Chooser(2.0, 2, [torch.Generator().manual_seed(0)])
    assert set(chooser.scores(logits, GOES_ON).argmax(-1).flatten().tolist()) == {1, 2, EOS}


def test_a_generator_on_the_cpu_draws_for_logits_of_another_device():
    generator = torch.Generator().manual_seed(0)
    scores = Chooser(1.0, None, [generator]).scores(torch.zeros(1, 2, 6, device="meta"), GOES_ON)
    assert scores.device.type == "meta"
    assert int(torch.randint(10**9, (), generator=generator)) != int(
        torch.randint(10**9, (), generator=torch.Generator().manual_seed(0))
    )  # it has drawn


@pytest.mark.parametrize("options", [(-1.0, None), (1.0, 0)])
def test_senseless_options_are_refused(options):
    with pytest.raises(ConfigError):
        Chooser(*options)
