"""What of a module is trained and what is frozen, by part."""

from __future__ import annotations

from collections.abc import Iterator

from diffusers import ModelMixin
from torch import nn


def trained_and_frozen(module: nn.Module) -> str:
    """Millions of parameters by part, such as "trained: denoiser 0.417 M; frozen: denoiser 0.860 M"."""
    parts = dict(_parts(module, "all"))
    trained = {name: _millions(part, trained=True) for name, part in parts.items()}
    frozen = {name: _millions(part, trained=False) for name, part in parts.items()}
    return f"trained: {_words(trained)}; frozen: {_words(frozen)}"


def _parts(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """The networks in a module, by the names that hold them; a module that holds none is one itself."""
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
