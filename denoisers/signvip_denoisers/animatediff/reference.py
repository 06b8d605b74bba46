"""Reference Net (section 3.4): what a signer looks like, layer by layer, for the denoiser to attend to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from signvip.errors import ConfigError
from signvip_denoisers.animatediff.attention import LATENTS, Feature, Projection, write_references
from signvip_denoisers.animatediff.onednn import prefer_onednn
from signvip_denoisers.animatediff.unets import build_unet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from diffusers import UNet2DConditionModel

Kept = Literal["last_attention", "last_norm"]
"""The part that the last block keeps: its self-attention, or, as in the authors' code, only the norm before it."""

Timestep = Literal["zero", "sampler"]
"""The timestep that it is given: 0, since its input is clean, or the denoiser's (the authors' code)."""


class ReferenceNet(ModelMixin, ConfigMixin):
    """The denoiser's U-Net beside it, without the layers that come after its last self-attention.

    `reference_concat` is the denoiser's: it then reads the latents too, and finds them beside the tokens.
    `likeness` tells what is usual among the references of its training, as `data.likeness.Likeness`.
    """

    _supports_gradient_checkpointing = True
    spread_by = (Projection,)  # where weights are spread over processes

    @register_to_config
    def __init__(
        self,
        *,
        in_channels: int = 4,
        block_out_channels: Sequence[int] = (320, 640, 1280, 1280),
        layers_per_block: int = 2,
        attention_levels: Sequence[bool] | None = None,
        attention_heads: int = 8,
        norm_num_groups: int = 32,
        cross_attention_dim: int | None = None,
        prompt_tokens: int = 77,
        features: Feature = "attention_output",
        keeps: Kept = "last_attention",
        timestep: Timestep = "zero",
        reference_concat: bool = False,
        likeness: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.unet = build_unet(dict(self.config))
        if keeps == "last_norm" and features != "attention_input":
            raise ConfigError(
                "A Reference Net without its last attention has no output of it to give; "
                "set reference_net.features=attention_input, or reference_net.keeps=last_attention."
            )
        write_references(self.unet, features)
        _trim(self.unet, features)
        if keeps == "last_norm":
            _drop_last_attention(self.unet)
        prefer_onednn(self.unet)
        prompt = None if cross_attention_dim is None else torch.zeros(1, prompt_tokens, cross_attention_dim)
        self.register_buffer("empty_prompt", prompt)

    def silent_parameters(self) -> Iterator[nn.Parameter]:
        """Yield what no gradient reaches: the last attention, where its input is what is read."""
        if self.config["features"] == "attention_input":
            yield from _last_layer(self.unet).attn1.parameters()

    def forward(self, latents: Tensor, timestep: Tensor | int = 0) -> dict[str, Tensor]:
        """Return tokens (B, L, C) by layer name for clean reference latents (B, 4, h, w), beside these where asked for.

        At timestep 0 a clip needs one pass; the authors' weights expect the sampler's.
        """
        collected: dict[str, Tensor] = {}
        if isinstance(timestep, int):  # made where it is read: diffusers would wait for the card to send it
            timestep = torch.full((1,), timestep, device=latents.device)
        self.unet(latents, timestep, self.empty_prompt, cross_attention_kwargs={"collected": collected})
        return {**collected, LATENTS: latents} if self.config["reference_concat"] else collected


class _Collect(nn.Module):
    """In the place of an attention: notes its input (B, L, C), and does nothing."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(
        self, hidden_states: Tensor, *, collected: dict[str, Tensor] | None = None, **_: Any
    ) -> Tensor:
        if collected is not None:
            collected[self.name] = hidden_states
        return hidden_states


def _drop_last_attention(unet: UNet2DConditionModel) -> None:
    layers = unet.up_blocks[-1].attentions[-1].transformer_blocks
    block, place = len(unet.up_blocks) - 1, len(unet.up_blocks[-1].attentions) - 1
    name = f"up_blocks.{block}.attentions.{place}.transformer_blocks.{len(layers) - 1}.attn1"
    layers[-1].attn1 = _Collect(name)


def _last_layer(unet: UNet2DConditionModel) -> Any:
    """Return the transformer layer of the last self-attention, once what comes after it is dropped."""
    return unet.up_blocks[-1].attentions[-1].transformer_blocks[-1]


def _trim(unet: UNet2DConditionModel, features: Feature) -> None:
    """Drop what comes after the last self-attention: it would never get a gradient."""
    blocks = list(unet.up_blocks)
    while not hasattr(blocks[-1], "attentions"):
        blocks.pop()
    unet.up_blocks = nn.ModuleList(blocks)
    blocks[-1].upsamplers = None
    unet.conv_norm_out, unet.conv_act, unet.conv_out = None, None, nn.Identity()
    blocks[-1].attentions[-1].proj_out = nn.Identity()
    layer = _last_layer(unet)
    layer.attn2, layer.norm2, layer.norm3, layer.ff = None, None, nn.Identity(), nn.Identity()
    if features == "attention_input":
        layer.attn1.requires_grad_(False)
