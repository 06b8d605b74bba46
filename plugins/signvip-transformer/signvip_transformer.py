"""A transformer over patches of latents as a denoiser: no U-Net, no guider, no ReferenceNet (arXiv:2212.09748)."""

from collections.abc import Mapping
from copy import deepcopy
from math import log

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

import signvip
from signvip.contracts import Say


class Transformer(nn.Module):
    """Patches of noisy latents, of the reference and of e are added up; frames attend to themselves, then over time."""

    class Config(signvip.Config):
        width: int = Field(64, ge=8, multiple_of=8, description="of a token")
        layers: int = Field(3, ge=1)
        heads: int = Field(4, ge=1)
        patch: int = Field(2, ge=1, description="cells of latents on a side of a token")
        frames: int = Field(32, ge=1, description="most frames that are seen at once")

    spread_by = (nn.TransformerEncoderLayer,)  # where weights are spread over processes

    def __init__(self, config: Config, channels: int = 4, embedding_channels: int = 512) -> None:
        super().__init__()
        self.config, self.channels, width = config, channels, config.width
        self.enter, self.look = (nn.Conv2d(channels, width, config.patch, config.patch) for _ in range(2))
        self.listen = nn.Conv2d(embedding_channels, width, config.patch, config.patch)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(layer(config) for _ in range(config.layers))
        self.motion = nn.ModuleList()  # until `with_motion`
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, channels * config.patch**2))

    @property
    def window(self) -> int | None:
        return self.config.frames if len(self.motion) else None

    def reference(self, latents: Tensor, timestep: Tensor | int) -> Tensor:  # (B, C, h, w) -> (B, width, ...)
        return self.look(self._whole(latents))

    def guide(self, e: Tensor) -> Tensor:  # (B, F, D, h, w) -> (B, F, width, ...)
        return self.listen(self._whole(e.flatten(0, 1))).unflatten(0, e.shape[:2])

    def predict(
        self,
        noisy: Tensor,  # (B, F, C, h, w)
        timestep: Tensor | int,
        guide: Tensor,
        reference: Tensor | None,
        cache: dict | None = None,
    ) -> Tensor:
        clips, frames = noisy.shape[:2]
        x = guide + self.enter(self._whole(noisy.flatten(0, 1))).unflatten(0, (clips, frames))
        if reference is not None:  # each serves the windows of its clip
            x = x + reference.repeat_interleave(clips // len(reference), 0)[:, None]
        time = torch.as_tensor(timestep, device=x.device).expand(clips)
        x = x + self.time(waves(time, x.shape[2]).to(x))[:, None, :, None, None]
        rows, columns = x.shape[3:]
        x = (x + grid(rows, columns, x)).flatten(3).transpose(2, 3)  # (B, F, tokens, width)
        for number, spatial in enumerate(self.layers):
            x = spatial(x.flatten(0, 1)).unflatten(0, (clips, frames))
            if len(self.motion):
                x = self._over_time(self.motion[number], x)
        x = self.leave(x).transpose(2, 3).unflatten(3, (rows, columns)).flatten(0, 1)
        x = functional.pixel_shuffle(x, self.config.patch).unflatten(0, (clips, frames))
        return x[..., : noisy.shape[3], : noisy.shape[4]].to(noisy.dtype)

    def phases(self) -> dict[str, list[nn.Parameter]]:
        motion = list(self.motion.parameters())
        moving = {id(weight) for weight in motion}
        return {
            "image": [weight for weight in self.parameters() if id(weight) not in moving],
            "motion": motion,
        }

    def with_motion(self) -> "Transformer":
        video = deepcopy(self)
        video.motion = nn.ModuleList(silent(layer(self.config)) for _ in self.layers).to(self.leave[1].weight)
        return video

    def start(self, sources: Mapping[str, str], say: Say) -> None:
        if sources:
            raise signvip.ConfigError(
                f"The denoiser transformer starts from no published weights; leave out start.{min(sources)}."
            )

    def enable_gradient_checkpointing(self) -> None:
        for spatial in (*self.layers, *self.motion):
            spatial.forward = checkpointed(spatial.forward)

    def _over_time(self, attention: nn.Module, x: Tensor) -> Tensor:  # (B, F, tokens, width)
        clips, frames, tokens, width = x.shape
        moved = x.transpose(1, 2) + waves(torch.arange(frames, device=x.device), width).to(x)
        change = attention(moved.flatten(0, 1)).unflatten(0, (clips, tokens)) - moved
        return x + change.transpose(1, 2)

    def _whole(self, x: Tensor) -> Tensor:
        """Pad to whole patches, in the precision of the weights."""
        rows, columns = (-size % self.config.patch for size in x.shape[-2:])
        return functional.pad(x.to(self.enter.weight.dtype), (0, columns, 0, rows))


def layer(config: Transformer.Config) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        config.width, config.heads, 4 * config.width, dropout=0.0, batch_first=True, norm_first=True
    )


def silent(attention: nn.TransformerEncoderLayer) -> nn.TransformerEncoderLayer:
    """Return a layer that changes nothing until it is trained."""
    for last in (attention.self_attn.out_proj, attention.linear2):
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    return attention


def waves(places: Tensor, width: int) -> Tensor:  # (N,) -> (N, width)
    rates = torch.exp(torch.arange(width // 2, device=places.device) * (-log(10000) / (width // 2)))
    angles = places[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def grid(rows: int, columns: int, like: Tensor) -> Tensor:  # -> (width, rows, columns)
    """Half of the channels tell the row, half the column."""
    half, device = like.shape[2] // 2, like.device
    down = waves(torch.arange(rows, device=device), half)[:, None].expand(-1, columns, -1)
    along = waves(torch.arange(columns, device=device), half)[None].expand(rows, -1, -1)
    return torch.cat([down, along], dim=2).permute(2, 0, 1).to(like)


def checkpointed(forward):
    def again(x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return forward(x)
        return torch.utils.checkpoint.checkpoint(forward, x, use_reentrant=False)

    return again


@signvip.hookimpl
def register_denoisers(register):
    register("transformer", Transformer)
