"""Conformance of plugins, for the built-in ones and for third parties: one call is a test suite.

    from signvip.testing import check_quantizer

    def test_sign():
        check_quantizer(SignQuantizer, channels=4)

Each check builds the class with the options given, and raises AssertionError with a sentence that says
what the contract asks for (`signvip.contracts`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

from signvip.errors import SignVipError
from signvip.testing.conditions import check_condition
from signvip.testing.datasets import check_dataset
from signvip.testing.denoisers import check_denoiser
from signvip.testing.estimators import check_estimator
from signvip.testing.face import check_imports
from signvip.testing.metrics import check_metric
from signvip.testing.quantizers import check_quantizer
from signvip.testing.translators import check_translator

if TYPE_CHECKING:
    from signvip.registry import Plugin

__all__ = [
    "check_condition",
    "check_dataset",
    "check_denoiser",
    "check_estimator",
    "check_imports",
    "check_metric",
    "check_plugin",
    "check_quantizer",
    "check_translator",
    "required_options",
]


def required_options(record: Plugin) -> list[str]:
    """Return the options without a default, such as the folder of a dataset: without them there is nothing to check.

    So are those that a class lists in `from_package`, {option: package}, where that package is not installed.
    """
    fields = getattr(getattr(record.cls, "Config", None), "model_fields", {})
    packages = getattr(record.cls, "from_package", {})
    missing = {name for name, package in packages.items() if importlib.util.find_spec(package) is None}
    return [name for name, field in fields.items() if field.is_required() or name in missing]


def check_plugin(record: Plugin) -> str | None:
    """Check one record of `signvip.plugins()` with its default options; returns what is wrong, or None."""
    checks: dict[str, Callable[[type], None]] = {
        "condition": check_condition,
        "quantizer": check_quantizer,
        "translator": check_translator,
        "denoiser": check_denoiser,
        "dataset": check_dataset,
        "estimator": check_estimator,
        "metric": check_metric,
    }
    assert record.cls is not None, "a record that failed to load has nothing to check"
    try:
        checks[record.kind](record.cls)
    except (AssertionError, SignVipError) as error:
        return str(error)
    except Exception as error:  # foreign code: whatever it raises is its own fault, told and not hidden
        return f"{type(error).__name__}: {error}"
    return None
