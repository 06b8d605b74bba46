"""Conformance of a translator (section 3.6): a loss over padded tokens, tokens in range, repetition."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from signvip.testing.building import configure, quiet, require, require_methods, telling

if TYPE_CHECKING:
    from torch import Tensor

TOKENS_PER_FRAME, VOCAB_SIZE, MOST_FRAMES = 4, 9, 6
TEXTS = ("rain in the north", "tomorrow it will be mild and dry")


@telling
def check_translator(cls: type, **options: Any) -> None:
    """Raise AssertionError with a sentence where a translator breaks its contract."""
    import torch

    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        translator = _build(cls, options)
        require(isinstance(translator, torch.nn.Module), f"{cls.__name__} must be a torch.nn.Module.")
        require_methods(translator, "loss", "generate")
        _check_loss(cls.__name__, translator)
        translator.eval()
        _check_padding(cls.__name__, translator)
        _check_cut(cls.__name__, translator)
        _check_generation(cls.__name__, translator)
        _check_state(cls.__name__, translator, _build(cls, options))


def _build(cls: type, options: dict[str, Any]) -> Any:
    return cls(configure(cls, options), tokens_per_frame=TOKENS_PER_FRAME, vocab_size=VOCAB_SIZE)


def _batch() -> tuple[Tensor, Tensor]:
    import torch

    return torch.randint(0, VOCAB_SIZE, (2, 5, TOKENS_PER_FRAME)), torch.tensor([5, 3])


def _check_loss(name: str, translator: Any) -> None:
    import torch

    translator.train()
    tokens, lengths = _batch()
    loss, values = translator.loss(TEXTS, tokens, lengths)
    require(loss.ndim == 0 and bool(torch.isfinite(loss)), f"{name}.loss must give one finite number first.")
    require(
        isinstance(values, dict) and all(math.isfinite(float(value)) for value in values.values()),
        f"{name}.loss must give a dict of finite numbers second.",
    )
    require(loss.requires_grad, f"{name}.loss must have a gradient.")
    loss.backward()
    grads = [parameter.grad for parameter in translator.parameters() if parameter.grad is not None]
    require(
        any(bool((grad != 0).any()) for grad in grads), f"{name}.loss passes no gradient to any parameter."
    )
    translator.zero_grad()


def _check_padding(name: str, translator: Any) -> None:
    """Check that padding past the lengths does not move the loss."""
    import torch

    tokens, lengths = _batch()
    other = tokens.clone()
    other[1, 3:] = (other[1, 3:] + 1) % VOCAB_SIZE
    with torch.no_grad():
        first, second = (translator.loss(TEXTS, each, lengths)[0] for each in (tokens, other))
    require(torch.allclose(first, second, atol=1e-5), f"{name}.loss depends on tokens past the lengths.")


def _check_cut(name: str, translator: Any) -> None:
    """Check that a translator that asks which clips were cut learns no end from them, and otherwise learns as ever."""
    import torch

    if "ended" not in inspect.signature(translator.loss).parameters:
        return
    tokens, lengths = _batch()
    with torch.no_grad():
        plain, *told = (
            translator.loss(TEXTS, tokens, lengths, **given)[0]
            for given in ({}, *({"ended": torch.full((2,), each)} for each in (True, False)))
        )
    require(
        torch.equal(plain, told[0]), f"{name}.loss must take clips for whole ones that ended says are whole."
    )
    require(
        bool(torch.isfinite(told[1])) and not torch.equal(plain, told[1]),
        f"{name}.loss teaches an end to clips that ended says were cut.",
    )


def _check_generation(name: str, translator: Any) -> None:
    import torch

    greedy = translator.generate(TEXTS, max_frames=MOST_FRAMES)
    require(len(greedy) == len(TEXTS), f"{name}.generate must return one tensor per text.")
    for tokens in greedy:
        _check_tokens(name, tokens)
    _check_same(
        name, greedy, translator.generate(TEXTS, max_frames=MOST_FRAMES), "greedy decoding must repeat"
    )
    alone = [translator.generate([text], max_frames=MOST_FRAMES)[0] for text in TEXTS]
    _check_same(name, greedy, alone, "a text must give the same tokens alone and in a batch")
    sampled = [
        translator.generate(
            TEXTS,
            max_frames=MOST_FRAMES,
            temperature=1.0,
            top_k=3,
            generator=torch.Generator().manual_seed(7),
        )
        for _ in range(2)
    ]
    for tokens in sampled[0]:
        _check_tokens(name, tokens)
    _check_same(name, sampled[0], sampled[1], "the same generator seed must give the same tokens")
    _check_generators(name, translator)


def _check_generators(name: str, translator: Any) -> None:
    """Check that one that takes `generators` draws for each text from its own, whatever its neighbours do."""
    import torch

    if "generators" not in inspect.signature(translator.generate).parameters:
        return

    def sample(texts: Sequence[str]) -> list[Tensor]:
        generators = [torch.Generator().manual_seed(7) for _ in texts]
        made: list[Tensor] = translator.generate(
            texts, max_frames=MOST_FRAMES, temperature=1.0, generators=generators
        )
        return made

    alone = [sample([text])[0] for text in TEXTS]
    _check_same(name, sample(TEXTS), alone, "a text with its own generator must be sampled as it is alone")


def _check_tokens(name: str, tokens: Tensor) -> None:
    shape = tuple(tokens.shape)
    fits = tokens.ndim == 2 and shape[1] == TOKENS_PER_FRAME and shape[0] <= MOST_FRAMES
    require(fits, f"{name}.generate gives {shape} instead of (at most {MOST_FRAMES}, {TOKENS_PER_FRAME}).")
    require(not tokens.dtype.is_floating_point, f"{name}.generate must give integers, not {tokens.dtype}.")
    inside = bool(((tokens >= 0) & (tokens < VOCAB_SIZE)).all())
    require(inside, f"{name}.generate gives tokens outside [0, {VOCAB_SIZE}); [EOS] must not come out.")


def _check_same(name: str, first: list[Tensor], second: list[Tensor], sentence: str) -> None:
    import torch

    same = all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    require(same, f"{name}.generate: {sentence}.")


def _check_state(name: str, translator: Any, fresh: Any) -> None:
    fresh.load_state_dict(translator.state_dict())
    fresh.eval()
    first, second = (each.generate(TEXTS, max_frames=MOST_FRAMES) for each in (translator, fresh))
    _check_same(name, first, second, "another one with the same state_dict must give the same tokens")
