"""The training loop on a card that refuses to be read in a step that is neither logged nor validated nor stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from fake_cuda import Card
from torch.amp import GradScaler

from signvip import training

ASKS = (
    (training, "_log"),
    (training, "_checkpoint"),
    (training, "_validate"),
    (training, "_resume"),
    (
        GradScaler,
        "_maybe_opt_step",
    ),  # whether losses of half precision were scaled too far: torch's own question
)


@contextmanager
def reading_only_what_is_logged(card: Card) -> Iterator[None]:
    """Refuse to be read by the loop, but by what it does now and then."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(training, "train", _told(card, training.train, False)))
        for owner, name in ASKS:
            stack.enter_context(patch.object(owner, name, _told(card, getattr(owner, name), True)))
        yield


def _told(card: Card, plain: Callable[..., Any], answers: bool) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        before, card.answers = card.answers, answers
        try:
            return plain(*arguments, **options)
        finally:
            card.answers = before

    return call
