"""Published weights into the networks of stage I (section 4.1): every weight finds its place, or it is said.

A shape or a name that does not fit is an error; so is an option that no shape shows, such as the number of heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from signvip.contracts import Say
from signvip.errors import ConfigError
from signvip.models.published import read_published
from signvip_denoisers.animatediff.unets import is_motion

if TYPE_CHECKING:
    from diffusers import MotionAdapter, UNet2DConditionModel

    from signvip_denoisers.animatediff import Denoiser, ReferenceNet

# What changes a U-Net's results and no shape of a weight.
SILENT = ("norm_num_groups", "norm_eps", "act_fn", "flip_sin_to_cos", "freq_shift", "center_input_sample")
TEXT = (".attn2.", ".norm2.")  # of a transformer block: attention to text, which a U-Net may lack


def start_unets(source: str, denoiser: Denoiser, reference_net: ReferenceNet, say: Say) -> None:
    """Fill both U-Nets."""
    from diffusers import UNet2DConditionModel

    unet = read_published("unet", source, UNet2DConditionModel)
    check_whole(unet, denoiser)
    for name, network in (("Denoiser", denoiser), ("ReferenceNet", reference_net)):
        left = copy_unet(unet, network)
        rest = f"; {left / 1e6:.1f} M of its weights have no place there" if left else ""
        say(f"{name} starts from {source}{rest}.")


def start_prompt(source: str, denoiser: Denoiser, reference_net: ReferenceNet, say: Say) -> None:
    """Fill the empty prompt of both."""
    if denoiser.empty_prompt is None:
        say("start.text_encoder is not read: this denoiser has no attention to text.")
        return
    from transformers import CLIPTextModel, CLIPTokenizer

    tokenizer = read_published("tokenizer", source, CLIPTokenizer, option="text_encoder")
    text_encoder = read_published("text_encoder", source, CLIPTextModel)
    prompt = embed_empty_prompt(tokenizer, text_encoder, denoiser.empty_prompt)
    for network in (denoiser, reference_net):
        network.empty_prompt.copy_(prompt)
    say(f"The empty prompt was embedded by {source}.")


def start_motion(source: str, denoiser: Denoiser, say: Say) -> None:
    """Fill the temporal attentions of a video denoiser."""
    from diffusers import MotionAdapter

    adapter = read_published("motion", source, MotionAdapter)
    lone = copy_motion(adapter, denoiser)
    say(f"Motion of the denoiser starts from {source}{_mid_block(lone, denoiser)}.")


def copy_unet(published: UNet2DConditionModel, network: Denoiser | ReferenceNet) -> int:
    """Copy a U-Net into a denoiser or a ReferenceNet; the number of its weights that have no place there."""
    theirs, ours = published.config, network.unet.config
    _agree("unet", {name: theirs[name] for name in SILENT}, {name: ours[name] for name in SILENT})
    _agree(
        "unet", {"attention_heads": _heads(theirs)}, {"attention_heads": network.config["attention_heads"]}
    )
    weights, places = published.state_dict(), network.unet.state_dict()
    places = {name: place for name, place in places.items() if not is_motion(name)}
    return _copy("unet", weights, places)


def check_whole(published: UNet2DConditionModel, denoiser: Denoiser) -> None:
    """Raise ConfigError where a U-Net has more than the denoiser, attention to text apart."""
    places = denoiser.unet.state_dict()
    left = [name for name in published.state_dict() if name not in places]
    left = [
        name for name in left if not ("transformer_blocks" in name and any(word in name for word in TEXT))
    ]
    if left:
        raise ConfigError(
            f"start.unet has {len(left)} weights that the denoiser lacks, such as {left[0]}; "
            "give [denoiser] the options of that U-Net."
        )


def copy_motion(published: MotionAdapter, denoiser: Denoiser) -> list[str]:
    """Copy motion modules into a video denoiser; the names of the blocks that only one of the two has.

    Positions are not copied: both sides hold the same table of sines, as long as each allows.
    """
    theirs, ours = published.config, denoiser.config
    _agree(
        "motion",
        {"heads": theirs["motion_num_attention_heads"], "groups": theirs["motion_norm_num_groups"]},
        {"heads": ours["motion_heads"], "groups": ours["norm_num_groups"]},
    )
    weights = _motion(published)
    places = _motion(denoiser.unet)
    lone = sorted({_block(name) for name in weights} ^ {_block(name) for name in places})
    if [block for block in lone if block != "mid_block"]:
        raise ConfigError(
            f"start.motion and the denoiser do not have the same blocks ({', '.join(lone)}); "
            "give [denoiser] the block_out_channels of those modules."
        )
    kept = {name: place for name, place in places.items() if _block(name) not in lone}
    left = {name: weight for name, weight in weights.items() if _block(name) not in lone}
    if _copy("motion", left, kept):
        raise ConfigError(
            "start.motion has more modules than the denoiser; give [denoiser] their layers_per_block."
        )
    return lone


@torch.no_grad()
def embed_empty_prompt(tokenizer: Any, text_encoder: Any, place: Tensor) -> Tensor:
    """Return what Stable Diffusion's attention to text reads for an empty prompt, for a `place` (1, tokens, C)."""
    ids = tokenizer("", padding="max_length", max_length=place.shape[1], truncation=True, return_tensors="pt")
    # a published encoder may be stored, and so loaded, in half precision
    prompt = text_encoder.float()(ids.input_ids)[0]
    if prompt.shape != place.shape:
        raise ConfigError(
            f"start.text_encoder gives {_shape(prompt)}, and the denoiser reads {_shape(place)}; "
            "set denoiser.cross_attention_dim and denoiser.prompt_tokens to its sizes."
        )
    return prompt


