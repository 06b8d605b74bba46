"""The estimator `dwpose`: body, face and hands by DWPose, which the paper uses (section 4.1)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, PositiveInt

import signvip
from signvip.estimation import from_wholebody, report, tidy
from signvip.estimation.weights import fingerprint, weight_file
from signvip_dwpose.boxes import signer_box


class DWPose:
    """YOLOX finds people now and then, DWPose the points of the signer in every frame, in batches."""

    provides = ("keypoints",)
    finds_people = True
    weights_licence = "Apache-2.0; trained on COCO-WholeBody and UBody, which are for research"

    class Config(signvip.Config):
        source: str = Field("yzd-v/DWPose", description="folder or hub id of the two networks")
        detector: str = Field("yolox_l.onnx", description="the file of the network that finds people")
        pose: str = Field("dw-ll_ucoco_384.onnx", description="the file of the network that finds 133 points")
        every: int = Field(
            12, ge=0, description="frames from one detection of people to the next; 0: once a clip"
        )
        confidence: float = Field(0.5, gt=0, lt=1, description="from which a person is one")
        batch: PositiveInt = 16
        device: Literal["cpu", "cuda"] = "cpu"
        gap: float = Field(0.25, ge=0, description="seconds without a sight that are bridged")

    def __init__(self, config: Config) -> None:
        self.config = config
        self._networks: Any = None

    @property
    def weights(self) -> str:
        """Return the fingerprint of the weights that the keypoints depend on."""
        return fingerprint(self._files())

    def __call__(self, clip: signvip.Clip) -> Mapping[str, np.ndarray]:
        """Return `keypoints`; DataError where no frame that was looked at shows a person."""
        start = time.perf_counter()
        detector, network = self._loaded()
        frames = list(clip.frames)
        boxes = signer_box(frames, detector, self.config.every)
        if boxes is None:
            raise signvip.DataError("YOLOX sees nobody in it; leave this clip out, or fix it")
        groups = [slice(i, i + self.config.batch) for i in range(0, len(frames), self.config.batch)]
        points = np.concatenate([network(frames[group], boxes[group]) for group in groups])
        height, width = clip.frames.shape[1:3]
        ours = from_wholebody(points / (width, height, 1))
        tidied = tidy(ours, fps=clip.fps, gap=self.config.gap, aspect=width / height)
        report("dwpose", clip, tidied.coverage, time.perf_counter() - start)
        return tidied.known

    def _files(self) -> list[Path]:
        return [weight_file(self.config.source, name) for name in (self.config.detector, self.config.pose)]

    def _loaded(self) -> Any:
        """Return both networks, loaded in the process that uses them."""
        if self._networks is None:
            from signvip_dwpose.networks import Detector, PoseNetwork

            detector, pose = self._files()
            self._networks = (
                Detector(detector, self.config.device, self.config.confidence),
                PoseNetwork(pose, self.config.device),
            )
        return self._networks

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_networks": None}
