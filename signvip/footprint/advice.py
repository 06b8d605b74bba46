"""Advise what would fit where a card is too small, in place of torch's out-of-memory error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from signvip.errors import RunError

if TYPE_CHECKING:
    from torch import nn

    from signvip.config import RunConfig
    from signvip.footprint.activations import Need

# of the configuration; those of other phases have their names
SECTIONS = {"stage2-poses": "stage2_poses", "stage2-reference": "stage2_reference"}
SPARE = 1.1  # workspace and fragments beside weights and activations (an estimate)


@contextmanager
def explained(sentence: Callable[[int], str]) -> Iterator[None]:
    """RunError in the place of torch's; `sentence` is told the bytes of the card."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise RunError(sentence(card_bytes())) from error


def card_bytes() -> int:
    """Memory of the current card."""
    return int(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory)


def training_that_fits(config: RunConfig, phase: str, card: int) -> str:
    """Advise what to set for a phase, such as `stage1-image`, that does not fit a card of this many bytes."""
    from signvip.footprint.activations import training_needs

    name = phase.replace("-", " ")
    need = next(iter(training_needs(config, [name])), None)
    if need is None or need.activations is None:
        return f"{name} does not fit on a card of {gib(card)}; take fewer clips in a batch."
    told = f"{name} needs about {gib(_bytes(need, need.clips))} at {need.clips} clips, and this card has {gib(card)}"
    fewer = [clips for clips in range(need.clips - 1, 0, -1) if need.clips % clips == 0]
    fit = next((clips for clips in fewer if _bytes(need, clips) <= card), None)
    if fit is None:
        return f"{told}; docs/how-to/training.md has gradient checkpointing and weights spread over several cards."
    section = SECTIONS.get(phase) or phase.replace("-", ".")
    return (
        f"{told}; {gib(_bytes(need, fit))} would do for the same step in parts: "
        f"--set {section}.clips={fit} --set {section}.accumulation={need.clips // fit}"
    )


def _bytes(need: Need, clips: int) -> int:
    return int(SPARE * (need.weights + (need.activations or 0) * clips / need.clips))


def generation_that_fits(parts: dict[str, nn.Module], offloaded: bool, card: int) -> str:
    """Advise how to generate with these networks on a card of this many bytes."""
    sizes = {name: _weights(part) for name, part in parts.items()}
    largest = max(sizes, key=lambda name: sizes[name])
    told = f"The weights take {gib(sum(sizes.values()))}, and this card has {gib(card)}"
    if not offloaded and SPARE * sizes[largest] < card:
        return f"{told}; --offload keeps one part at a time on it, the largest ({largest}) of {gib(sizes[largest])}."
    return f"{told}; use --dtype bf16 and --window-batch 1 where they are not, or --device cpu."


def _weights(part: nn.Module) -> int:
    return sum(weight.numel() * weight.element_size() for weight in part.parameters())


def gib(count: int) -> str:
    """Format bytes as people read them."""
    return f"{count / 2**30:.1f} GiB"
