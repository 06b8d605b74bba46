"""A plugin that tests load by `--plugin`: an estimator that needs no network."""

import numpy as np

import signvip


class Seeing:
    """Whoever stands in a bright picture."""

    provides = ("keypoints",)

    class Config(signvip.Config):
        pass

    def __init__(self, config):
        self.config = config

    def __call__(self, clip):
        found = np.full((len(clip.frames), 128, 3), clip.frames.mean() / 255, np.float32)
        found[..., 2] = 1
        return {"keypoints": found}


@signvip.hookimpl
def register_estimators(register):
    register("seeing", Seeing)
