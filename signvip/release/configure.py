"""The configuration of an imported run: a preset of the authors' code, with the sizes that the weights have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from signvip.config import RunConfig, parse_config, read_preset
from signvip.errors import DataError
from signvip.registry import build
from signvip.release import shapes
from signvip.release.files import Contents
from signvip.settings import Options, merge, parse_setting

PRESETS = {12: "rwth-release", 64: "how2sign-release"}  # by tokens per frame


def configure(
    contents: Contents,
    spatial: Mapping[str, Tensor],  # the denoiser's U-Net, by the names of Stable Diffusion
    vae: Mapping[str, Any] | None,  # configuration of the VAE; None where there is none
    prompt: Tensor | None,  # states (1, T, C) of the empty prompt
    preset: str | None,
    settings: Sequence[str],
) -> RunConfig:
    """Preset < shapes < settings; DataError where the parts do not fit each other."""
    heads = shapes.tokens_per_frame(contents.of("translator"))
    values: Options = read_preset(preset or PRESETS.get(heads, "rwth-release"))
    values = merge({"preset": preset or PRESETS.get(heads, "rwth-release"), **values}, _measured(contents))
    if vae is not None:
        values["vae"] = {name: vae[name] for name in values["vae"]}
    temporal = {**spatial, **contents.of("guider"), **contents.of("motion")}
    if spatial:
        values["denoiser"] |= shapes.unet(spatial) | shapes.motion(temporal)
    if prompt is not None:
        values["denoiser"]["prompt_tokens"] = prompt.shape[1]
    for setting in settings:
        values = merge(values, parse_setting(setting))
    config = parse_config(values)
    _check_conditions(config, contents)
    _check_codes(config, contents)
    return config


def check_tokens(config: RunConfig, contents: Contents, tokens: int) -> None:
    """DataError where frames of this size do not have as many tokens as the translator has heads."""
    heads = shapes.tokens_per_frame(contents.of("translator"))
    if heads and heads != tokens:
        raise DataError(
            f"This translator makes {heads} tokens a frame, but frames of {config.size[0]}x{config.size[1]} have "
            f"{tokens}; set the size it was trained for, such as --set size=[272,224]."
        )


def _measured(contents: Contents) -> Options:
    measures = {
        "condition_encoder": shapes.condition_encoder,
        "autoencoder": shapes.autoencoder,
        "translator": shapes.translator,
    }
    return {part: measure(contents.of(part)) for part, measure in measures.items() if contents.of(part)}


def _check_conditions(config: RunConfig, contents: Contents) -> None:
    count = shapes.conditions_of(contents.of("condition_encoder"))
    if count and count != len(config.conditions):
        raise DataError(
            f"These weights read {count} conditions, and the preset names "
            f"{len(config.conditions)} ({', '.join(config.conditions)}); choose another --preset."
        )


def _check_codes(config: RunConfig, contents: Contents) -> None:
    ids, name, options = (
        shapes.ids(contents.of("translator")),
        config.quantizer.name,
        config.quantizer.options,
    )
    codes = build("quantizer", name, **options).vocab_size
    if ids and ids != codes + 2:
        raise DataError(
            f"This translator knows {ids - 2} codes, and {name} with {options} has {codes}; set the options it was "
            "trained with by --set quantizer.OPTION=VALUE."
        )
