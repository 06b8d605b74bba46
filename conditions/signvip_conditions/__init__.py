"""The built-in fine-grained conditions: pose, 3D hands and depth (section 3.2).

They import the public face (`signvip.testing.face`) and one another. Imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import signvip
from signvip_conditions.depth import Depth
from signvip_conditions.hand3d import Hand3d
from signvip_conditions.pose import Pose

if TYPE_CHECKING:
    from signvip.contracts import Register

__all__ = ["Depth", "Hand3d", "Pose"]


@signvip.hookimpl
def register_conditions(register: Register) -> None:
    register("pose", Pose)
    register("hand3d", Hand3d)
    register("depth", Depth)
