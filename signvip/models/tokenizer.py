"""The tokenizer between the text and the embeddings e: it defines the tokens that a translator learns to write."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

if TYPE_CHECKING:
    from signvip.contracts import Quantized


class Tokenizer(ModelMixin, ConfigMixin):
    """Tokens d (F, N) of a clip, each in [0, vocab_size), and the way from them to embeddings e."""

    @property
    @abstractmethod
    def tokens_per_frame(self) -> int:
        """N, the tokens of one frame."""

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """The number of different tokens."""

    @property
    def digits(self) -> Sequence[int] | None:
        """The number of values of each digit of a token, the fastest first; None where tokens have no digits."""
        return None

    @property
    @abstractmethod
    def decoding(self) -> nn.Module:
        """The network that `decode_frames` reads."""

    @abstractmethod
    def decode_frames(self, tokens: Tensor, chunk: int = 8) -> Tensor:
        """Rebuild e (F, C, h, w) from the tokens (F, N) of one clip, `chunk` frames at a time."""


class EmbeddingTokenizer(Tokenizer):
    """A tokenizer that makes tokens from embeddings e, and is trained to rebuild them (stage II, Eq. 6)."""

    @property
    @abstractmethod
    def cells(self) -> tuple[int, int]:
        """(h, w) of e."""

    @property
    @abstractmethod
    def bottlenecks(self) -> Sequence[nn.Module]:
        """Its quantizers."""

    @abstractmethod
    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Set each channel's mean and deviation (C,), measured on training data."""

    @abstractmethod
    def standardise(self, e: Tensor) -> Tensor:
        """Each channel at zero mean and unit deviation: squared errors are then shares of the variance."""

    @abstractmethod
    def encode(self, e: Tensor) -> Quantized:
        """Compress and quantize e (B, C, h, w): tokens (B, ...), which are (B, N) when they are flattened."""

    @abstractmethod
    def decode(self, tokens: Tensor) -> Tensor:
        """Rebuild e (B, C, h, w) from what `encode` gave."""

    @abstractmethod
    def forward(self, e: Tensor) -> tuple[Tensor, Quantized]:
        """Reconstruct e (B, C, h, w) through the quantizer; the loss of Eq. 6 is taken by the caller."""

    @abstractmethod
    def rehearse(self, e: Tensor) -> Tensor:
        """Return e (B, C, h, w) as a training step does, past the quantizer: what it takes in memory."""
