"""The networks of the paper, each a diffusers `ModelMixin` that saves and loads itself.

They import the contracts, `data` and one another, and build plugins by name.
"""

from signvip.discovery.imports import collector_paused

with collector_paused():
    from signvip.models.autoencoder import Autoencoder
    from signvip.models.condition_encoder import ConditionEncoder
    from signvip.models.coordinates import Coordinates
    from signvip.models.pose_drawer import PoseDrawer
    from signvip.models.pose_head import PoseHead
    from signvip.models.token_groups import BodyAndHands
    from signvip.models.tokenizer import EmbeddingTokenizer, Tokenizer
    from signvip.models.translation import TokenTranslator
    from signvip.models.video_denoiser import VideoDenoiser

__all__ = [
    "Autoencoder",
    "BodyAndHands",
    "ConditionEncoder",
    "Coordinates",
    "EmbeddingTokenizer",
    "PoseDrawer",
    "PoseHead",
    "TokenTranslator",
    "Tokenizer",
    "VideoDenoiser",
]
