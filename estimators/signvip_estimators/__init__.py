"""The built-in estimators: they read the files of other tools, resample them, and project meshes into the picture.

They import the public face (`signvip.testing.face`) and one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import signvip

if TYPE_CHECKING:
    from signvip.contracts import Register


@signvip.hookimpl
def register_estimators(register: Register) -> None:
    register("keypoints", "signvip_estimators.stored_keypoints:Keypoints")
    register("meshes", "signvip_estimators.hand_meshes:Meshes")
