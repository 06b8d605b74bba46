"""The quantizers that travel with SignViP; they come in by the same door as a third party's."""

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
