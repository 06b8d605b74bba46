"""The training loop on a card that is not waited for in a step which is neither logged nor validated nor stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from accelerate import Accelerator
from diffusers import DDPMScheduler
from diffusers.training_utils import EMAModel
from fake_cuda import Card
from torch.amp import GradScaler

from signvip.training import loop as training

ASKS = (
    (Accelerator, "prepare"),
    (training, "place_frozen"),
    (EMAModel, "to"),
    (training, "_log"),
    (training, "write_checkpoint"),
    (training, "_validate"),
    (training, "resume"),
    # it sends its table with the first step, and keeps it there
    (DDPMScheduler, "add_noise"),
    # whether losses of half precision were scaled too far is torch's own question
    (GradScaler, "_maybe_opt_step"),
)


@contextmanager
def reading_only_what_is_logged(card: Card) -> Iterator[None]:
    """Refuse to be read by the loop, and to be sent what it must wait for, but by what it does now and then."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(training, "run_loop", _told(card, training.run_loop, False)))
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
