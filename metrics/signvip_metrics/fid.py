"""Distances between sets of images or videos, seen through a network: FID, KID, CLIP-FID and FVD (Table 3).

All of them fall with the number of samples, so they are compared at equal n only, and n is far above the number
of features.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as func

import signvip
from signvip.errors import DataError
from signvip.measures import Measure, check_pairs, check_video
from signvip_metrics.backbones import checksum, described, device, load_script, require_file
from signvip_metrics.distances import frechet_distance, kernel_distance

# SHA-256 of the published files: another network of the same shape would be a stand-in that nobody could tell
INCEPTION = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"  # inception-2015-12-05.pt
I3D = "bec6519f66ea534e953026b4ae2c65553c17bf105611c746d904657e5860a5e2"  # i3d_torchscript.pt
BATCH = 32  # images
ENOUGH = 10  # samples a feature: the bias is small only far above
FVD_LEAST = 10  # frames: the pooling of I3D takes no fewer
I3D_SIDE = 224
CLIP_SIDE, CLIP_MEAN, CLIP_STD = (
    224,
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)
Distance = Callable[[np.ndarray, np.ndarray], float]


class NetworkMeasure(Measure, ABC):
    """A distance between features; lower is better. The class says how a network is loaded and asked."""

    class Config(signvip.Config):
        weights: Path = Field(description="The file (or, for CLIP, the folder or hub name) of the network.")
        stride: int = Field(default=1, ge=1, description="How many frames apart the sampled frames are.")

    higher_is_better = False
    published, stand_in, width = "fid", "fd", 2048  # the key with the published network, and with any other
    distance: Distance = staticmethod(frechet_distance)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.network, genuine, extractor = self.load(config.weights)
        self.key = self.published if genuine else self.stand_in
        self.signature = f"extractor={extractor}, {self.route}, {self.sampling}, {self.statistic}"

    route, statistic = "", "unbiased covariance"

    @property
    def sampling(self) -> str:
        return "all frames pooled" if self.config.stride == 1 else f"every {self.config.stride}th frame"

    @abstractmethod
    def load(self, weights: Path) -> tuple[nn.Module, bool, str]:
        """Return the network, whether it is the published one, and its description."""

    @abstractmethod
    def ask(self, images: Tensor) -> Tensor:
        """Return the features (B, d) of images (B, 3, H, W) in [0, 1]."""

    def __call__(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> dict[str, float]:
        check_pairs(self.key, generated, truth)
        return {self.key: self.distance(self.features(generated), self.features(truth))}

    def counted(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> int:
        return min(
            sum(-(-len(video) // self.config.stride) for video in videos) for videos in (generated, truth)
        )

    def remark(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> str | None:
        count, least = self.counted(generated, truth), ENOUGH * self.width
        if self.distance is kernel_distance or count >= least:
            return None
        return (
            f"{count} samples are few for {self.key}: it is too high below {least}; compare at equal n only."
        )

    @torch.no_grad()
    def features(self, videos: Sequence[np.ndarray]) -> np.ndarray:
        """Return the features (n, d) of the frames of videos (F, H, W, 3) in [0, 1]."""
        found = []
        for video in videos:
            check_video(self.key, video)
            for images in as_images(video[:: self.config.stride]).split(BATCH):
                found.append(self.ask(images.to(device())).flatten(1).float().cpu())
        return torch.cat(found).numpy()


class Fid(NetworkMeasure):
    """Frechet distance of the 2048 pooled features of Inception (Heusel et al. 2017), lower is better.

    The network is the TorchScript file `inception-2015-12-05.pt`, the port of the original's TensorFlow weights. It
    resizes by itself, as TensorFlow 1 did. The paper's column comes from torchvision's Inception: not comparable.
    """

    route = "bytes in, resized by the network (TF1 bilinear, 299)"

    def load(self, weights: Path) -> tuple[nn.Module, bool, str]:
        file = require_file(self.published, weights)
        return load_script(self.published, file), checksum(file) == INCEPTION, described(file)

    def ask(self, images: Tensor) -> Tensor:
        return self.network((images * 255).round().to(torch.uint8), return_features=True)


class Kid(Fid):
    """Kernel distance (Binkowski et al. 2018) of the same features, unbiased, for few samples; lower is better."""

    published, stand_in, statistic = "kid", "kd", "unbiased, kernel (x'y/d + 1)^3, all samples at once"
    distance = staticmethod(kernel_distance)


class ClipFid(NetworkMeasure):
    """Frechet distance of CLIP's image embeddings (Kynkaanniemi et al. 2023; ViT-B/32), lower is better."""

    published, width = "clip_fid", 512
    route = "bicubic with antialiasing to 224x224, embeddings not normalised"

    def load(self, weights: Path) -> tuple[nn.Module, bool, str]:
        from transformers import CLIPVisionModelWithProjection

        try:
            network = CLIPVisionModelWithProjection.from_pretrained(weights)
        except (OSError, ValueError) as error:
            raise DataError(
                f"clip_fid finds no CLIP vision model in {weights}; give a folder or hub name of ViT-B/32 with "
                "--weights clip_fid=PATH."
            ) from error
        return network.eval().to(device()), self._genuine(network), str(weights)

    @staticmethod
    def _genuine(network: Any) -> bool:
        """OpenAI's ViT-B/32 as far as can be told of a model that is published in several files."""
        config, norm = network.config, network.vision_model.post_layernorm.weight
        shape = (config.hidden_size, config.patch_size, config.projection_dim, config.hidden_act)
        trained = not bool((norm == 1).all())  # all ones until training
        return trained and shape == (768, 32, 512, "quick_gelu")

    def ask(self, images: Tensor) -> Tensor:
        size = (CLIP_SIDE, CLIP_SIDE)
        images = func.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False).clamp(
            0, 1
        )
        mean, std = (
            torch.tensor(values, device=images.device)[:, None, None] for values in (CLIP_MEAN, CLIP_STD)
        )
        return self.network(pixel_values=(images - mean) / std).image_embeds


