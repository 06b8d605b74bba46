"""Parts of a translator from its options: what those that go frame by frame have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch import Tensor, nn

from signvip.errors import ConfigError, DataError
from signvip_translators.parallel_heads import ParallelHeads
from signvip_translators.pointer import Pointer
from signvip_translators.text_encoders import ByteTextEncoder, HashedTextEncoder, PretrainedTextEncoder
from signvip_translators.trunk import build_trunk

if TYPE_CHECKING:
    from transformers import GPT2Model

    from signvip_translators.gpt2 import Gpt2Translator


def check_frames(tokens: Tensor, most: int) -> None:
    """Refuse clips (B, F, N) of no frames, or of more than there are places for; by shape, which costs nothing."""
    if not 1 <= tokens.shape[1] <= most:
        raise DataError(
            f"Clips of up to {tokens.shape[1]} frames do not fit this translator, which takes 1 to {most}; set "
            "translator.max_frames higher, or leave such clips out."
        )


def mean_where(chosen: Tensor, values: Tensor) -> Tensor:
    """Return the mean of the chosen values, 0 where there are none; picking them out would wait for the card."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)


def first_place(config: Gpt2Translator.Config) -> int:
    """Return the position of the first frame."""
    if config.first_frame == "after_longest_text":
        return longest_text(config) + 1
    if config.prefix == "tokens":
        raise ConfigError(
            "translator: frames right behind a prefix of words would start at another place for each text; "
            "set translator.prefix=sentence, or translator.first_frame=after_longest_text."
        )
    return 1


def longest_text(config: Gpt2Translator.Config) -> int:
    """Return the most words, word pieces or bytes that a text may have."""
    return config.max_bytes if config.text_encoder == "bytes" else config.max_words


def unit_of(config: Gpt2Translator.Config) -> Literal["words", "letters"]:
    """Return the unit that a text is made of for the encoder that was chosen."""
    return "letters" if config.text_encoder == "bytes" else "words"


def pointer_of(config: Gpt2Translator.Config) -> Pointer | None:
    """Return the pointer, if one is wanted; ConfigError for a text whose states are not those of its letters."""
    if config.alignment == "attention":
        return None
    if config.text_encoder != "bytes" or config.prefix != "tokens":
        raise ConfigError(
            "translator: a pointer needs a state for each letter; set translator.text_encoder=bytes and "
            "translator.prefix=tokens, or translator.alignment=attention."
        )
    return Pointer(config.width)


def text_encoder(config: Gpt2Translator.Config) -> tuple[nn.Module, int]:
    """Return the text encoder, and how many channels it gives."""
    sizes = config.width, config.text_layers, config.heads, config.dropout
    if config.text_encoder == "bytes":
        return ByteTextEncoder(*sizes, config.max_bytes), config.width
    if config.text_encoder != "hashed":
        pretrained = PretrainedTextEncoder(
            config.text_encoder, config.text_width, config.max_words, config.text_space
        )
        return pretrained, config.text_width
    return HashedTextEncoder(*sizes, config.text_buckets, config.max_words), config.width


def check_heads(config: Gpt2Translator.Config) -> None:
    """Refuse widths that do not divide into attention heads."""
    head_width, head_heads = config.head_width or config.width, config.head_heads or config.heads
    if config.width % config.heads or head_width % head_heads:
        raise ConfigError(
            f"translator: widths {config.width} and {head_width} do not divide into {config.heads} and "
            f"{head_heads} attention heads; choose multiples for width and heads, head_width and head_heads."
        )


def trunk_of(config: Gpt2Translator.Config) -> GPT2Model:
    """Return the trunk, with places for the longest text and for the frames."""
    return build_trunk(
        config.layers,
        config.width,
        config.heads,
        config.dropout,
        first_place(config) + config.max_frames,
        config.positions,
        config.activation,
        config.final_norm,
    )


def heads_of(config: Gpt2Translator.Config, count: int, outputs: int) -> ParallelHeads:
    """Return so many heads of so many outputs each."""
    return ParallelHeads(
        count,
        config.width,
        config.head_width or config.width,
        config.head_heads or config.heads,
        outputs,
        config.dropout,
        config.classifier_bias,
    )
