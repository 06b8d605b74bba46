"""Build plugins as all checks do: a class with a nested `Config`, as `cls(config)`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from signvip.contracts import Config
from signvip.errors import SignVipError

Check = TypeVar("Check", bound=Callable[..., None])


def telling(check: Check) -> Check:
    """Have a check raise nothing but sentences: what a plugin raises by mistake becomes one, with its cause."""

    @wraps(check)
    def tell(cls: type, *args: Any, **kwargs: Any) -> None:
        try:
            check(cls, *args, **kwargs)
        except (AssertionError, SignVipError):
            raise
        except Exception as error:  # foreign code: whatever it raises is its own fault
            raise AssertionError(
                f"{cls.__name__} stops with {type(error).__name__}: {error}; signvip.contracts has what is asked of it."
            ) from error

    return cast(Check, tell)


def require_methods(plugin: object, *methods: str) -> None:
    """Raise AssertionError where a plugin lacks a method of its contract."""
    for method in methods:
        require(callable(getattr(plugin, method, None)), f"{type(plugin).__name__} has no {method}().")


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
