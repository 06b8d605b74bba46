"""Poses drawn again: what guides the denoiser where `sampler.guided_by` is poses.

Embeddings that tokens decode to are a mean of what may be there, and from a mean of several fingers a denoiser draws
none. Keypoints that are read from them are one pose; its drawing has the lines that the denoiser learned from. Not the
paper's, whose denoiser is guided by the embeddings themselves (Eq. 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor

from signvip.contracts import LEFT_HAND, RIGHT_HAND, Clip
from signvip.data.pixels import to_model
from signvip.errors import ConfigError
from signvip.models.condition_encoder import ConditionEncoder
from signvip.registry import build

DRAWN_FROM = {"keypoints", "hands"}
"""What a pose knows, of all that a condition may need (`Clip.known`)."""


class PoseDrawer(ModelMixin, ConfigMixin):
    """Keypoints (F, 128, 3) to embeddings (F, C, h, w), by a run's conditions and its condition encoder.

    `conditions` are pairs of a name and options, in the order of the encoder's; lists, because diffusers stores
    mappings by name. Poses are flat: a condition that draws hands in depth is given all joints at the same depth.
    `learned` says that its encoder is no longer the run's, but was trained with the pictures, which nothing else can
    guide since.
    """

    @register_to_config
    def __init__(
        self,
        *,
        conditions: Sequence[tuple[str, Mapping[str, Any]]],
        size: tuple[int, int],
        encoder: Mapping[str, Any],
        learned: bool = False,
    ) -> None:
        super().__init__()
        self.painters = {name: build("condition", name, **options) for name, options in conditions}
        self.size = (size[0], size[1])
        self.condition_encoder = ConditionEncoder(**encoder)

    @classmethod
    def around(
        cls,
        encoder: ConditionEncoder,
        *,
        conditions: Mapping[str, Mapping[str, Any]],
        size: tuple[int, int],
    ) -> PoseDrawer:
        """Return the drawer of a trained encoder; ConfigError for a condition that poses are not enough for."""
        options = {name: value for name, value in encoder.config.items() if not name.startswith("_")}
        drawer = cls(conditions=list(conditions.items()), size=size, encoder=options)
        for name, painter in drawer.painters.items():
            needs = set(getattr(painter, "needs", ()))
            if not needs or not needs <= DRAWN_FROM:
                what = ", ".join(sorted(needs - DRAWN_FROM)) or "pictures"
                raise ConfigError(
                    f"The condition {name} needs {what}, and no pose has any; leave it out, or set "
                    "sampler.guided_by=tokens."
                )
        drawer.condition_encoder.load_state_dict(encoder.state_dict())
        return drawer

    @property
    def learned(self) -> bool:
        return bool(self.config["learned"])

    def learn(self, encoder: ConditionEncoder) -> None:
        """Take over an encoder that was trained with the pictures."""
        self.condition_encoder.load_state_dict(encoder.state_dict())
        self.register_to_config(learned=True)

    @apply_forward_hook  # offloaded weights are fetched, as they are for `forward`
    @torch.no_grad()
    def embed(self, poses: Tensor, chunk: int = 8) -> Tensor:
        """Embeddings e (F, C, h, w) of poses (F, 128, 3): x and y in pixels, confidence; `chunk` frames at a time."""
        clip = _clip(poses.float().cpu().numpy(), self.size)
        drawn = [painter.draw(painter.extract(clip), self.size) for painter in self.painters.values()]
        return embed_drawings(self.condition_encoder, drawn, chunk)


def embed_drawings(encoder: ConditionEncoder, drawn: Sequence[np.ndarray], chunk: int) -> Tensor:
    """Embeddings e (F, C, h, w) of what conditions drew (F, H, W, 3) uint8 each, `chunk` frames at a time."""
    pictures = torch.from_numpy(np.concatenate(drawn, axis=-1)).permute(0, 3, 1, 2)
    where = encoder.device, encoder.dtype
    return torch.cat([encoder(to_model(part.to(where[0])).to(where[1])) for part in pictures.split(chunk)])


def _clip(poses: np.ndarray, size: tuple[int, int]) -> Clip:
    """Return a clip that knows a pose and has no pictures."""
    points = poses / np.array([size[1], size[0], 1], np.float32)
    hands = np.stack([points[:, LEFT_HAND], points[:, RIGHT_HAND]], axis=1)  # (F, 2, 21, 3)
    flat = np.insert(hands, 2, 0.0, axis=-1)
    black = np.broadcast_to(np.uint8(0), (len(poses), *size, 3))
    return Clip(id="pose", frames=black, fps=1.0, text="", known={"keypoints": points, "hands": flat})
