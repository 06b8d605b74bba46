"""The quantizers that travel with SignViP; they come in by the same door as a third party's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import signvip

if TYPE_CHECKING:
    from signvip.contracts import Register


@signvip.hookimpl
def register_quantizers(register: Register) -> None:
    """Add `fsq` (section 3.5) and `vq`, which it is compared with."""
    from signvip_quantizers.fsq import FiniteScalarQuantizer  # here, so that `signvip --help` loads no torch
    from signvip_quantizers.vq import VectorQuantizer

    register("fsq", FiniteScalarQuantizer)
    register("vq", VectorQuantizer)
