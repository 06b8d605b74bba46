"""Depth for SignViP: the estimator `depth`. Torch is imported and the network loaded when the first clip comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import signvip

if TYPE_CHECKING:
    from signvip.contracts import Register


@signvip.hookimpl
def register_estimators(register: Register) -> None:
    register("depth", "signvip_depth.estimator:DepthAnything")
