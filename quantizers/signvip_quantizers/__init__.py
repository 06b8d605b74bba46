"""The built-in quantizers: FSQ, and VQ to compare it with (sections 3.1 and 3.5).

They import the public face (`signvip.testing.face`) and one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import signvip

if TYPE_CHECKING:
    from signvip.contracts import Register


@signvip.hookimpl
def register_quantizers(register: Register) -> None:
    """Add `fsq` (section 3.5) and `vq`, which it is compared with."""
    # by name, so that listing plugins loads no torch
    register("fsq", "signvip_quantizers.fsq:FiniteScalarQuantizer")
    register("vq", "signvip_quantizers.vq:VectorQuantizer")
