"""Scheduled sampling (section 3.6): 40 % of the input tokens become arbitrary ones in training, and nothing else."""

from __future__ import annotations

import pytest
import torch
from signvip_translators.gpt2 import Gpt2Translator
from torch.nn import functional

BATCH, FRAMES, N, V = 8, 24, 4, 30
TEXTS = [f"rain {number}" for number in range(BATCH)]


def true_tokens():
    return torch.randint(V, (BATCH, FRAMES, N), generator=torch.Generator().manual_seed(0))


def watched(model):
    """What goes into the embedding of tokens (B, F, N), and the logits that come out, call by call."""
    given, made = [], []
    model.mixer.embed.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].clone()))
    model.heads.register_forward_hook(lambda _, inputs, output: made.append(output))
    return given, made


def train_on(model, tokens, times, seed=0):
    """Losses and what was seen of `times` training steps on whole clips."""
    given, made = watched(model.train())
    torch.manual_seed(seed)
    losses = [model.loss(TEXTS, tokens, torch.full((BATCH,), FRAMES))[0] for _ in range(times)]
    return torch.stack(given), made, losses


def test_two_in_five_is_the_default():
    assert Gpt2Translator.Config().sampling_rate == 0.4


@pytest.mark.parametrize("rate", [0.0, 0.4, 1.0])
def test_each_token_is_replaced_with_its_probability_by_any_of_the_vocabulary(build, rate):
    tokens = true_tokens()
    given, _, _ = train_on(build(sampling_rate=rate, dropout=0.0), tokens, times=12)
    changed = given != tokens
    expected = rate * (1 - 1 / V)  # the true one is drawn, too
    assert float(changed.float().mean()) == pytest.approx(expected, abs=0.02)
    assert changed.float().mean((0, 1, 2)).tolist() == pytest.approx([expected] * N, abs=0.04)
    if rate:
        drawn = torch.bincount(given[changed], minlength=V).float() / changed.sum()
        assert len(drawn) == V and float(drawn.min()) > 0.4 / V and float(drawn.max()) < 1.6 / V


def test_the_tokens_of_a_frame_are_replaced_one_by_one(build):
    tokens = true_tokens()
    given, _, _ = train_on(build(sampling_rate=0.5, dropout=0.0), tokens, times=12)
    counts = (given != tokens).sum(-1).flatten()
    share = 0.5 * (1 - 1 / V)
    assert float(counts.float().var()) == pytest.approx(N * share * (1 - share), rel=0.15)
    assert len({str(step.tolist()) for step in given}) == 12  # anew in each step


def test_what_is_to_be_predicted_stays_true(build):
    """Eq. 7: each frame in its place, given those before it, then the frame of [EOS]."""
    tokens = true_tokens()
    given, (logits,), (loss,) = train_on(build(sampling_rate=1.0, dropout=0.0), tokens, times=1)
    assert given.shape[2] == FRAMES and not torch.equal(given[0], tokens)
    targets = torch.cat([tokens, torch.full((BATCH, 1, N), V)], dim=1)  # (B, F + 1, N)
    entropy = functional.cross_entropy(logits.permute(1, 2, 0, 3).flatten(0, 2), targets.flatten())
    torch.testing.assert_close(loss, entropy)


def test_nothing_is_replaced_out_of_training(build):
    model, tokens = build(sampling_rate=1.0), true_tokens()
    given, _ = watched(model.eval())
    model.loss(TEXTS, tokens, torch.full((BATCH,), FRAMES))
    assert torch.equal(given.pop(), tokens)
    made = model.train().generate(["rain"], max_frames=6)[0]
    assert torch.equal(torch.cat([step[0] for step in given])[: len(made)], made[: len(given)])


def test_every_head_is_taught_every_frame_and_the_end(build):
    """The gradient of each head at each frame up to [EOS] is that of its own mistake; padding has none."""
    model, tokens = build(dropout=0.0, sampling_rate=0.0).train(), true_tokens()[:2]
    made = []
    model.heads.register_forward_hook(lambda _, inputs, output: output.retain_grad() or made.append(output))
    lengths = torch.tensor([5, FRAMES])
    model.loss(TEXTS[:2], tokens, lengths)[0].backward()
    gradient = made[0].grad  # (N, B, F + 1, V + 1)
    count = N * int((lengths + 1).sum())
    for row, length in enumerate(lengths.tolist()):
        targets = torch.cat([tokens[row, :length], torch.full((1, N), V)]).T  # (N, length + 1)
        logits = made[0][:, row, : length + 1].detach()
        mistake = logits.softmax(-1) - functional.one_hot(targets, V + 1)
        torch.testing.assert_close(gradient[:, row, : length + 1], mistake / count, rtol=1e-4, atol=1e-7)
        assert not gradient[:, row, length + 1 :].any()
