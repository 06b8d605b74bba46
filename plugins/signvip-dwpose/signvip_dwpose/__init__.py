"""DWPose for SignViP: the estimator `dwpose`. Its networks are loaded when the first clip comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import signvip

if TYPE_CHECKING:
    from signvip.contracts import Register


@signvip.hookimpl
def register_estimators(register: Register) -> None:
    register("dwpose", "signvip_dwpose.estimator:DWPose")
