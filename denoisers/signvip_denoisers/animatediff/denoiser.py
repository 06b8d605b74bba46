"""Denoising U-Net (section 3.4): noise in latents, guided by conditions and by a reference picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from signvip_denoisers.animatediff.attention import (
    LATENTS,
    Projection,
    Prompt,
    Reference,
    project_prompt,
    project_reference,
    read_references,
)
from signvip_denoisers.animatediff.detail import Detail
from signvip_denoisers.animatediff.onednn import prefer_onednn
from signvip_denoisers.animatediff.unets import (
    Motion,
    MotionNorm,
    ResnetNorm,
    TemporalTransformer,
    add_motion,
    build_motion_unet,
    build_unet,
    is_motion,
    over_windows,
    set_motion_norm,
    set_resnet_norm,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNET_OPTIONS = (
    "in_channels",
    "block_out_channels",
    "layers_per_block",
    "attention_levels",
    "attention_heads",
    "norm_num_groups",
    "cross_attention_dim",
    "prompt_tokens",
    "reference_concat",
)
GUIDER_OPTIONS = (
    "block_out_channels",
    "norm_num_groups",
    "motion",
    "motion_heads",
    "motion_max_frames",
    "motion_norm",
)


SPREAD = (Projection, TemporalTransformer)
"""Beside resnets and feed-forwards: attentions take references by a dictionary, which FSDP2 copies."""

CONV_IN = "conv_in"  # of a projected reference: what its latents add to the output of that layer


@dataclass
class DeepCache:
    """The inner blocks' output, kept for steps that run the outermost ones alone (arXiv:2312.00858).

    An empty one is filled, a filled one is read: who empties it decides how often the inner blocks run.
    """

    features: Tensor | None = None  # (B*F, C, h, w), on its way into the last up block

    def read(self, frames: int) -> Tensor | None:
        """Features of so many frames, if there are: of both halves of guidance the last is the conditional one."""
        held = self.features
        return None if held is None or len(held) < frames else held[len(held) - frames :]


class Denoiser(ModelMixin, ConfigMixin):
    """A diffusers U-Net, for images (`motion="none"`) or for videos (`motion="temporal_attention"`).

    Both have the same spatial weights under the same names; `with_motion` turns the first into the second.
    `cross_attention_dim` is None for a U-Net without attention to text: the paper's blocks have none. Stable
    Diffusion's have it, and are fed the embedding of the empty prompt.

    With `reference_concat` every frame's input is the noisy latents and the reference's, one on top of the other: what
    is finer than attention's cells then reaches the output. A convolution of both is the sum of one of each, so the
    second is a layer of its own, zero at first, that runs once for a clip.

    `detail_of` are the channels of the e that a head for detail reads, `detail_channels` wide; None: there is none.
    """

    _supports_gradient_checkpointing = True
    spread_by = SPREAD  # where weights are spread over processes

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
        motion: Motion = "none",
        motion_heads: int = 8,
        motion_max_frames: int = 32,
        motion_mid_block: bool = False,
        motion_norm: MotionNorm = "clip",
        resnet_norm: ResnetNorm = "frame",
        reference_concat: bool = False,
        detail_channels: int = 96,
        detail_of: int | None = None,
    ) -> None:
        super().__init__()
        config = dict(self.config)
        self.unet = build_unet(config) if motion == "none" else build_motion_unet(config)
        for layer in _motion_modules(self.unet):
            nn.init.zeros_(layer.proj_out.weight)
            nn.init.zeros_(layer.proj_out.bias)
        set_motion_norm(_motion_modules(self.unet), motion_norm)
        set_resnet_norm(self.unet, resnet_norm)
        read_references(self.unet)
        prefer_onednn(self.unet)
        self.detail = (
            None
            if detail_of is None
            else Detail(block_out_channels[0], detail_of, detail_channels, in_channels)
        )
        self.reference_in = _silent_copy(self.unet.conv_in) if reference_concat else None
        prompt = None if cross_attention_dim is None else torch.zeros(1, prompt_tokens, cross_attention_dim)
        self.register_buffer("empty_prompt", prompt)

    @classmethod
    def with_motion(cls, image: Denoiser) -> Denoiser:
        """Return a video denoiser that does to each frame what `image` does, until its motion is trained."""
        return add_motion(image)

    @classmethod
    def with_detail(cls, denoiser: Denoiser, embedding_channels: int) -> Denoiser:
        """Return the denoiser with a new head for detail, which does what it does until that is trained."""
        detailed = cls.from_config(denoiser.config, detail_of=embedding_channels)
        weights = {name: value for name, value in denoiser.state_dict().items() if not is_detail(name)}
        missing, unexpected = detailed.load_state_dict(weights, strict=False)
        assert not unexpected and all(is_detail(name) for name in missing)
        return detailed.to(device=denoiser.device)

    @property
    def unet_options(self) -> dict[str, Any]:
        """The options that a `ReferenceNet` must share with this denoiser."""
        return {name: self.config[name] for name in UNET_OPTIONS}

    @property
    def guider_options(self) -> dict[str, Any]:
        """The options that a `Guider` must share with this denoiser."""
        return {name: self.config[name] for name in GUIDER_OPTIONS}

    def motion_parameters(self) -> Iterator[nn.Parameter]:
        """Yield what the motion phase trains; nothing for an image denoiser."""
        return (weight for name, weight in self.named_parameters() if is_motion(name))

    def spatial_parameters(self) -> Iterator[nn.Parameter]:
        """Yield what the image phase trains."""
        return (
            weight for name, weight in self.named_parameters() if not is_motion(name) and not is_detail(name)
        )

    @apply_forward_hook  # offloaded weights are fetched, as they are for `forward`
    def project_reference(self, reference: Reference) -> Reference:
        """Keys and values of a clip's reference, and what its latents add to the input, for all calls to come."""
        read = project_reference(self.unet, reference)
        return read if self.reference_in is None else {**read, CONV_IN: self._read_latents(reference)}

    @apply_forward_hook
    def project_prompt(self) -> Prompt:
        """Return the keys and values of the empty prompt, which no call changes."""
        return {} if self.empty_prompt is None else project_prompt(self.unet, self.empty_prompt)

    def forward(
        self,
        sample: Tensor,  # (B, F, 4, h, w)
        timestep: Tensor | int,  # (B,) or a scalar
        features: Sequence[Tensor] | None = None,
        reference: Reference | None = None,
        embeddings: Tensor | None = None,
        **more: Any,
    ) -> Tensor:
        """Predict (B, F, 4, h, w) from noisy latents, in their precision, whatever that of the weights.

        `features` are a `Guider`'s: one after each down block, and where it gives one more, after `conv_in`; those
        of fewer clips serve the rest of the batch again. Without a `reference` its attention is plain, as it is
        for the first `unconditional` clips: guidance has both halves in one call. A reference of fewer clips is
        shared by as many neighbours among the others. `embeddings` (B*F, D, h, w) are what a head for detail reads, of
        as few clips as the features may be; `more` goes to `last_features`.
        """
        last = self.last_features(sample, timestep, features, reference, **more)
        return self.finish(last, embeddings).unflatten(0, sample.shape[:2]).to(sample.dtype)

    def last_features(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        features: Sequence[Tensor] | None = None,
        reference: Reference | None = None,
        prompt: Prompt | None = None,
        deep: DeepCache | None = None,
        unconditional: int = 0,
    ) -> Tensor:
        """Return what the last convolution reads (B*F, C, h, w); `prompt` saves projecting the empty one again."""
        # Block by block, because diffusers' own forward has no place for features to enter after a block.
        batch, frames = sample.shape[:2]
        unet = self.unet
        read = {"reference": reference, "prompt": prompt, "unconditional": unconditional * frames}
        run = _Blocks(frames, self._inputs(timestep, batch, frames, read))
        first, after_block = _split(features, len(unet.down_blocks))
        x = _add(self._enter(sample, reference, unconditional), first)
        x = run.down(unet.down_blocks[0], x, after_block[0], skips := [x])
        kept = None if deep is None else deep.read(len(x))
        if kept is not None:
            x, skips = kept, skips[: len(unet.up_blocks[-1].resnets)]
        else:
            x = self._inner_blocks(run, x, after_block[1:], skips)
            if deep is not None:
                deep.features = x
        x = run.up(unet.up_blocks[-1], x, skips)
        x = over_windows(unet.conv_norm_out, x, batch) if self._sees_windows else unet.conv_norm_out(x)
        return unet.conv_act(x)

    def finish(self, features: Tensor, embeddings: Tensor | None = None) -> Tensor:
        """Predict (B*F, 4, h, w) from the last features; `embeddings` (B*F, D, h, w), of as few clips as the features
        of a guider may be of, are what a head for detail reads.
        """
        made = self.unet.conv_out(features)
        return made if self.detail is None or embeddings is None else made + self.detail(features, embeddings)

    def _enter(self, sample: Tensor, reference: Reference | None, unconditional: int) -> Tensor:
        """Return the first block's input: latents (B, F, 4, h, w) and, but for the first clips, their reference."""
        x = self.unet.conv_in(sample.flatten(0, 1).to(self.dtype))
        if self.reference_in is None or reference is None:
            return x
        read, plain = self._read_latents(reference), unconditional * sample.shape[1]
        seen = (x[plain:].unflatten(0, (len(read), -1)) + read[:, None]).flatten(0, 1)
        return torch.cat([x[:plain], seen]) if plain else seen

    def _read_latents(self, reference: Reference) -> Tensor:
        """Return what a reference's latents add to the first layer's output (B, C, h, w), computed or kept."""
        kept = reference.get(CONV_IN)
        if isinstance(kept, Tensor):
            return kept
        latents = reference[LATENTS]
        assert self.reference_in is not None and isinstance(latents, Tensor)
        return self.reference_in(latents.to(self.dtype))

    @property
    def _sees_windows(self) -> bool:
        return self.config["resnet_norm"] == "window"

    def _inner_blocks(
        self, run: _Blocks, x: Tensor, features: Sequence[Tensor | None], skips: list[Tensor]
    ) -> Tensor:
        """Return all blocks but the outermost; `skips` are left as the last up block wants them."""
        for block, feature in zip(self.unet.down_blocks[1:], features, strict=True):
            x = run.down(block, x, feature, skips)
        x = run(self.unet.mid_block, x)
        for block in self.unet.up_blocks[:-1]:
            x = run.up(block, x, skips)
        return x

    def _inputs(
        self,
        timestep: Tensor | int,
        batch: int,
        frames: int,
        read: dict[str, Any],
    ) -> dict[str, Any]:
        time = self.unet.time_proj(torch.as_tensor(timestep, device=self.device).expand(batch))
        time = self.unet.time_embedding(time.to(self.dtype))
        return {
            "temb": time if self._sees_windows else time.repeat_interleave(frames, dim=0),
            "encoder_hidden_states": self.empty_prompt,
            "cross_attention_kwargs": read,
        }


