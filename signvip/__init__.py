"""SignViP: from a sentence and a picture to a signing video.

`import signvip` loads neither torch nor diffusers; names that need them load when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from signvip.contracts import (
    Clip,
    Condition,
    Config,
    DatasetReader,
    Denoiser,
    DetailedDenoiser,
    Estimator,
    Metric,
    Quantized,
    Quantizer,
    Translator,
)
from signvip.discovery.imports import collector_paused
from signvip.errors import ConfigError, DataError, MismatchError, PluginError, RunError, SignVipError
from signvip.hookspecs import hookimpl
from signvip.registry import build, configure, plugin_class, plugins
from signvip.settings import Choice

if TYPE_CHECKING:
    from signvip.models import (
        Autoencoder,
        ConditionEncoder,
        TokenTranslator,
    )
    from signvip.origin.export import write_video
    from signvip.origin.verification import verify
    from signvip.pipeline import SignVipPipeline

__version__ = "0.2.0.dev0"  # the one place; see "Releasing" in CONTRIBUTING.md

_HEAVY = {
    "SignVipPipeline": "signvip.pipeline",
    "Autoencoder": "signvip.models",
    "ConditionEncoder": "signvip.models",
    "TokenTranslator": "signvip.models",
    "verify": "signvip.origin.verification",
    "write_video": "signvip.origin.export",
}

__all__ = [
    "Autoencoder",
    "Choice",
    "Clip",
    "Condition",
    "ConditionEncoder",
    "Config",
    "ConfigError",
    "DataError",
    "DatasetReader",
    "Denoiser",
    "DetailedDenoiser",
    "Estimator",
    "Metric",
    "MismatchError",
    "PluginError",
    "Quantized",
    "Quantizer",
    "RunError",
    "SignVipError",
    "SignVipPipeline",
    "TokenTranslator",
    "Translator",
    "__version__",
    "build",
    "configure",
    "hookimpl",
    "plugin_class",
    "plugins",
    "verify",
    "write_video",
]


def __getattr__(name: str) -> Any:
    if name in _HEAVY:
        with collector_paused():
            return getattr(import_module(_HEAVY[name]), name)
    raise AttributeError(f"module 'signvip' has no attribute '{name}'")
