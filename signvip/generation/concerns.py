"""What a run would answer with nonsense: of a text what it never saw, and a picture that may show nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signvip.data.likeness import Likeness
from signvip.data.people import doubts_about
from signvip.models.retargeting import lacks
from signvip.models.seen_texts import Seen
from signvip.sampling.arguments import languages_of, texts_of

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from signvip.models import TokenTranslator, VideoDenoiser

UNPLACED = (
    "Head or shoulders were not found in the reference, so the signing may not fit its signer; give a picture that "
    "shows both."
)


def about_texts(translator: TokenTranslator, texts: Sequence[str], language: Any) -> list[list[str]]:
    """Tell for each text, in sentences, what of it this translator never saw."""
    seen = Seen.read(translator.config.get("seen"))
    useless = useless_language(translator, language)
    given = languages_of(language, len(texts))
    guessed = None if given else guessed_language(translator)
    languages: list[str | None] = [*given] if given else [translator.default_language] * len(texts)
    pairs = zip(texts_of(texts), languages, strict=True)
    if seen is None:
        return [[sentence] if (sentence := useless or guessed) else [] for _ in pairs]
    return [
        # a language that the run never saw is told as such, and it matters more than that it is not asked for
        ([useless] if useless and (one is None or one in seen.languages) else [])
        + ([guessed] if guessed else [])
        + seen.concerns(text, one)
        for text, one in pairs
    ]


def useless_language(translator: TokenTranslator, language: str | Sequence[str] | None) -> str | None:
    """Return a sentence about a sign language that is given to a translator of only one; None for any other."""
    if not language or translator.languages:
        return None
    first = language if isinstance(language, str) else language[0]
    return f"The language '{first}' changes nothing: this translator does not tell sign languages apart."


def guessed_language(translator: TokenTranslator, remedy: str | None = None) -> str | None:
    """Return a sentence for texts that name no sign language, where the translator knows several; None elsewhere.

    `remedy` says how to name one, where that is not by an option of a command.
    """
    if len(translator.languages) < 2:
        return None
    remedy = remedy or f"name one with --language, of {', '.join(translator.languages)}."
    return f"No sign language is named, so it is '{translator.default_language}'; {remedy}"


def about_references(
    denoiser: VideoDenoiser,
    references: Sequence[Any],
    fit: Callable[[Any], np.ndarray],
    find: Callable[[Any], Tensor] | None = None,
) -> list[list[str]]:
    """Tell for each reference whether it may show nobody; `fit` makes the picture that the run is given of it.

    Where poses are moved to its signer, `find` reads the keypoints (128, 3) of that.
    """
    usual = Likeness.from_json(denoiser.likeness)
    keys = [str(one) if isinstance(one, str | Path) else id(one) for one in references]
    different = dict(zip(keys, references, strict=True))
    doubts = {key: doubts_about(one, fit(one), usual) for key, one in different.items()}
    for key, one in different.items():
        if find is not None and not doubts[key] and lacks(find(one)):
            doubts[key] = [UNPLACED]
    return [doubts[key] for key in keys]
