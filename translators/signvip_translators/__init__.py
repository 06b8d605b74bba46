"""The built-in translators: text to multi-condition tokens (section 3.6).

They import the public face (`signvip.testing.face`) and one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import signvip

if TYPE_CHECKING:
    from signvip.contracts import Register


@signvip.hookimpl
def register_translators(register: Register) -> None:
    """Add the translators; by name, so that listing plugins loads no torch."""
    register("gpt2", "signvip_translators.gpt2:Gpt2Translator")
    register("regression", "signvip_translators.regression:RegressionTranslator")
