"""Networks from configuration: a network's constructor is the schema of its options."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from torch import nn

from signvip.errors import ConfigError, suggest

Network = TypeVar("Network", bound=nn.Module)


def build_network(cls: type[Network], options: Mapping[str, Any], **derived: Any) -> Network:
    """Build a network from a preset's section and what follows from other parts; ConfigError names unknown keys."""
    known = [name for name in inspect.signature(cls.__init__).parameters if name != "self"]
    for key in options:
        if key not in known:
            raise ConfigError(f"{cls.__name__} has no option '{key}'; {suggest(key, known)}")
    return cls(**{**options, **derived})
