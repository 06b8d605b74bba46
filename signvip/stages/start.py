"""What stage I starts from: the published weights that `[start]` names, copied into new networks (section 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from signvip_denoisers.animatediff.start import (
    check_vae,
    check_whole,
    copy_motion,
    copy_unet,
    embed_empty_prompt,
)

from signvip.models.published import read_published
from signvip.models.vae import build_vae, vae_class

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

    from signvip.config import RunConfig, Start
    from signvip.models import Denoiser, ReferenceNet

Say = Callable[[str], None]


def published_vae(config: RunConfig) -> AutoencoderKL:
    """The VAE that `start.vae` names; ConfigError where it is not of the size of [vae]."""
    assert config.start.vae is not None
    vae: AutoencoderKL = read_published("vae", config.start.vae, vae_class(config.vae))
    check_vae(vae, build_vae(**config.vae))
    return vae


def start_image(start: Start, denoiser: Denoiser, reference_net: ReferenceNet, say: Say) -> None:
    """Fill both U-Nets, and the empty prompt of both, with what is named."""
    if start.unet is not None:
        _start_unets(start.unet, denoiser, reference_net, say)
    if start.text_encoder is not None:
        _start_prompt(start.text_encoder, denoiser, reference_net, say)


def start_motion(start: Start, denoiser: Denoiser, say: Say) -> None:
    """Fill the temporal attentions of a video denoiser with what is named; a guider's are in no published weights."""
    if start.motion is None:
        return
    from diffusers import MotionAdapter

    adapter = read_published("motion", start.motion, MotionAdapter)
    lone = copy_motion(adapter, denoiser)
    say(f"Motion of the denoiser starts from {start.motion}{_mid_block(lone, denoiser)}.")


def _start_unets(source: str, denoiser: Denoiser, reference_net: ReferenceNet, say: Say) -> None:
    from diffusers import UNet2DConditionModel

    unet = read_published("unet", source, UNet2DConditionModel)
    check_whole(unet, denoiser)
    for name, network in (("Denoiser", denoiser), ("ReferenceNet", reference_net)):
        left = copy_unet(unet, network)
        rest = f"; {left / 1e6:.1f} M of its weights have no place there" if left else ""
        say(f"{name} starts from {source}{rest}.")


def _start_prompt(source: str, denoiser: Denoiser, reference_net: ReferenceNet, say: Say) -> None:
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


def _mid_block(lone: list[str], denoiser: Denoiser) -> str:
    if not lone:
        return ""
    if denoiser.config["motion_mid_block"]:
        return "; it has no module for the mid block, which starts at zero"
    return (
        "; its module of the mid block is left out, since this denoiser has none (denoiser.motion_mid_block)"
    )
