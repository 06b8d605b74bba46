"""Built-in translators: text to multi-condition tokens (section 3.6), by the door of all plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import signvip

if TYPE_CHECKING:
    from signvip.contracts import Register


@signvip.hookimpl
def register_translators(register: Register) -> None:
    """Register `gpt2`; torch is loaded here and transformers only when a translator is built."""
    from signvip_translators.gpt2 import Gpt2Translator

    register("gpt2", Gpt2Translator)
