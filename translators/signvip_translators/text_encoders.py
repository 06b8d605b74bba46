"""Text encoders by name: small ones of words or bytes, trained along, or a frozen one of transformers (section 3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from signvip.errors import ConfigError, DataError
from signvip.models.sending import send
from signvip_translators.words import split_words, text_bytes, too_long, word_buckets

TextSpace = Literal["own", "projected"]
"""The layer where texts are read: the encoder's own last one, or its projection (the authors' sentence vector)."""
_END = 256  # behind the last byte of a text


@dataclass(frozen=True)
class EncodedText:
    """Texts as states (B, T, C) padded on the right, mask (B, T) of what is text, and sentence (B, C)."""

    states: Tensor
    mask: Tensor
    sentence: Tensor


class HashedTextEncoder(nn.Module):
    """Words as sums of hashed n-gram embeddings (as in fastText), read by a small Transformer encoder.

    Needs no vocabulary and no download; an unseen inflection shares most n-grams with the seen one.
    """

    spread_by = (nn.TransformerEncoderLayer,)

    def __init__(
        self, width: int, layers: int, heads: int, dropout: float, buckets: int, max_words: int
    ) -> None:
        super().__init__()
        self.width, self.buckets, self.max_words = width, buckets, max_words
        self.grams = nn.EmbeddingBag(buckets, width, mode="sum")
        self.positions = nn.Embedding(max_words + 1, width)
        nn.init.normal_(
            self.positions.weight, std=0.1
        )  # words should differ more by what than by where they are
        self.layers = small_encoder(width, layers, heads, dropout)

    def forward(self, texts: Sequence[str]) -> EncodedText:
        """Encode texts; the state after the last word stands for the sentence, as in CLIP."""
        device = self.positions.weight.device
        sentences = [
            [word_buckets(word, self.buckets) for word in split_words(t, self.max_words)] for t in texts
        ]
        counts = [len(words) + 1 for words in sentences]
        lengths = send(counts, device)
        mask = torch.arange(max(counts), device=device) < lengths[:, None]  # (B, T)
        states = torch.zeros(*mask.shape, self.width, device=device, dtype=self.positions.weight.dtype)
        # by numbers, not by the mask: to count what is in it would wait for the card
        rows, places = zip(
            *((row, place) for row, count in enumerate(counts) for place in range(count)), strict=True
        )
        where = send(rows, device), send(places, device)
        states[where] = self._embed([word for words in sentences for word in [*words, (0,)]])
        states = states + self.positions.weight[: mask.shape[1]]
        states = self.layers(states, src_key_padding_mask=~mask)
        return EncodedText(states, mask, states[torch.arange(len(texts), device=device), lengths - 1])

    def _embed(self, words: list[tuple[int, ...]]) -> Tensor:  # (words, C)
        device = self.positions.weight.device
        flat = send([bucket for word in words for bucket in word], device)
        starts = send([0, *(len(word) for word in words[:-1])], device).cumsum(0)
        # the word itself counts as much as all of its n-grams together: those of other words overlap
        shares = [share for word in words for share in [1.0, *[1 / len(word)] * (len(word) - 1)]]
        weights = send(shares, device).to(self.grams.weight.dtype)
        return self.grams(flat, starts, per_sample_weights=weights)


class ByteTextEncoder(nn.Module):
    """Bytes of UTF-8, read by a small Transformer encoder: any script, every letter, and no unknown words."""

    spread_by = (nn.TransformerEncoderLayer,)

    def __init__(self, width: int, layers: int, heads: int, dropout: float, max_bytes: int) -> None:
        super().__init__()
        self.max_bytes = max_bytes
        self.bytes = nn.Embedding(_END + 1, width)
        self.positions = nn.Embedding(max_bytes + 1, width)
        for table in (self.bytes, self.positions):
            nn.init.normal_(
                table.weight, std=0.5
            )  # a letter's place in its word matters as much as the letter
        self.layers = small_encoder(width, layers, heads, dropout)

    def forward(self, texts: Sequence[str]) -> EncodedText:
        """Encode texts; the state behind the last byte stands for the sentence."""
        rows = [[*text_bytes(text, self.max_bytes), _END] for text in texts]
        device = self.positions.weight.device
        longest = max(len(row) for row in rows)
        lengths = send([len(row) for row in rows], device)
        mask = torch.arange(longest, device=device) < lengths[:, None]  # (B, T)
        ids = send([row + [_END] * (longest - len(row)) for row in rows], device)
        states = self.bytes(ids) + self.positions.weight[: mask.shape[1]]
        states = self.layers(states, src_key_padding_mask=~mask)
        return EncodedText(states, mask, states[torch.arange(len(texts), device=device), lengths - 1])


def small_encoder(width: int, layers: int, heads: int, dropout: float) -> nn.TransformerEncoder:
    """Build an encoder that is trained along, and reads words or bytes in both directions."""
    layer = nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)


class PretrainedTextEncoder(nn.Module):
    """A frozen text encoder of transformers, from a local folder or hub id; read at its first use.

    It is not part of the translator's weights: a checkpoint carries its name. CLIP models give their text
    side. `projected` takes the states on into the space that texts share with pictures (or with other languages).
    """

    def __init__(self, name: str, width: int, max_words: int, space: TextSpace = "own") -> None:
        super().__init__()
        self.name, self.width, self.max_words, self.space = name, width, max_words, space
        self._loaded: list[Any] = []  # in a list, so that it is neither saved nor trained with this module
        self.register_buffer("place", torch.zeros(()), persistent=False)

    @torch.no_grad()
    def forward(self, texts: Sequence[str]) -> EncodedText:
        """Encode texts; the sentence is the model's pooled output, or the mean over its word pieces."""
        tokenizer, model, project = self._load()
        for text in texts:
            split_words(text, self.max_words)
        pieces = tokenizer(list(texts), padding=True, return_tensors="pt").to(self.place.device)
        limit = min(tokenizer.model_max_length, self.max_words)
        for text, count in zip(texts, pieces["attention_mask"].sum(1).tolist(), strict=True):
            if count > limit:
                raise too_long(text, limit)
        output = model.to(self.place.device)(
            input_ids=pieces["input_ids"], attention_mask=pieces["attention_mask"]
        )
        states, mask = output.last_hidden_state, pieces["attention_mask"].bool()
        mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        pooled = getattr(output, "pooler_output", None)
        project = project.to(pieces["input_ids"].device)
        return EncodedText(project(states), mask, project(mean if pooled is None else pooled))

    def _load(self) -> tuple[Any, Any, nn.Module]:
        if not self._loaded:
            tokenizer, model = load_pretrained(self.name)
            project = nn.Identity() if self.space == "own" else load_projection(self.name, model)
            found = getattr(project, "out_features", model.config.hidden_size)
            if found != self.width:
                raise ConfigError(
                    f"The text encoder {self.name} gives {found} channels, not {self.width}; "
                    f"set translator.text_width={found} and train stage 3 again."
                )
            self._loaded = [tokenizer, model, project]
        return self._loaded[0], self._loaded[1], self._loaded[2]


