"""LPIPS (Zhang et al. 2018): distance of aligned frames in the features of AlexNet, weighted by learned heads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

import signvip
from signvip.errors import DataError
from signvip.measures import MeanOfClips, check_aligned
from signvip_metrics.backbones import checksum, described, device, load_tensors, require_file
from signvip_metrics.fid import BATCH, as_images

BACKBONE, HEADS = "alexnet-owt-7be5be79.pth", "alex.pth"
CHECKSUM = "7be5be79"  # its name says how the published file's SHA-256 begins
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of the inputs in [-1, 1]
LAYERS = {0: (3, 64, 11, 4, 2), 3: (64, 192, 5, 1, 2), 6: (192, 384, 3, 1, 1), 8: (384, 256, 3, 1, 1),
          10: (256, 256, 3, 1, 1)}  # fmt: skip
POOLED = (3, 6)  # layers that are preceded by a pooling


class Lpips(MeanOfClips):
    """Learned perceptual distance (AlexNet, v0.1) of aligned frames, mean over frames then clips; lower is better."""

    class Config(signvip.Config):
        weights: Path = Field(description=f"Folder with {BACKBONE} and {HEADS}.")

    higher_is_better, aligned = False, True

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        backbone, heads = (require_file("lpips", config.weights / name) for name in (BACKBONE, HEADS))
        self.network = PerceptualDistance().eval()
        self.network.load(load_tensors("lpips", backbone), load_tensors("lpips", heads))
        self.network.to(device())
        self.key = "lpips" if checksum(backbone).startswith(CHECKSUM) else "perceptual"
        self.signature = f"backbone={described(backbone)}, heads={described(heads)}, [-1, 1]"

    def of_clips(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> list[float | None]:
        check_aligned("lpips", generated, truth)
        return [self._clip(a, b) for a, b in zip(generated, truth, strict=True)]

    @torch.no_grad()
    def _clip(self, made: np.ndarray, wanted: np.ndarray) -> float:
        pairs = zip(as_images(made).split(BATCH), as_images(wanted).split(BATCH), strict=True)
        found = [self.network(a.to(device()) * 2 - 1, b.to(device()) * 2 - 1).cpu() for a, b in pairs]
        return float(torch.cat(found).mean())


class PerceptualDistance(nn.Module):
    """Images (B, 3, H, W) in [-1, 1], twice, to distances (B,)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(
            {str(place): nn.Conv2d(i, o, k, stride=s, padding=p) for place, (i, o, k, s, p) in LAYERS.items()}
        )
        self.heads = nn.ParameterList([torch.zeros(1, o, 1, 1) for _, o, *_ in LAYERS.values()])
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.tensor(SHIFT)[:, None, None])
        self.register_buffer("scale", torch.tensor(SCALE)[:, None, None])

    def load(self, backbone: dict[str, Tensor], heads: dict[str, Tensor]) -> None:
        """Take AlexNet's convolutions (`features.0.weight` ...) and the heads (`lin0.model.1.weight` ...)."""
        try:
            for place, layer in self.layers.items():
                layer.load_state_dict(
                    {name: backbone[f"features.{place}.{name}"] for name in ("weight", "bias")}
                )
            for index, head in enumerate(self.heads):
                head.data.copy_(heads[f"lin{index}.model.1.weight"])
        except (KeyError, RuntimeError) as error:
            raise DataError(
                f"These are not weights of AlexNet and LPIPS ({error}); bring {BACKBONE} and {HEADS}."
            ) from error

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        total = torch.zeros(len(a), device=a.device)
        for x, y, head in zip(self._features(a), self._features(b), self.heads, strict=True):
            total = total + (((x - y) ** 2) * head).sum(dim=1).mean(dim=(1, 2))
        return total

    def _features(self, images: Tensor) -> list[Tensor]:
        x, found = (images - self.shift) / self.scale, []
        for place, layer in self.layers.items():
            if int(place) in POOLED:
                x = nn.functional.max_pool2d(x, 3, stride=2)
            x = layer(x).relu()
            found.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10))
        return found
