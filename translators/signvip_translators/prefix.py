"""The text as the first hidden states of the trunk: one per word, or one for the sentence (section 3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from signvip.errors import ConfigError
from signvip.models.sending import send
from signvip_translators.text_encoders import EncodedText

PrefixKind = Literal["tokens", "sentence"]


class TextPrefix(nn.Module):
    """Encoder, projection to the trunk's width, and an embedding of the sign language."""

    def __init__(
        self, encoder: nn.Module, text_width: int, width: int, kind: PrefixKind, languages: Sequence[str]
    ) -> None:
        super().__init__()
        self.encoder, self.kind, self.languages = encoder, kind, tuple(languages)
        self.project = nn.Linear(text_width, width)
        self.language = nn.Embedding(len(languages), width) if languages else None
        if self.language is not None:
            nn.init.normal_(self.language.weight, std=0.5)

    def forward(self, texts: Sequence[str], languages: Sequence[str] | None) -> tuple[Tensor, Tensor]:
        """Return states (B, T, C) padded on the left, so that frames follow each text, and mask (B, T)."""
        encoded: EncodedText = self.encoder(texts)
        states, mask = left_padded(encoded.states, encoded.mask)
        if self.kind == "sentence":
            states, mask = encoded.sentence[:, None], mask[:, -1:]
        states = self.project(states.to(self.project.weight.dtype))  # a frozen encoder keeps its own
        if self.language is not None:
            index = send(self._language_ids(len(texts), languages), states.device)
            states = states + self.language(index)[:, None]
        return states, mask

    def _language_ids(self, count: int, languages: Sequence[str] | None) -> list[int]:
        known = ", ".join(self.languages)
        if languages is None and len(self.languages) == 1:
            languages = self.languages * count
        if languages is None:
            raise ConfigError(
                f"This translator knows several sign languages; name one with --language: {known}."
            )
        assert len(languages) == count
        for language in languages:
            if language not in self.languages:
                raise ConfigError(
                    f"This translator does not know the sign language '{language}'; use one of: {known}."
                )
        return [self.languages.index(language) for language in languages]


def left_padded(states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Move the padding of states (B, T, C) and mask (B, T) from the right end to the left."""
    places = torch.arange(mask.shape[1], device=mask.device) - (~mask).sum(1, keepdim=True)  # (B, T)
    index = places.clamp(min=0)[..., None].expand_as(states)
    return states.gather(1, index) * (places >= 0)[..., None], places >= 0