@torch.no_grad()
def _copy(part: str, weights: Mapping[str, Tensor], places: Mapping[str, Tensor]) -> int:
    """Fill every place with the weight of its name; the number of elements that are left over."""
    unfit = [name for name, place in places.items() if _shape(weights.get(name)) != _shape(place)]
    if unfit:
        name = unfit[0]
        raise ConfigError(
            f"start.{part} does not fit [denoiser]: {len(unfit)} weights have another shape or are missing, such as "
            f"{name} ({_shape(weights.get(name))}, needed {_shape(places[name])}); give [denoiser] the sizes of those "
            "weights."
        )
    for name, place in places.items():
        place.copy_(weights[name])
    return sum(weight.numel() for name, weight in weights.items() if name not in places)


def _motion(network: nn.Module) -> dict[str, Tensor]:
    return {
        name: weight
        for name, weight in network.state_dict().items()
        if is_motion(name) and not name.endswith("pos_embed.pe")
    }


def _agree(part: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    for name, value in ours.items():
        if theirs[name] != value:
            raise ConfigError(
                f"start.{part} was trained with {name}={theirs[name]}, and this run has {value}; "
                f"set {name} of [denoiser] to that."
            )


def _heads(config: Mapping[str, Any]) -> Any:
    """`attention_head_dim` of Stable Diffusion 1.5 is its number of heads, whatever it is called."""
    return config["num_attention_heads"] or config["attention_head_dim"]


def _block(name: str) -> str:
    """`mid_block`, `down_blocks.0`: the block that a weight is in."""
    first, second = name.split(".")[:2]
    return f"{first}.{second}" if second.isdigit() else first


def _shape(weight: Tensor | None) -> str:
    return "missing" if weight is None else "x".join(str(size) for size in weight.shape)


def _mid_block(lone: list[str], denoiser: Denoiser) -> str:
    if not lone:
        return ""
    if denoiser.config["motion_mid_block"]:
        return "; it has no module for the mid block, which starts at zero"
    return (
        "; its module of the mid block is left out, since this denoiser has none (denoiser.motion_mid_block)"
    )
