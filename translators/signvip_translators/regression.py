"""A translator without a vocabulary, for the ablation of Figure 3c: it predicts the latent's values by regression.

The values travel as tokens of an FSQ with so many levels that rounding hardly matters: at 32 levels a step is a
thirty-first of the range, and what is lost a thousandth of the variance of a uniform value.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from signvip.errors import ConfigError
from signvip_translators.gpt2 import Gpt2Translator, check_frames, first_place, mean_where, text_encoder
from signvip_translators.mixer import replace_at_random
from signvip_translators.prefix import TextPrefix
from signvip_translators.trunk import build_trunk, prefix_places, run_trunk


class RegressionTranslator(nn.Module):
    """The text, prefix and trunk of `gpt2`; frames go in and come out as values in [-1, 1], not as tokens."""

    levels: Tensor
    places: Tensor

    class Config(Gpt2Translator.Config):
        """As `gpt2`, whose options of tokens and heads are not read."""

        levels: tuple[Annotated[int, Field(ge=2)], ...] = Field(
            (),
            description="levels of the quantizer's channels; none: one channel of as many as there are tokens",
        )

    def __init__(self, config: Config, tokens_per_frame: int, vocab_size: int) -> None:
        super().__init__()
        levels = config.levels or (vocab_size,)
        if prod(levels) != vocab_size:
            raise ConfigError(
                f"translator regression: levels {list(levels)} make {prod(levels)} tokens, and the quantizer has "
                f"{vocab_size}; set translator.levels to quantizer.levels."
            )
        self.options, self.vocab_size, self.tokens_per_frame = config, vocab_size, tokens_per_frame
        self.first_place, width = first_place(config), config.width
        self.languages = config.languages
        self.prefix = TextPrefix(*text_encoder(config), width, config.prefix, config.languages)
        values = tokens_per_frame * len(levels)
        self.mixer = nn.Sequential(nn.Linear(values, width), nn.LayerNorm(width), nn.GELU())
        self.trunk = build_trunk(
            config.layers,
            width,
            config.heads,
            config.dropout,
            self.first_place + config.max_frames,
            config.positions,
            config.activation,
            config.final_norm,
        )
        self.head, self.end = nn.Linear(width, values), nn.Linear(width, 1)
        places = [prod(levels[:channel]) for channel in range(len(levels))]
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("places", torch.tensor(places), persistent=False)

    def loss(
        self,
        texts: Sequence[str],
        tokens: Tensor,
        lengths: Tensor,
        languages: Sequence[str] | None = None,
        ended: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared error of the values of tokens (B, F, N), and cross-entropy of the end; padding does not count.

        Where `ended` (B,) is false a clip goes on after its tokens, and there is no end to learn.
        """
        check_frames(tokens, self.options.max_frames)
        inputs = tokens.long().clamp(0, self.vocab_size - 1)
        truth = self._values(inputs)
        if self.training:
            inputs = replace_at_random(inputs, self.options.sampling_rate, self.vocab_size)
        prefix, mask = self.prefix(texts, languages)
        frames = self.mixer(self._values(inputs))
        states = run_trunk(self.trunk, prefix, mask, frames, self.first_place)
        places, ends = torch.arange(states.shape[1], device=states.device), lengths.to(states.device)[:, None]
        inside = (places < ends)[:, :-1]
        errors = mean_where(inside, (self.head(states[:, :-1]).float() - truth).square().mean(-1))
        chances = self.end(states)[..., 0].float()
        ending = functional.binary_cross_entropy_with_logits(
            chances, (places == ends).float(), reduction="none"
        )
        known = places <= ends if ended is None else (places < ends) | (places == ends) & ended[:, None]
        return errors + mean_where(known, ending), {"value_error": errors.detach()}

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
        """One (F, N) tensor of tokens per text: the predicted values, rounded. Nothing is drawn at any temperature."""
        if max_frames < 1:
            raise ConfigError(f"A video of {max_frames} frames cannot be made; set max_frames to 1 or more.")
        training = self.training
        self.eval()
        try:
            return [
                self._generate(text, None if languages is None else [languages[place]], max_frames)
                for place, text in enumerate(texts)
            ]
        finally:
            self.train(training)

    def _generate(self, text: str, languages: Sequence[str] | None, max_frames: int) -> Tensor:
        from transformers import DynamicCache

        cache = DynamicCache(config=self.trunk.config)
        states, mask = self.prefix([text], languages)
        places, frames = prefix_places(mask), list[Tensor]()
        while len(frames) < min(max_frames, self.options.max_frames):
            output = self.trunk(
                inputs_embeds=states, position_ids=places, past_key_values=cache, use_cache=True
            )
            state = output.last_hidden_state[:, -1:]
            if frames and float(self.end(state)) > 0:
                break
            frames.append(self._tokens(self.head(state))[0, 0])
            places = torch.full((1, 1), self.first_place + len(frames) - 1, device=mask.device)
            states = self.mixer(self._values(frames[-1][None, None]))
        return torch.stack(frames)

    def _values(self, tokens: Tensor) -> Tensor:
        """Tokens (..., F, N) to values (..., F, N * channels) in [-1, 1]: the first channel counts fastest."""
        level = tokens[..., None] // self.places % self.levels
        return (level * 2 / (self.levels - 1) - 1).flatten(-2).to(self.head.weight.dtype)

    def _tokens(self, values: Tensor) -> Tensor:
        """The nearest tokens of values."""
        values = values.float().unflatten(-1, (self.tokens_per_frame, len(self.levels)))
        level = ((values.clamp(-1, 1) + 1) / 2 * (self.levels - 1)).round().long()
        return (level * self.places).sum(-1)
