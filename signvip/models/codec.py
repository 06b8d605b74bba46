"""What stands between the text and the embeddings e: the tokens that a translator learns to write."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class Codec(ModelMixin, ConfigMixin):
    """Tokens d (F, N) of a clip, each in [0, vocab_size), and the way from them to embeddings e."""

    @property
    @abstractmethod
    def tokens_per_frame(self) -> int:
        """N, the tokens of one frame."""

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """How many different tokens there are."""

    @property
    def digits(self) -> Sequence[int] | None:
        """How many values each digit of a token has, the fastest counting first; None where it has no digits."""
        return None

    @property
    @abstractmethod
    def decoding(self) -> nn.Module:
        """The network that `decode_frames` reads."""

    @abstractmethod
    def decode_frames(self, tokens: Tensor, chunk: int = 8) -> Tensor:
        """Rebuild e (F, C, h, w) from the tokens (F, N) of one clip, `chunk` frames at a time."""
