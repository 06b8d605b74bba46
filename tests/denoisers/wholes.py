"""The sampler around a U-Net, a guider and a ReferenceNet that a test made one by one."""

from __future__ import annotations

from signvip_denoisers.animatediff import AnimateDiff
from torch import nn

from signvip.sampling.sampler import sample


class Gives(nn.Module):
    """In the place of a ReferenceNet: the features that a test has."""

    def __init__(self, features):
        super().__init__()
        self.features, self.config = features, {"timestep": "zero"}

    def forward(self, latents, timestep):
        return self.features


def sampled(video, guider, scheduler, reference, e, **options):
    """Latents of clips; `reference` is None, features, or a ReferenceNet with the latents that it is to see."""
    net, seen = reference if isinstance(reference, tuple) else (Gives(reference), e[:, 0])
    whole = AnimateDiff.of({"guider": guider, "reference_net": net, "denoiser": video})
    return sample(whole, scheduler, None if reference is None else seen, e, **options)
