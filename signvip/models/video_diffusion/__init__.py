"""Sign Video Diffusion Model (section 3.4): condition embeddings and a reference picture to video latents."""

from signvip.models.video_diffusion.denoiser import Denoiser
from signvip.models.video_diffusion.guider import Guider
from signvip.models.video_diffusion.reference import ReferenceNet

__all__ = ["Denoiser", "Guider", "ReferenceNet"]
