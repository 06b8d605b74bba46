"""U-Net, guider and ReferenceNet as one denoiser: what the paper's video model is to the pipeline (section 3.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from diffusers import ModelMixin
from pydantic import Field
from torch import Tensor, nn

import signvip
from signvip.contracts import Phase, Say
from signvip_denoisers.animatediff.attention import PROMPT, Feature, Reference
from signvip_denoisers.animatediff.denoiser import DeepCache, Denoiser, is_detail
from signvip_denoisers.animatediff.guider import Guider, Injection
from signvip_denoisers.animatediff.reference import Kept, ReferenceNet, Timestep
from signvip_denoisers.animatediff.start import start_motion, start_prompt, start_unets
from signvip_denoisers.animatediff.unets import MotionNorm, ResnetNorm, is_motion


class GuiderOptions(signvip.Config):
    """Options of the condition guider."""

    injection: Injection = Field(
        default="conv_in+down_blocks",
        description="where features enter; down_blocks: after each down block alone",
    )


class ReferenceOptions(signvip.Config):
    """Options of the ReferenceNet; its U-Net is the denoiser's."""

    features: Feature = Field(
        default="attention_output",
        description="what is read of a layer; attention_input: as in the authors' code",
    )
    keeps: Kept = Field(
        default="last_attention", description="of the last block; last_norm: as in the authors' code"
    )
    timestep: Timestep = Field(
        default="zero", description="what it is given; sampler: as in the authors' code"
    )


