"""Choose which parts of a module are trained and which are frozen; and networks that a step only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import torch
from diffusers import ModelMixin
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class Frozen(nn.Module, Generic[Network]):
    """A network that a step reads and nothing trains: it moves with its owner, but is not in its checkpoints."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        # in a tuple: torch would store it with its owner, average it, and spread it over processes
        self._kept = (network.eval().requires_grad_(False),)

    @property
    def network(self) -> Network:
        return self._kept[0]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Follow `to`, `cuda` and their like, which reach every module by this method."""
        self.network._apply(fn, recurse)
        return self


def place_frozen(module: nn.Module, device: torch.device) -> None:
    """Take frozen networks where a module is trained, however its own weights got there."""
    for part in module.modules():
        if isinstance(part, Frozen):
            part.to(device)


def device_of(module: nn.Module) -> torch.device:
    """Return where a module's weights are, and where its input has to be."""
    return next(module.parameters()).device


def trained_and_frozen(module: nn.Module) -> str:
    """Return the millions of parameters by part, such as "trained: denoiser 0.417 M; frozen: denoiser 0.860 M"."""
    parts = dict(_parts(module, "all"))
    trained = {name: _millions(part, trained=True) for name, part in parts.items()}
    frozen = {name: _millions(part, trained=False) for name, part in parts.items()}
    return f"trained: {_words(trained)}; frozen: {_words(frozen)}"


def _parts(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """Yield the networks in a module, by the names that hold them; a module that holds none is one itself."""
    if isinstance(module, ModelMixin) or not any(isinstance(inner, ModelMixin) for inner in module.modules()):
        yield name, module
    else:
        for child_name, child in module.named_children():
            yield from _parts(child, child_name)


def _millions(module: nn.Module, *, trained: bool) -> float:
    counts = [weight.numel() for weight in module.parameters() if weight.requires_grad == trained]
    return sum(counts) / 1e6


def _words(millions: dict[str, float]) -> str:
    told = [f"{name} {value:.3f} M" for name, value in millions.items() if value]
    return ", ".join(told) or "nothing"
