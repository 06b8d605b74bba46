"""The networks of the paper, each a diffusers `ModelMixin` that saves and loads itself."""

from signvip.models.autoencoder import Autoencoder
from signvip.models.condition_encoder import ConditionEncoder
from signvip.models.translation import TokenTranslator
from signvip.models.video_diffusion import Denoiser, Guider, ReferenceNet

__all__ = ["Autoencoder", "ConditionEncoder", "Denoiser", "Guider", "ReferenceNet", "TokenTranslator"]
