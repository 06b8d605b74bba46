"""A translator without a vocabulary, for Figure 3c and Table 6: it predicts values by regression, not codes.

The values travel as tokens of an FSQ with so many levels that rounding hardly matters: at 32 levels a step is a
thirty-first of the range, and what is lost a thousandth of the variance of a uniform value. Everything else is that of
`gpt2`, so that the loss is all that an ablation compares: text, trunk, parallel heads, and the rule that ends a clip.

Scheduled sampling is what it is for values: with probability r an input is the translator's own prediction of it. A
random code is one that a frame might have; a random value is noise of the whole range, which no code ever brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, prod
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from signvip.errors import ConfigError
from signvip_translators.cached_decoding import CachedDecoding, evaluating, letters_signed
from signvip_translators.frame_loop import finite, report_cut, says_end
from signvip_translators.gpt2 import Gpt2Translator
from signvip_translators.parts import (
    check_frames,
    check_heads,
    first_place,
    heads_of,
    longest_text,
    mean_where,
    pointer_of,
    text_encoder,
    trunk_of,
    unit_of,
)
from signvip_translators.pointer import Pointed
from signvip_translators.prefix import TextPrefix
from signvip_translators.trunk import run_trunk
from signvip_translators.words import character_places

CHANNELS = 4  # of a code: FSQ's levels in the paper are 5, 5, 5, 5


class Values:
    """How outputs of a head are read: they are values already, and the logit of the end."""

    def logits(self, outputs: Tensor) -> Tensor:
        """Return the outputs."""
        return outputs


class RegressionTranslator(nn.Module):
    """The text, prefix, trunk and heads of `gpt2`; frames go in and come out as values in [-1, 1], not as tokens."""

    levels: Tensor
    places: Tensor
    prediction = Values()

    class Config(Gpt2Translator.Config):
        """As `gpt2`, whose `token_width` is not read: values are embedded by the mixer alone."""

        levels: tuple[Annotated[int, Field(ge=2)], ...] = Field(
            (),
            description="levels of the quantizer's channels; none: one channel of as many as there are tokens",
        )
        tokens_per_head: PositiveInt | None = Field(
            None, description="tokens that share a head; none: one code, or four where a token is one number"
        )

    def __init__(self, config: Config, tokens_per_frame: int, vocab_size: int) -> None:
        super().__init__()
        levels = config.levels or (vocab_size,)
        _check(config, levels, vocab_size)
        self.options, self.vocab_size, self.tokens_per_frame = config, vocab_size, tokens_per_frame
        self.first_place, self.longest_text, width = first_place(config), longest_text(config), config.width
        self.languages, self.unit = config.languages, unit_of(config)
        self.prefix = TextPrefix(*text_encoder(config), width, config.prefix, config.languages)
        values = tokens_per_frame * len(levels)
        self.mixer = nn.Sequential(nn.Linear(values, width), nn.LayerNorm(width), nn.GELU())
        self.pointer = pointer_of(config)
        self.trunk = trunk_of(config)
        shared = _tokens_per_head(config, levels, tokens_per_frame)
        outputs = shared * len(levels) + 1  # values, and the end
        self.heads = heads_of(config, tokens_per_frame // shared, outputs)
        places = [prod(levels[:channel]) for channel in range(len(levels))]
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("places", torch.tensor(places), persistent=False)

    def predict(
        self, prefix: Tensor, mask: Tensor, values: Tensor, pointed: Pointed | None = None
    ) -> tuple[Tensor, Tensor]:
        """Values (B, F + 1, N * channels) of frames 0..F, each given the text and the values (B, F, ...) before it.

        And the heads' logits (B, F + 1, N) of having ended before that frame.
        """
        return self._split(self.heads(self._states(prefix, mask, values, pointed)))

    def _states(self, prefix: Tensor, mask: Tensor, values: Tensor, pointed: Pointed | None) -> Tensor:
        frames = self.mixer(values)
        if self.pointer is not None and pointed is not None:
            frames = frames + self.pointer.told(*pointed)
        return run_trunk(self.trunk, prefix, mask, frames, self.first_place)

    def loss(
        self,
        texts: Sequence[str],
        tokens: Tensor,
        lengths: Tensor,
        languages: Sequence[str] | None = None,
        ended: Tensor | None = None,
        alignment: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return squared error of the values of tokens (B, F, N), and cross-entropy of the end; padding does not count.

        Where `ended` (B,) is false a clip goes on after its tokens, and there is no end to learn. With a pointer, that
        of the letter that each frame signs is added (`alignment` (B, F), a character of the text, -1 of none).
        """
        check_frames(tokens, self.options.max_frames)
        truth = self._values(tokens.long().clamp(0, self.vocab_size - 1))
        prefix, mask = self.prefix(texts, languages)
        pointed = None
        if self.pointer is not None:
            pointed = self.pointer.point(prefix, mask, character_places(texts, alignment, tokens))
        hidden = self._states(prefix, mask, self._sampled(prefix, mask, truth, pointed), pointed)
        made, ends = self._split(self.heads(hidden))
        places, last = torch.arange(ends.shape[1], device=ends.device), lengths.to(ends.device)[:, None]
        errors = mean_where((places < last)[:, :-1], (made[:, :-1].float() - truth).square().mean(-1))
        wanted = (places == last)[..., None].expand_as(ends).float()
        ending = functional.binary_cross_entropy_with_logits(ends.float(), wanted, reduction="none").mean(-1)
        known = places <= last
        if ended is not None:
            known = known & ((places < last) | ended.to(ends.device)[:, None])
        loss, values = errors + mean_where(known, ending), {"value_error": errors.detach()}
        if self.pointer is None or pointed is None:
            return loss, values
        pointing, right = self.pointer.loss(hidden[:, :-1], *pointed, known[:, 1:])
        return loss + pointing, {**values, "letter_accuracy": right}

    def _sampled(self, prefix: Tensor, mask: Tensor, truth: Tensor, pointed: Pointed | None) -> Tensor:
        """Scheduled sampling: each input value is, with probability r, what would be predicted from the true ones."""
        rate = self.options.sampling_rate
        if not self.training or rate == 0:
            return truth
        with torch.no_grad():
            own = self.predict(prefix, mask, truth, pointed)[0][:, :-1].clamp(-1, 1)
        return torch.where(torch.rand(truth.shape, device=truth.device) < rate, own.to(truth), truth)

    @torch.no_grad()
    def generate(
        self,
        texts: Sequence[str],
        *,
        max_frames: int,
        temperature: float = 0.0,
        top_k: int | None = None,
        generator: torch.Generator | None = None,
        languages: Sequence[str] | None = None,
    ) -> list[Tensor]:
        """Return one (F, N) tensor of tokens per text: the predicted values, rounded. No temperature draws anything.

        `max_frames` only guards, and is reported when met.
        """
        if max_frames < 1:
            raise ConfigError(f"A video of {max_frames} frames cannot be made; set max_frames to 1 or more.")
        most, made = min(max_frames, self.options.max_frames), list[Tensor]()
        with evaluating(self):
            for place, text in enumerate(texts):
                made.append(self._generate(text, None if languages is None else [languages[place]], most))
        return made

    def _generate(self, text: str, languages: Sequence[str] | None, max_frames: int) -> Tensor:
        decoding, frames = CachedDecoding(self, [text], languages), list[Tensor]()
        outputs = finite(decoding.start())  # (1, N, values + 1)
        while len(frames) < max_frames:
            frames.append(self._tokens(outputs[..., :-1].flatten(1)))
            outputs = finite(decoding.step(self._values(frames[-1])))
            if bool(says_end(outputs[..., -1] > 0, self.options.eos_rule)):
                break
        else:
            report_cut(1, max_frames)
        return torch.cat(frames)

    @torch.no_grad()
    def align(self, text: str, tokens: Tensor, language: str | None = None) -> list[int] | None:
        """Return which character of a text each frame of its tokens (F, N) signs or comes to, -1 of none.

        As the pointer went when it made them; None where there is no pointer.
        """
        if self.pointer is None:
            return None
        with evaluating(self):
            return letters_signed(self, text, self._values(tokens), language)

    def _split(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Split heads' outputs (N, B, F, values + 1) into values of frames (B, F, all values) and ends (B, F, N)."""
        outputs = outputs.permute(1, 2, 0, 3)
        return outputs[..., :-1].flatten(2), outputs[..., -1]

    def _values(self, tokens: Tensor) -> Tensor:
        """Turn tokens (..., F, N) into values (..., F, N * channels) in [-1, 1]: the first channel counts fastest."""
        level = tokens[..., None] // self.places % self.levels
        return (level * 2 / (self.levels - 1) - 1).flatten(-2).to(self.heads.classify.weight.dtype)

    def _tokens(self, values: Tensor) -> Tensor:
        """Return the nearest tokens of values."""
        values = values.float().unflatten(-1, (self.tokens_per_frame, len(self.levels)))
        level = ((values.clamp(-1, 1) + 1) / 2 * (self.levels - 1)).round().long()
        return (level * self.places).sum(-1)


def _check(config: RegressionTranslator.Config, levels: Sequence[int], vocab_size: int) -> None:
    check_heads(config)
    if config.prediction != "codes":
        raise ConfigError(
            f"translator regression: values are predicted, not {config.prediction}; leave translator.prediction out."
        )
    if prod(levels) != vocab_size:
        raise ConfigError(
            f"translator regression: levels {list(levels)} make {prod(levels)} tokens, and the quantizer has "
            f"{vocab_size}; set translator.levels to quantizer.levels."
        )


def _tokens_per_head(
    config: RegressionTranslator.Config, levels: Sequence[int], tokens_per_frame: int
) -> int:
    """Let a head predict as much as one of `gpt2`: a code, which has four channels in the paper, or four numbers."""
    shared = config.tokens_per_head or (1 if len(levels) > 1 else gcd(CHANNELS, tokens_per_frame))
    if tokens_per_frame % shared:
        raise ConfigError(
            f"translator regression: {tokens_per_frame} tokens do not divide into heads of {shared}; set "
            "translator.tokens_per_head to a divisor."
        )
    return shared
