"""The networks of the paper, each a diffusers `ModelMixin` that saves and loads itself.

They import the contracts, `data` and one another, and build plugins by name.
"""

from signvip.discovery.imports import collector_paused

with collector_paused():
    from signvip.models.autoencoder import Autoencoder
    from signvip.models.codec import Codec, EmbeddingCodec
    from signvip.models.condition_encoder import ConditionEncoder
    from signvip.models.coordinates import Coordinates
    from signvip.models.denoising import VideoDenoiser
    from signvip.models.pose_head import PoseHead
    from signvip.models.token_groups import BodyAndHands
    from signvip.models.translation import TokenTranslator

__all__ = [
    "Autoencoder",
    "BodyAndHands",
    "Codec",
    "ConditionEncoder",
    "Coordinates",
    "EmbeddingCodec",
    "PoseHead",
    "TokenTranslator",
    "VideoDenoiser",
]
