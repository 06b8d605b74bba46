"""Networks from configuration: a network's constructor is the schema of its options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from signvip.errors import ConfigError, suggest

Network = TypeVar("Network", bound=nn.Module)


def build_network(cls: type[Network], options: Mapping[str, Any], **derived: Any) -> Network:
    """Build a network from a preset's section and what follows from other parts; ConfigError names unknown keys."""
    known = [name for name in inspect.signature(cls.__init__).parameters if name != "self"]
    for key in options:
        if key not in known:
            raise ConfigError(f"{cls.__name__} has no option '{key}'; {suggest(key, known)}")
    return cls(**{**options, **derived})


def fixed_weights(network: nn.Module) -> dict[str, Callable[[torch.Size], Tensor]]:
    """Return the names of weights that follow from a network's configuration, each with what makes it in its shape.

    Any module may have `fixed_weights`, by their names in it: no training changes them, and no count has them.
    """
    return {
        f"{place}.{name}" if place else name: make
        for place, part in network.named_modules()
        for name, make in getattr(part, "fixed_weights", {}).items()
    }
