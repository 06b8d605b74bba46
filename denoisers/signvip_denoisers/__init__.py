"""The built-in denoisers: noise to video latents (section 3.4).

They import the public face (`signvip.testing.face`) and one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import signvip

if TYPE_CHECKING:
    from signvip.contracts import Register


@signvip.hookimpl
def register_denoisers(register: Register) -> None:
    """Add the denoisers; by name, so that listing plugins loads no torch."""
    register("animatediff", "signvip_denoisers.animatediff:AnimateDiff")
