"""What all checks share: a plugin is a class with a nested `Config`, built as `cls(config)`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel

from signvip.contracts import Config


def configure(cls: type, options: dict[str, Any]) -> Config:
    """Validate options with the nested `Config`, which must refuse what it does not know."""
    model = getattr(cls, "Config", Config)
    require(
        isinstance(model, type) and issubclass(model, BaseModel),
        f"{cls.__name__}.Config must be a class that inherits signvip.Config.",
    )
    require(
        model.model_config.get("extra") == "forbid",
        f"{cls.__name__}.Config must refuse unknown options; inherit signvip.Config, which does.",
    )
    return model(**options)


def require(fact: object, sentence: str) -> None:
    """Raise AssertionError with a sentence; unlike `assert` it also works under `python -O`."""
    if not fact:
        raise AssertionError(sentence)


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back warnings that a check provokes by design, such as clips that are cut short."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
