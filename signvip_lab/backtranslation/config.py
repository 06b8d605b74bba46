"""Options of a back-translator: preset < `--set key=value` < flag, checked all at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field, PositiveInt, ValidationError, field_validator

from signvip.config import Training
from signvip.contracts import Config
from signvip.errors import ConfigError
from signvip.settings import Fraction, explain, keys_of, merge, parse_setting

Modality = Literal["pose", "video"]
MODALITIES = ("pose", "video")
PRESETS = ("small", "slt")
STEM = 4  # the first convolution takes squares of so many pixels


class TranslatorSizes(Config):
    """Of the encoder and of the decoder alike."""

    width: PositiveInt
    layers: PositiveInt
    heads: PositiveInt
    feedforward: PositiveInt
    dropout: Fraction = 0.1
    halvings: PositiveInt = Field(1, description="convolutions over time, each of which halves the frames")
    max_words: PositiveInt = 30


class Frames(Config):
    """The network that reads pictures."""

    size: tuple[PositiveInt, PositiveInt] = Field(description="pictures are resized to (H, W)")
    channels: tuple[PositiveInt, ...] = Field(description="the first at a quarter of the size, then halving")
    width: PositiveInt
    start: Literal["poses", "random"] = Field(
        "poses", description="video: from the network that learned keypoints, where the clips have them"
    )
    shift: Fraction = Field(0.0, description="training moves a clip by up to so much of the picture")
    light: Fraction = Field(0.0, description="and changes its contrast and brightness by up to so much")
    blur: float = Field(
        0.0, ge=0, le=0.25, description="and softens it: a Gaussian's deviation, up to so much of the picture"
    )

    @field_validator("channels")
    @classmethod
    def _some(cls, channels: tuple[int, ...]) -> tuple[int, ...]:
        if not channels:
            raise ValueError("a network needs at least one layer")
        return channels


class BackTranslatorConfig(Config):
    """Everything that makes a back-translator what it is; `corpus` is what it was trained on."""

    preset: str
    modality: Modality
    seed: int = 0
    precision: Literal["no", "fp16", "bf16"] = "no"
    estimator: str | None = Field(None, description="what finds keypoints; None is a network trained here")
    gloss_weight: float = Field(
        0.0, ge=0, description="of the CTC loss of glosses, where all clips have them"
    )
    translator: TranslatorSizes
    frames: Frames
    poses: Training
    texts: Training
    corpus: dict[str, Any] = Field(default_factory=dict)


def load_back_translator_config(
    preset: str, settings: Sequence[str] = (), flags: Mapping[str, Any] | None = None
) -> BackTranslatorConfig:
    """Merge the three layers and validate them; ConfigError lists every fault at once."""
    if preset not in PRESETS:
        raise ConfigError(
            f"There is no back-translator of the size '{preset}'; choose {' or '.join(PRESETS)}."
        )
    text = files("signvip_lab.backtranslation").joinpath(f"{preset}.toml").read_text(encoding="utf-8")
    values: dict[str, Any] = {"preset": preset, **tomllib.loads(text)}
    for setting in settings:
        values = merge(values, parse_setting(setting))
    return parse_back_translator_config(merge(values, flags or {}))


def parse_back_translator_config(values: Mapping[str, Any]) -> BackTranslatorConfig:
    """Validate a whole configuration, as `evaluator.json` stores it."""
    try:
        config = BackTranslatorConfig(**values)
    except ValidationError as error:
        raise ConfigError(
            explain(error, prefix="back-translator", known=keys_of(BackTranslatorConfig))
        ) from error
    _check_sizes(config)
    return config


def _check_sizes(config: BackTranslatorConfig) -> None:
    factor = STEM * 2 ** (len(config.frames.channels) - 1)
    if any(side % factor for side in config.frames.size):
        raise ConfigError(
            f"frames.size {list(config.frames.size)} cannot be halved by {len(config.frames.channels)} layers; "
            f"use multiples of {factor}, or fewer frames.channels."
        )
    if config.translator.width % (2 * config.translator.heads):
        raise ConfigError(
            f"translator.width {config.translator.width} is not an even multiple of {config.translator.heads} heads; "
            "change one of them."
        )
