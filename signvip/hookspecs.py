"""The hooks that a plugin may implement. Each `register(name, cls)` adds one class under one name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from signvip.contracts import Register

hookspec = pluggy.HookspecMarker("signvip")
hookimpl = pluggy.HookimplMarker("signvip")


@hookspec
def register_conditions(register: Register) -> None:
    """Add conditions: what is extracted from a clip and drawn for the multi-condition encoder."""


@hookspec
def register_quantizers(register: Register) -> None:
    """Add quantizers: the discrete bottleneck of the autoencoder."""


@hookspec
def register_translators(register: Register) -> None:
    """Add translators: text to multi-condition tokens."""


@hookspec
def register_denoisers(register: Register) -> None:
    """Add denoisers: noise to video latents, guided by embeddings and a reference picture."""


@hookspec
def register_datasets(register: Register) -> None:
    """Add datasets that `signvip preprocess` can read."""


@hookspec
def register_estimators(register: Register) -> None:
    """Add estimators: they find keypoints, hands or depth in the clips of a dataset that does not know them."""


@hookspec
def register_metrics(register: Register) -> None:
    """Add metrics for `signvip evaluate`."""


@hookspec
def on_log(stage: str, step: int, values: Mapping[str, float]) -> None:
    """Called with every row of the training log, for experiment trackers."""
