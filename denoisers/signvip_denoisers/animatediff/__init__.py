"""Sign Video Diffusion Model (section 3.4): condition embeddings and a reference picture to video latents."""

from signvip_denoisers.animatediff.denoiser import Denoiser
from signvip_denoisers.animatediff.guider import Guider
from signvip_denoisers.animatediff.reference import ReferenceNet

__all__ = ["Denoiser", "Guider", "ReferenceNet"]