class Fvd(NetworkMeasure):
    """Frechet distance of I3D's 400 logits of whole clips (Unterthiner et al. 2018), lower is better.

    The network is the TorchScript file `i3d_torchscript.pt`. The number of frames sets the value: only equal numbers
    compare. The crop to a square takes rows from the top and bottom of tall frames, hands among them.
    """

    class Config(NetworkMeasure.Config):
        frames: int = Field(
            default=16, ge=FVD_LEAST, description="Frames taken from the middle of each clip."
        )

    published, stand_in, width = "fvd", "fvd_stand_in", 400
    route = f"bilinear to {I3D_SIDE}, centre crop, [-1, 1]"

    @property
    def sampling(self) -> str:
        return f"{self.config.frames} frames from the middle of each clip"

    def load(self, weights: Path) -> tuple[nn.Module, bool, str]:
        file = require_file("fvd", weights)
        return load_script("fvd", file), checksum(file) == I3D, described(file)

    def counted(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> int:
        return len(truth)

    @torch.no_grad()
    def features(self, videos: Sequence[np.ndarray]) -> np.ndarray:
        """Return the logits (n, 400) of videos."""
        return torch.cat([self.ask(self._middle(video)).flatten(1).float().cpu() for video in videos]).numpy()

    def ask(self, images: Tensor) -> Tensor:
        """Return the logits (1, 400) of one clip (F, 3, H, W) in [0, 1]."""
        clip = (square(images.to(device())) * 2 - 1).permute(1, 0, 2, 3)[None]
        return self.network(clip, rescale=False, resize=False, return_features=True)

    def _middle(self, video: np.ndarray) -> Tensor:
        check_video("fvd", video)
        wanted = self.config.frames
        if len(video) < wanted:
            raise DataError(
                f"fvd is set to {wanted} frames and a clip has {len(video)}; leave such clips out, or build it with "
                f"fewer frames for all rows, {FVD_LEAST} at least."
            )
        first = (len(video) - wanted) // 2
        return as_images(video[first : first + wanted])


def as_images(video: np.ndarray) -> Tensor:
    """(F, H, W, 3) to (F, 3, H, W) float32."""
    return torch.from_numpy(np.ascontiguousarray(video, dtype=np.float32)).permute(0, 3, 1, 2)


def square(images: Tensor) -> Tensor:
    """Shorter side to 224, bilinear, then the square in the middle."""
    height, width = images.shape[-2:]
    scale = I3D_SIDE / min(height, width)
    # rounded up as in StyleGAN-V; the shorter side is exact whatever the division gives
    size = [I3D_SIDE if side == min(height, width) else math.ceil(side * scale) for side in (height, width)]
    images = func.interpolate(images, size, mode="bilinear", align_corners=False)
    top, left = (size[0] - I3D_SIDE) // 2, (size[1] - I3D_SIDE) // 2
    return images[..., top : top + I3D_SIDE, left : left + I3D_SIDE]
