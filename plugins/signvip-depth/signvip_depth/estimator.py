"""The estimator `depth`: how near each pixel is, by Depth Anything V2 or any depth model of transformers."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import Field, PositiveInt

import signvip
from signvip.estimation.weights import fingerprint, weight_file
from signvip_depth.grey import grey

LOGGER = logging.getLogger("signvip.depth")
SMALL = "depth-anything/Depth-Anything-V2-Small-hf"  # Apache 2.0; Base and Large are CC BY-NC 4.0
WEIGHTS = "model.safetensors"


class DepthAnything:
    """One scale for the whole clip, so that nothing flickers: 255 is its nearest pixel, 0 its farthest."""

    provides = ("depth",)
    weights_licence = "Depth Anything V2: Small Apache-2.0, Base and Large CC-BY-NC-4.0"

    class Config(signvip.Config):
        source: str = Field(SMALL, description="folder or hub id of a model for depth estimation")
        batch: PositiveInt = 8
        device: Literal["auto", "cpu", "cuda"] = "auto"

    def __init__(self, config: Config) -> None:
        self.config = config
        self._pipeline: Any = None

    @property
    def weights(self) -> str:
        """Return the fingerprint of the weights that the maps depend on."""
        return fingerprint([weight_file(self.config.source, WEIGHTS)])

    def __call__(self, clip: signvip.Clip) -> Mapping[str, np.ndarray]:
        """Return `depth` (F, H, W) uint8."""
        start = time.perf_counter()
        model = self._loaded()
        pictures = [Image.fromarray(frame) for frame in clip.frames]
        found = model(pictures, batch_size=self.config.batch)
        maps = np.stack([one["predicted_depth"].float().cpu().numpy().astype(np.float16) for one in found])
        metres = getattr(model.model.config, "depth_estimation_type", "relative") == "metric"
        seconds = time.perf_counter() - start
        LOGGER.info("depth %s: %.1f frames a second", clip.id, len(clip.frames) / seconds)
        return {"depth": grey(maps, clip.frames.shape[1:3], metres)}

    def _loaded(self) -> Any:
        """Return the pipeline, loaded in the process that uses it: forked workers cannot share a GPU's state."""
        if self._pipeline is None:
            import torch
            from transformers import pipeline

            device = self.config.device
            if device == "auto":
                device = "cuda" if torch.cuda.is_available() else "cpu"
            if device == "cuda" and torch.cuda._is_in_bad_fork():
                raise signvip.DataError(
                    "forked workers cannot use the GPU; run the same command with --workers 1"
                )
            folder: Path = weight_file(self.config.source, WEIGHTS).parent
            local = folder if Path(self.config.source).is_dir() else self.config.source
            self._pipeline = pipeline("depth-estimation", model=str(local), device=device)
        return self._pipeline

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pipeline": None}
