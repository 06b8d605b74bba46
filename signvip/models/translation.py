"""Any registered translator as a model that saves and loads itself (section 3.6, stage III)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor

from signvip.contracts import Translator
from signvip.errors import RunError
from signvip.models.seen_texts import Unit
from signvip.registry import build


class TokenTranslator(ModelMixin, ConfigMixin):
    """A translator plugin by name, with its options and the sizes of the tokens it makes.

    `seen` is what its training showed it, as `knowledge.Seen`; None where that is not known.
    """

    @register_to_config
    def __init__(
        self,
        translator: str,
        tokens_per_frame: int,
        vocab_size: int,
        translator_config: dict[str, Any] | None = None,
        digits: Sequence[int] | None = None,  # of a token, where the quantizer's have any
        seen: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        # another name than the option's: diffusers answers `self.translator` with the configuration
        self.network: Translator = build(
            "translator",
            translator,
            tokens_per_frame=tokens_per_frame,
            vocab_size=vocab_size,
            **({} if digits is None else {"digits": tuple(digits)}),
            **(translator_config or {}),
        )

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **options: Any) -> Any:
        """Load a stored translator; RunError where its plugin asks for weights that are not among those stored."""
        wants_info = options.pop("output_loading_info", False)
        model, info = super().from_pretrained(
            pretrained_model_name_or_path, output_loading_info=True, **options
        )
        if info["missing_keys"]:
            raise RunError(
                f"{pretrained_model_name_or_path} holds a translator of another make than '{model.config.translator}' "
                f"is now (it has no {info['missing_keys'][0]}); train it again: signvip train --stage 3 --fresh"
            )
        return (model, info) if wants_info else model

    @property
    def languages(self) -> tuple[str, ...]:
        """Sign languages (ISO 639-3) that the translator tells apart; none where it knows one, or tells by the text."""
        return tuple(getattr(self.network, "languages", ()))

    @property
    def default_language(self) -> str | None:
        """The sign language of texts that name none: the first of `languages`; None where there are none."""
        return next(iter(self.languages), None)

    @property
    def points(self) -> bool:
        """Whether it learns from clips which letter each of their frames signs (`Clip.alignment`)."""
        return getattr(self.network, "pointer", None) is not None

    @property
    def unit(self) -> Unit:
        """The unit it reads: letters, or words."""
        return "letters" if getattr(self.network, "unit", "words") == "letters" else "words"

    def forward(
        self,
        texts: Sequence[str],
        tokens: Tensor,
        lengths: Tensor,
        languages: Sequence[str] | None = None,
        ended: Tensor | None = None,
        alignment: Tensor | None = None,
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the same as `loss`, so that distributed training can wrap this module."""
        return self.loss(texts, tokens, lengths, languages, ended, alignment)

    def loss(
        self,
        texts: Sequence[str],
        tokens: Tensor,
        lengths: Tensor,
        languages: Sequence[str] | None = None,
        ended: Tensor | None = None,
        alignment: Tensor | None = None,
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Eq. 7 for tokens (B, F, N), padded past `lengths` (B,); and values to log.

        `ended` (B,) says which clips end with their tokens; the others were cut. `alignment` (B, F) says which
        character of its text each frame signs (`Clip.alignment`). A translator that does not ask takes every clip for
        a whole one, and finds out by itself.
        """
        asked = inspect.signature(self.network.loss).parameters
        told = {"ended": ended, "alignment": alignment}
        told = {name: value for name, value in told.items() if value is not None and name in asked}
        return self.network.loss(texts, tokens, lengths, **self._given(languages), **told)

    @apply_forward_hook  # offloaded weights are fetched, as they are for `forward`
    @torch.no_grad()
    def generate(
        self,
        texts: Sequence[str],
        *,
        max_frames: int,
        temperature: float = 0.0,
        top_k: int | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        languages: Sequence[str] | None = None,
    ) -> list[Tensor]:
        """Return one (F, N) tensor of tokens in [0, V) per text; with a list of generators, each as it is alone.

        Without `languages`, texts are signed in the `default_language`.
        """
        if languages is None and self.default_language is not None:
            languages = [self.default_language] * len(texts)
        ask: Callable[..., list[Tensor]] = partial(
            self.network.generate, max_frames=max_frames, temperature=temperature, top_k=top_k
        )
        if temperature == 0:  # nothing is drawn
            return ask(texts, **self._given(languages))
        if not isinstance(generator, Sequence):
            return ask(texts, generator=generator, **self._given(languages))
        if "generators" in inspect.signature(self.network.generate).parameters:
            return ask(texts, generators=generator, **self._given(languages))
        spoken = [None] * len(texts) if languages is None else [[language] for language in languages]
        return [
            ask([text], generator=own, **self._given(language))[0]
            for text, own, language in zip(texts, generator, spoken, strict=True)
        ]

    @apply_forward_hook
    def align(self, text: str, tokens: Tensor, language: str | None = None) -> list[int] | None:
        """Return which character of a text each frame of tokens (F, N) signs, -1 of none; None if it cannot tell."""
        align = getattr(self.network, "align", None)
        if align is None:
            return None
        return align(
            text, tokens, **({"language": language or self.default_language} if self.languages else {})
        )

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Weights by name, with tied ones copied: safetensors refuses tensors that share memory."""
        weights = super().state_dict(*args, **kwargs)
        seen: set[int] = set()
        for name, value in weights.items():
            if isinstance(value, Tensor) and value.device.type != "meta":
                weights[name] = value.clone() if value.data_ptr() in seen else value
                seen.add(value.data_ptr())
        return weights

    def _given(self, languages: Sequence[str] | None) -> dict[str, Any]:
        """Return the sign languages as an argument where they make a difference; the contract does not ask for it."""
        return {"languages": languages} if languages is not None and self.languages else {}
