"""Multi-Condition Token Translator (section 3.6, appendix B): text -> GPT-2 -> parallel heads -> tokens."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, Literal

import torch
from packaging.version import Version
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

import signvip
from signvip.errors import ConfigError
from signvip_translators.cached_decoding import CachedDecoding, evaluating, letters_signed
from signvip_translators.frame_loop import Chooser, Decoding, EosRule, decode
from signvip_translators.mixer import TokenMixer, replace_at_random
from signvip_translators.parallel_heads import Bias, ParallelHeads
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
from signvip_translators.pointer import Alignment, Pointed
from signvip_translators.prefix import PrefixKind, TextPrefix
from signvip_translators.static import Compile, StaticDecoding
from signvip_translators.text_encoders import (
    TextSpace,
)
from signvip_translators.token_loss import IGNORED, Prediction, predicting
from signvip_translators.trunk import (
    Activation,
    FinalNorm,
    Positions,
    run_trunk,
)
from signvip_translators.words import character_places

SpecialIds = Literal["eos", "eos+pad"]
"""Ids beside the tokens: [EOS] where one is predicted, or [EOS] and [PAD] in and out (the authors' code)."""
FirstFrame = Literal["after_longest_text", "after_prefix"]
"""The place where frames begin to count: behind the longest text, or right behind the prefix (the authors' code)."""


class Gpt2Translator(nn.Module):
    """Frame by frame from a text to tokens; [EOS] is id V inside and never leaves this class."""

    spread_by = (
        TokenMixer,
        ParallelHeads,
    )  # where weights are spread over processes, one of them is whole at a time

    by_values = "regression"  # its options, and predicts values in the place of codes

    class Config(signvip.Config):
        """Sizes and choices; the defaults are the authors' sizes with the paper's per-word prefix."""

        layers: PositiveInt = 8
        width: PositiveInt = 512
        heads: PositiveInt = 8
        dropout: float = Field(0.1, ge=0, lt=1)
        max_frames: PositiveInt = Field(500, description="longest clip that can be trained on or generated")
        token_width: PositiveInt | None = Field(
            None, description="width of a token's embedding; None is `width`"
        )
        head_width: PositiveInt | None = Field(
            None, description="width of a prediction head; None is `width`"
        )
        head_heads: PositiveInt | None = Field(None, description="attention heads in each; None is `heads`")
        positions: Positions = Field("learned", description="sinusoidal: as in the authors' code")
        sampling_rate: float = Field(
            0.4, ge=0, le=1, description="r of scheduled sampling: inputs made random"
        )
        activation: Activation = Field("gelu_new", description="of the trunk; gelu: the authors' code")
        final_norm: FinalNorm = Field("layer_norm", description="after the trunk; none: the authors' code")
        special_ids: SpecialIds = Field("eos", description="eos+pad: as in the authors' code")
        classifier_bias: Bias = Field(
            "learned", description="of the heads' last layer; none: the authors' code"
        )
        prediction: Prediction = Field(
            "codes",
            description="of a token; digits: those of its code, one by one, as quantizers such as fsq have",
        )
        alignment: Alignment = Field(
            "attention",
            description="of frames with the text; pointer: frames are told their letter, of clips that know it",
        )
        first_frame: FirstFrame = Field(
            "after_longest_text", description="after_prefix: as in the authors' code"
        )
        # the paper names no rule; `any`, the authors', cut more unseen sentences short on a synthetic grammar
        eos_rule: EosRule = Field("majority", description="which heads must say [EOS] to end a clip")
        text_encoder: str = Field(
            "hashed", description="hashed words or bytes (trained along), or a folder or hub id (frozen)"
        )
        text_width: PositiveInt = Field(512, description="channels of a pretrained text encoder")
        text_space: TextSpace = Field(
            "own", description="of a pretrained text encoder; projected: as in the authors' code"
        )
        text_layers: PositiveInt = Field(2, description="layers of a text encoder that is trained along")
        text_buckets: int = Field(4096, ge=2, description="n-gram buckets of the hashed text encoder")
        max_words: PositiveInt = Field(128, description="longest text, in words or word pieces")
        max_bytes: PositiveInt = Field(384, description="longest text of the encoder of bytes, in UTF-8")
        prefix: PrefixKind = Field("tokens", description="initial states: one a word, or one a sentence")
        languages: tuple[str, ...] = Field(
            (),
            description="sign languages (ISO 639-3), where there are several; the first is of texts that name none",
        )

    def __init__(
        self, config: Config, tokens_per_frame: int, vocab_size: int, digits: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        check_heads(config)
        self.options, self.vocab_size = config, vocab_size
        self._compile: Compile | None = None
        width = config.width
        self.first_place, self.longest_text = first_place(config), longest_text(config)
        padded = config.special_ids == "eos+pad"
        self.prediction = predicting(config.prediction, vocab_size, digits, padded)
        self.languages, self.unit = config.languages, unit_of(config)
        self.prefix = TextPrefix(*text_encoder(config), width, config.prefix, config.languages)
        self.mixer = TokenMixer(tokens_per_frame, vocab_size + 2 * padded, config.token_width or width, width)
        self.pointer = pointer_of(config)
        self.trunk = trunk_of(config)
        self.heads = heads_of(config, tokens_per_frame, self.prediction.outputs)

    @property
    def unread_parameters(self) -> int:
        """Return the size of a table of positions that the authors' translator holds beside sines and never reads."""
        config = self.options
        return (config.max_frames + 1) * config.width if config.positions == "sinusoidal" else 0

    def logits(
        self,
        texts: Sequence[str],
        tokens: Tensor,
        languages: Sequence[str] | None = None,
        alignment: Tensor | None = None,
    ) -> Tensor:
        """Return the logits (N, B, F + 1, V + 1) of frames 0..F, each given the text and the tokens before it."""
        return self.prediction.logits(self._outputs(self._states(texts, tokens, languages, alignment)[0]))

    def _states(
        self,
        texts: Sequence[str],
        tokens: Tensor,
        languages: Sequence[str] | None,
        alignment: Tensor | None,
    ) -> tuple[Tensor, Pointed | None]:
        """Return the trunk's states (B, F + 1, C), each of the text and frames before it, and what was pointed at."""
        prefix, mask = self.prefix(texts, languages)
        frames, pointed = self.mixer(tokens), None
        if self.pointer is not None:
            pointed = self.pointer.point(prefix, mask, character_places(texts, alignment, tokens))
            frames = frames + self.pointer.told(*pointed)
        return run_trunk(self.trunk, prefix, mask, frames, self.first_place), pointed

    def _outputs(self, hidden: Tensor) -> Tensor:
        """Return the heads' outputs (N, B, F + 1, outputs), which `prediction` reads."""
        outputs = self.heads(hidden)
        return outputs if self.training else outputs[..., : self.prediction.kept]

    def loss(
        self,
        texts: Sequence[str],
        tokens: Tensor,
        lengths: Tensor,
        languages: Sequence[str] | None = None,
        ended: Tensor | None = None,
        alignment: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the cross-entropy of Eq. 7 for tokens (B, F, N), padded past `lengths` (B,); and accuracies to log.

        The mean is over all tokens that are not padding, as in the authors' code: long clips weigh more. Where
        `ended` (B,) is false a clip goes on after its tokens, and there is no [EOS] to learn. With a pointer, that of
        the letter that each frame signs is added (`alignment` (B, F), a character of the text, -1 of none).
        """
        check_frames(tokens, self.options.max_frames)
        targets = self._targets(tokens.long(), lengths, ended)  # (N, B, F + 1)
        inputs = tokens.long().clamp(0, self.vocab_size - 1)
        if self.training:
            inputs = replace_at_random(inputs, self.options.sampling_rate, self.vocab_size)
        hidden, pointed = self._states(texts, inputs, languages, alignment)
        outputs = self._outputs(hidden)
        loss = self.prediction.loss(outputs, targets)
        values = self._accuracies(self.prediction.best(outputs.detach()), targets)
        if self.pointer is None or pointed is None:
            return loss, values
        known = targets[0, :, 1:] != IGNORED  # of a clip that was cut nobody knows the next letter
        pointing, right = self.pointer.loss(hidden[:, :-1], *pointed, known)
        return loss + pointing, {**values, "letter_accuracy": right}

    def rehearse(self, clips: int, frames: int) -> Tensor:
        """Return outputs of a training step of this size on empty input: what it takes in memory, no text is read."""
        device, dtype = self.mixer.embed.weight.device, self.mixer.embed.weight.dtype
        words = 1 if self.options.prefix == "sentence" else longest_text(self.options)
        prefix = torch.zeros(clips, words, self.options.width, device=device, dtype=dtype)
        tokens = torch.zeros(clips, frames, self.heads.count, device=device, dtype=torch.long)
        states = torch.cat([prefix, self.mixer(tokens)], dim=1)
        mask = states.new_zeros(1, 1, states.shape[1], states.shape[1])  # ready-made: its making reads values
        output = self.trunk(inputs_embeds=states, attention_mask=mask, use_cache=False)
        return self.heads(output.last_hidden_state[:, words - 1 :])

    @torch.no_grad()
    def generate(
        self,
        texts: Sequence[str],
        *,
        max_frames: int,
        temperature: float = 0.0,
        top_k: int | None = None,
        generator: torch.Generator | None = None,
        generators: Sequence[torch.Generator] | None = None,
        languages: Sequence[str] | None = None,
    ) -> list[Tensor]:
        """Return one (F, N) tensor of tokens per text; each ends where the heads said [EOS] by `eos_rule`.

        A text's result does not depend on its neighbours where it has its own of `generators`, or nothing is drawn;
        `max_frames` only guards, and is reported when met.
        """
        if max_frames < 1:
            raise ConfigError(f"A video of {max_frames} frames cannot be made; set max_frames to 1 or more.")
        chooser = Chooser(
            temperature, top_k, generators or [generator or torch.default_generator] * len(texts)
        )
        frames = min(max_frames, self.options.max_frames)
        with evaluating(self):
            return decode(self._decoding(texts, languages, frames), chooser, self.options.eos_rule, frames)

    @torch.no_grad()
    def align(self, text: str, tokens: Tensor, language: str | None = None) -> list[int] | None:
        """Return which character of a text each frame of its tokens (F, N) signs or comes to, -1 of none.

        As the pointer went when it made them; None where there is no pointer.
        """
        if self.pointer is None:
            return None
        with evaluating(self):
            return letters_signed(self, text, tokens, language)

    def compile(self, *arguments: Any, **options: Any) -> None:
        """Compile the step of `generate` as `torch.compile` is told, for CUDA; the first clip then takes minutes."""
        if Version(version("transformers")) < Version("5"):
            raise ConfigError(
                "The caches of this transformers break a compiled step; run: pip install 'transformers>=5'"
            )
        self._compile = partial(torch.compile, *arguments, **options)
        self._static: dict[tuple[int, int], StaticDecoding] = {}

    def _decoding(self, texts: Sequence[str], languages: Sequence[str] | None, frames: int) -> Decoding:
        if self._compile is None:
            return CachedDecoding(self, texts, languages)
        size = len(texts), frames
        if size not in self._static:
            # one set of buffers is enough
            self._static = {size: StaticDecoding(self, *size, compile=self._compile)}
        return self._static[size].begin(texts, languages)

    def _targets(self, tokens: Tensor, lengths: Tensor, ended: Tensor | None) -> Tensor:  # (N, B, F + 1)
        places = torch.arange(tokens.shape[1] + 1, device=tokens.device)[None, :, None]
        ends = lengths.to(tokens.device)[:, None, None]
        padded = functional.pad(tokens, (0, 0, 0, 1)).masked_fill(places == ends, self.vocab_size)
        unknown = places > ends
        if ended is not None:
            unknown = unknown | ((places == ends) & ~ended.to(tokens.device)[:, None, None])
        return padded.masked_fill(unknown, IGNORED).permute(2, 0, 1)

    def _accuracies(self, best: Tensor, targets: Tensor) -> dict[str, Tensor]:
        right = (best == targets).float()
        words, ends = (targets >= 0) & (targets < self.vocab_size), targets == self.vocab_size
        return {"token_accuracy": mean_where(words, right), "eos_accuracy": mean_where(ends, right)}
