"""Arguments of a generation, checked at the door: one sentence each, before any work is done."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import torch

from signvip.errors import ConfigError, DataError, MismatchError
from signvip.plain import is_blank
from signvip.sampling.options import GuidedBy, Retarget
from signvip.sampling.windows import Tail

WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
OUTPUT_TYPES = ("pil", "np", "pt", "latent", "stream")


def whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int | None:
    """Return a whole number of at least `least`, or None for None; ConfigError for anything else."""
    if value is None:
        return None
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least or (most is not None and number > most):
        limit = f"from {least} on" if most is None else f"from {least} to {most}"
        raise ConfigError(f"{name} is {value!r}; give a whole number {limit}.")
    return number


def real(name: str, value: Any, most: float = math.inf) -> float | None:
    """Return a finite number from 0 on, or None for None; ConfigError for anything else."""
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, str | bytes | bool) else float(value)
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    if not (math.isfinite(number) and 0 <= number <= most):
        limit = "from 0 on" if most == math.inf else f"from 0 to {most:g}"
        raise ConfigError(f"{name} is {value!r}; give a finite number {limit}.")
    return number


CHOICES = {"tail": get_args(Tail), "guided_by": get_args(GuidedBy), "retarget": get_args(Retarget)}


def check_sampling(options: Mapping[str, Any]) -> None:
    """ConfigError for options of a pipeline that no sampling can have, as they are given to its constructor."""
    for name, value in options.items():
        if value is None:
            raise ConfigError(f"{name} is None; leave it out to have the run's own.")
        if name in CHOICES:
            if value not in CHOICES[name]:
                raise ConfigError(f"{name} is {value!r}; choose one of {', '.join(CHOICES[name])}.")
        elif name == "guidance":
            real(name, value)
        elif name == "fps":
            if not real(name, value):
                raise ConfigError("fps is 0; give frames a second.")
        elif name in ("guidance_start", "guidance_stop"):
            real(name, value, most=1)
        else:
            whole(name, value, least=0 if name == "overlap" else 1)


def check_same_tokens(translator: Any, tokenizer: Any) -> None:
    """MismatchError for a translator whose tokens are none of the autoencoder's."""
    sizes = getattr(translator, "config", {})
    for name in ("tokens_per_frame", "vocab_size"):
        if name in sizes and sizes[name] != getattr(tokenizer, name, sizes[name]):
            raise MismatchError(
                f"The translator has {name}={sizes[name]}, the autoencoder {getattr(tokenizer, name)}: they are of "
                "different runs; give two of one run."
            )


def texts_of(text: Any, *, unread: bool = False) -> list[str]:
    """Return the sentences of `text`, which is one or a list of them; DataError for anything else, or empty ones.

    A text that is `unread`, since its tokens are given, may be empty.
    """
    texts = [text] if isinstance(text, str) else list(text) if isinstance(text, Sequence) else [text]
    if not texts:
        raise DataError("There is no text; give a sentence, or a list of sentences.")
    for one in texts:
        if not isinstance(one, str):
            raise DataError(f"A text is a {type(one).__name__}; give a sentence, or a list of sentences.")
        if is_blank(one) and not unread:
            raise DataError("The text is empty; give a sentence.")
    return texts


def references_of(reference: Any, count: int) -> list[Any]:
    """Return a reference for each of `count` texts: one for all, or a list with one for each."""
    if not isinstance(reference, list | tuple):
        return [reference] * count
    if len(reference) != count:
        raise DataError(
            f"There are {len(reference)} references for {count} texts; give one for all, or one for each text."
        )
    return list(reference)


def generators_of(generator: Any, count: int) -> list[torch.Generator | None]:
    """Return a generator for each of `count` texts: one for all, or a list with one for each."""
    found = list(generator) if isinstance(generator, list | tuple) else [generator] * count
    for one in found:
        if one is not None and not isinstance(one, torch.Generator):
            raise ConfigError(
                f"The generator is a {type(one).__name__}; give torch.Generator().manual_seed(0), or a list of such."
            )
    if len(found) != count:
        raise DataError(f"{count} texts need {count} generators, not {len(found)}; give one for each.")
    return found


def languages_of(language: Any, count: int) -> list[str] | None:
    """Return a sign language for each of `count` texts, or None for none; ConfigError for what cannot be their codes.

    One language is of all texts.
    """
    given = list(language) if isinstance(language, list | tuple) else [language] * count
    if all(one is None for one in given):
        return None
    wrong = [one for one in given if not (isinstance(one, str) and one.strip())]
    if wrong:
        raise ConfigError(
            f"The language is {wrong[0]!r}; give the ISO 639-3 code of a sign language, such as 'gsg'."
        )
    if len(given) != count:
        raise ConfigError(
            f"There are {len(given)} languages for {count} texts; give one for each, or one for all."
        )
    return given


def check_tokens(tokens: Any, texts: Sequence[str], width: int, codes: int) -> None:
    """DataError for what cannot be the tokens (F, N) of one video, with N = `width`, each below `codes`."""
    if tokens is None:
        return
    if len(texts) != 1:
        raise DataError(
            f"Tokens are of one video, and there are {len(texts)} texts; give one text with them."
        )
    shape = f"(frames, {width}) whole numbers from 0 to {codes - 1}"
    if not isinstance(tokens, torch.Tensor):
        raise DataError(f"The tokens are a {type(tokens).__name__}; give a tensor {shape}.")
    if tokens.ndim != 2 or tokens.shape[1] != width or not len(tokens) or tokens.dtype not in WHOLE:
        raise DataError(f"The tokens are {tuple(tokens.shape)} {tokens.dtype}; give {shape}.")
    if tokens.device.type != "cpu":
        return  # to look at them would wait for the card
    least, most = int(tokens.min()), int(tokens.max())
    if least < 0 or most >= codes:
        raise DataError(f"The tokens are from {least} to {most}; give {shape}.")


def check_output_type(name: Any) -> None:
    """DataError for a form of the frames that does not exist."""
    if name not in OUTPUT_TYPES:
        raise DataError(f"There is no output type '{name}'; choose one of {', '.join(OUTPUT_TYPES)}.")


def check_callback(callback: Any, inputs: Sequence[str] | str | None) -> None:
    """ConfigError for a callback that cannot be called, or that asks for more than latents."""
    inputs = [inputs] if isinstance(inputs, str) else inputs or []
    if callback is not None and not callable(callback):
        raise ConfigError(f"The callback is a {type(callback).__name__}; give a function.")
    others = sorted(set(inputs) - {"latents"})
    if others:
        raise ConfigError(f"A callback is given latents, not {', '.join(others)}; ask for ['latents'].")


def latents_of(given: Any, latents: torch.Tensor) -> torch.Tensor:
    """Return the latents that a callback gave back, or those that it was given; ConfigError for what cannot be."""
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(
            f"The callback returned a {type(given).__name__}; return a dict with latents, or {{}}."
        )
    made = (given or {}).get("latents", latents)
    if not isinstance(made, torch.Tensor) or made.shape != latents.shape:
        found = tuple(made.shape) if isinstance(made, torch.Tensor) else f"a {type(made).__name__}"
        raise ConfigError(f"The callback returned latents {found}; return a tensor {tuple(latents.shape)}.")
    return made
