"""The built-in estimators: what other tools found in a clip, read from their files. They use the public face alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import signvip

if TYPE_CHECKING:
    from signvip.contracts import Register


@signvip.hookimpl
def register_estimators(register: Register) -> None:
    register("keypoints", "signvip_estimators.stored_keypoints:Keypoints")
    register("meshes", "signvip_estimators.hand_meshes:Meshes")