def is_detail(name: str) -> bool:
    """Tell whether a parameter of a denoiser belongs to its head for detail."""
    return name.startswith("detail.")


class _Blocks:
    """Runs blocks of the U-Net with what all of them get."""

    def __init__(self, frames: int, inputs: dict[str, Any]) -> None:
        self.frames, self.inputs = frames, inputs

    def __call__(self, block: nn.Module, x: Tensor, **more: Any) -> Any:
        frames = {"num_frames": self.frames} if hasattr(block, "motion_modules") else {}
        return block(hidden_states=x, **self.inputs, **frames, **more)

    def down(self, block: nn.Module, x: Tensor, feature: Tensor | None, skips: list[Tensor]) -> Tensor:
        x, residuals = self(block, x)
        skips += residuals
        return _add(x, feature)

    def up(self, block: Any, x: Tensor, skips: list[Tensor]) -> Tensor:
        count = len(block.resnets)
        residuals = tuple(skips[-count:])
        del skips[-count:]
        # the exact size, since an odd one cannot be told from half of it
        size = skips[-1].shape[2:] if skips else None
        return self(block, x, res_hidden_states_tuple=residuals, upsample_size=size)


def _silent_copy(layer: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution like the U-Net's first, which gives zeros: no bias, and weights that start at zero."""
    copy = nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1, bias=False)
    nn.init.zeros_(copy.weight)
    return copy


def _motion_modules(unet: nn.Module) -> Iterator[Any]:
    for name, module in unet.named_modules():
        if name.endswith("motion_modules"):
            assert isinstance(module, nn.ModuleList)
            yield from module


def _add(x: Tensor, feature: Tensor | None) -> Tensor:  # (B*F, C, h, w), and its last rows or all
    if feature is None:
        return x
    return (x.unflatten(0, (-1, len(feature))) + feature).flatten(0, 1)


def _split(features: Sequence[Tensor] | None, blocks: int) -> tuple[Tensor | None, list[Tensor | None]]:
    if features is None:
        return None, [None] * blocks
    assert len(features) in (blocks, blocks + 1), f"{len(features)} features for {blocks} down blocks"
    return (features[0] if len(features) > blocks else None), list(features[-blocks:])