def load_projection(name: str, model: Any) -> nn.Module:
    """Load a text model's frozen last layer: CLIP's, or the dense one that sentence-transformers store beside it."""
    from safetensors.torch import load_file
    from transformers import CLIPTextModelWithProjection
    from transformers.utils import cached_file

    if model.config.model_type == "clip_text_model":
        projected = CLIPTextModelWithProjection.from_pretrained(name)
        return projected.text_projection.float().requires_grad_(False)
    for file in ("2_Dense/model.safetensors", "2_Dense/pytorch_model.bin"):
        found = cached_file(name, file, _raise_exceptions_for_missing_entries=False)
        if found is not None:
            safe = found.endswith(".safetensors")
            weights = load_file(found) if safe else torch.load(found, map_location="cpu", weights_only=True)
            out, inputs = weights["linear.weight"].shape
            layer = nn.Linear(inputs, out, bias="linear.bias" in weights)
            layer.load_state_dict({key.removeprefix("linear."): value for key, value in weights.items()})
            return layer.requires_grad_(False)
    raise DataError(
        f"The text encoder {name} has no projection to a shared space; set translator.text_space=own."
    )


def load_pretrained(name: str) -> tuple[Any, Any]:
    """Tokenizer and frozen text model; DataError that says where they would come from."""
    from transformers import AutoModel, AutoTokenizer

    try:
        tokenizer, model = (
            kind.from_pretrained(
                name, trust_remote_code=False
            )  # without a word, transformers would ask a person
            for kind in (AutoTokenizer, AutoModel)
        )
    except (OSError, ValueError) as error:
        raise DataError(
            f"The text encoder {name} is not at hand ({type(error).__name__}); set "
            "translator.text_encoder to a folder or a hub id, such as openai/clip-vit-base-patch32 (MIT) or "
            "sentence-transformers/clip-ViT-B-32-multilingual-v1 (Apache-2.0), or to 'hashed' or 'bytes'."
        ) from error
    return tokenizer, getattr(model, "text_model", model).float().requires_grad_(False).eval()
