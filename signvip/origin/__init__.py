"""Mark where a generated video comes from: in its pixels, a signed manifest, a sidecar and a visible label.

`writing` is the one door that generated video leaves by; `verification` reads everything back. It imports the data
below it and no torch; whatever writes generated video imports it.
"""

from signvip.origin.record import Consent, Origin, OriginOptions
from signvip.origin.truth import check_pixels

__all__ = ["Consent", "Origin", "OriginOptions", "check_pixels"]
