"""The paper's denoiser (section 3.4): a U-Net with motion modules, guided by a guider and a ReferenceNet."""

from signvip_denoisers.animatediff.animatediff import AnimateDiff
from signvip_denoisers.animatediff.denoiser import Denoiser
from signvip_denoisers.animatediff.guider import Guider
from signvip_denoisers.animatediff.reference import ReferenceNet

__all__ = ["AnimateDiff", "Denoiser", "Guider", "ReferenceNet"]
