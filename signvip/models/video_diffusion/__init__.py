"""Names that the `model_index.json` of runs holds, for good: the networks that the first denoiser stores apart.

Nothing in the engine imports them. They lead to the plugin that has them, by the door of all plugins.
"""

from __future__ import annotations

from typing import Any

from signvip.models.video_denoiser import INDEXED, stores
from signvip.settings import FIRST_DENOISER


def __getattr__(name: str) -> Any:
    return find(__name__, name)


def find(module: str, name: str) -> Any:
    """Return a class by the name that it is stored under; AttributeError for any other."""
    part = next((part for part, (_, cls) in INDEXED.items() if cls == name), None)
    if part is None:
        raise AttributeError(f"module '{module}' has no attribute '{name}'")
    return stores(FIRST_DENOISER)[part]