class AnimateDiff(nn.Module):
    """A denoising U-Net that adds a guider's features of e, and attends to what a ReferenceNet saw of the signer."""

    class Config(signvip.Config):
        """Options of the U-Net, and of what guides it. The defaults are Stable Diffusion 1.5 without its text."""

        in_channels: int | None = Field(None, ge=1, description="latent channels; by default the VAE's")
        block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280)
        layers_per_block: int = Field(2, ge=1)
        attention_levels: tuple[bool, ...] | None = Field(
            None, description="which blocks attend; all by default"
        )
        attention_heads: int = Field(8, ge=1)
        norm_num_groups: int = Field(32, ge=1)
        cross_attention_dim: int | None = Field(
            None,
            description="width of the empty prompt that is attended to; none by default, as in the paper",
        )
        prompt_tokens: int = Field(77, ge=1)
        motion_heads: int = Field(8, ge=1)
        motion_max_frames: int = Field(32, ge=1, description="most frames that are seen at once")
        motion_mid_block: bool = False
        motion_norm: MotionNorm = Field(
            default="clip",
            description="what temporal attention normalises together; frame: as in AnimateDiff",
        )
        resnet_norm: ResnetNorm = Field(
            default="frame",
            description="what resnet blocks normalise together; window: as in the authors' code",
        )
        reference_concat: bool = Field(
            False,
            description="the reference's latents are also read at the input: detail that attention loses",
        )
        detail_channels: int = Field(
            96, ge=1, description="width of the head that the detail phase adds at the finest level"
        )
        guider: GuiderOptions = GuiderOptions()
        reference_net: ReferenceOptions = ReferenceOptions()

    small: ClassVar[Mapping[str, Any]] = {
        "block_out_channels": (8, 16), "layers_per_block": 1, "attention_heads": 2, "norm_num_groups": 4,
        "motion_heads": 2, "motion_max_frames": 8,
    }  # fmt: skip
    stores: ClassVar[Mapping[str, type[ModelMixin]]] = {
        "guider": Guider,
        "reference_net": ReferenceNet,
        "denoiser": Denoiser,
    }

    def __init__(self, config: Config, channels: int = 4, embedding_channels: int = 512) -> None:
        super().__init__()
        options = config.model_dump(exclude_unset=True, exclude={"guider", "reference_net"})
        # always built in this order: a seed decides their weights
        denoiser = Denoiser(**{**options, "in_channels": config.in_channels or channels})
        reference_net = ReferenceNet(
            **{**config.reference_net.model_dump(exclude_unset=True), **denoiser.unet_options}
        )
        guider = Guider(
            embedding_channels=embedding_channels,
            **config.guider.model_dump(exclude_unset=True),
            **denoiser.guider_options,
        )
        self._keep(guider, reference_net, denoiser)

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> AnimateDiff:
        """Return the denoiser of networks that are there already."""
        made = cls.__new__(cls)
        nn.Module.__init__(made)
        made._keep(**parts)
        return made

    def _keep(self, guider: Guider, reference_net: ReferenceNet, denoiser: Denoiser) -> None:
        self.guider, self.reference_net, self.denoiser = guider, reference_net, denoiser

    @property
    def channels(self) -> int:
        return int(self.denoiser.config["in_channels"])

    @property
    def window(self) -> int | None:
        config = self.denoiser.config
        return None if config["motion"] == "none" else int(config["motion_max_frames"])

    @property
    def timed(self) -> bool:
        return bool(self.reference_net.config["timestep"] == "sampler")

    @property
    def backbone(self) -> nn.Module:
        """Return the network that starts from Stable Diffusion, and stays as it was in the authors' code."""
        return self.denoiser.unet

    def reference(self, latents: Tensor, timestep: Tensor | int) -> Reference:
        """Return the tokens of clean latents (B, C, h, w) by the layers that read them."""
        return self.reference_net(latents, timestep)

    def prepare(self, reference: Reference) -> Reference:
        """Return the keys and values of a clip's reference and of the empty prompt, which no step changes."""
        return {**self.denoiser.project_reference(reference), PROMPT: self.denoiser.project_prompt()}

    def guide(self, e: Tensor) -> list[Tensor]:
        """Return the features of embeddings (B, F, D, h, w) for the U-Net's down path; a head reads e itself, last."""
        features = self.guider(e)
        return features if self.denoiser.detail is None else [*features, e.flatten(0, 1)]

    def predict(
        self,
        noisy: Tensor,
        timestep: Tensor | int,
        guide: Sequence[Tensor],
        reference: Reference | None,
        cache: dict[str, Any] | None = None,
    ) -> Tensor:
        """Predict (B, F, C, h, w) from noisy latents."""
        features, more = self._split(guide)
        return self.denoiser(noisy, timestep, features, reference, **_kept(reference, cache), **more)

    def before_detail(
        self, noisy: Tensor, timestep: Tensor | int, guide: Sequence[Tensor], reference: Reference | None
    ) -> Tensor:
        """Return what `refine` reads (B, F, C + D, h, w): the U-Net's last features, and e."""
        features, more = self._split(guide)
        last = self.denoiser.last_features(noisy, timestep, features, reference, **_kept(reference, None))
        e = more["embeddings"].to(last.dtype)
        return torch.cat([last, e], dim=1).unflatten(0, noisy.shape[:2])

    def refine(self, read: Tensor) -> Tensor:
        """Predict (B, F, C, h, w) from what `before_detail` gave, or from squares of it."""
        width = self.denoiser.unet.conv_out.in_channels
        flat = read.flatten(0, 1)
        return self.denoiser.finish(flat[:, :width], flat[:, width:]).unflatten(0, read.shape[:2])

    def predict_both(
        self,
        noisy: Tensor,
        timestep: Tensor | int,
        guide: Sequence[Tensor],
        reference: Reference,
        cache: dict[str, Any] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return both halves of guidance in one call: the same windows twice, of which the first see no reference."""
        twice = noisy.repeat(2, 1, 1, 1, 1)
        features, more = self._split(guide)
        kept = {**_kept(reference, cache), **more, "unconditional": len(noisy)}
        both = self.denoiser(twice, timestep, features, reference, **kept)
        without, seen = both.chunk(2)
        return without, seen

    def _split(self, guide: Sequence[Tensor]) -> tuple[Sequence[Tensor], dict[str, Tensor]]:
        """Return features, and e where a head for detail reads it."""
        return (guide, {}) if self.denoiser.detail is None else (guide[:-1], {"embeddings": guide[-1]})

    def phases(self) -> dict[Phase, list[nn.Parameter]]:
        """Temporal attentions learn in the motion phase, a head for detail in its own, all else among images."""
        left = {id(weight) for weight in self.reference_net.silent_parameters()}
        found: dict[Phase, list[nn.Parameter]] = {"image": [], "motion": [], "detail": []}
        for name, weight in self.named_parameters():
            if id(weight) not in left:
                found[_phase(name)].append(weight)
        return found

    def with_motion(self) -> AnimateDiff:
        """Give guider and U-Net temporal attentions that do nothing yet."""
        guider, denoiser = Guider.with_motion(self.guider), Denoiser.with_motion(self.denoiser)
        return self.of({"guider": guider, "reference_net": self.reference_net, "denoiser": denoiser})

    def with_detail(self) -> AnimateDiff:
        """Give the U-Net a new head for detail, which does nothing yet."""
        denoiser = Denoiser.with_detail(self.denoiser, self.guider.config["embedding_channels"])
        return self.of({"guider": self.guider, "reference_net": self.reference_net, "denoiser": denoiser})

    def start(self, sources: Mapping[str, str], say: Say) -> None:
        """Fill both U-Nets, the empty prompt of both, and the U-Net's motion; a guider's is in no published weights."""
        if "unet" in sources:
            start_unets(sources["unet"], self.denoiser, self.reference_net, say)
        if "text_encoder" in sources:
            start_prompt(sources["text_encoder"], self.denoiser, self.reference_net, say)
        if "motion" in sources:
            start_motion(sources["motion"], self.denoiser, say)

    def enable_gradient_checkpointing(self) -> None:
        """Compute activations twice and keep fewer."""
        for network in (self.guider, self.reference_net, self.denoiser):
            network.enable_gradient_checkpointing()

    def compile(self, *args: Any, **options: Any) -> None:
        """Compile the U-Net, where the time goes."""
        self.denoiser.compile(*args, **options)


def _phase(name: str) -> Phase:
    """Return the phase in which a parameter learns."""
    if is_motion(name):
        return "motion"
    return "detail" if is_detail(name.removeprefix("denoiser.")) else "image"


def _kept(reference: Reference | None, cache: dict[str, Any] | None) -> dict[str, Any]:
    """Return what earlier steps left for this one: the empty prompt's keys and values, and the inner blocks' output."""
    prompt = None if reference is None else reference.get(PROMPT)
    return {"prompt": prompt, "deep": None if cache is None else cache.setdefault("deep", DeepCache())}
