"""Vector quantization with a learned codebook, what FSQ is compared with (section 3.1)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

import signvip
from signvip_quantizers.checks import check_latents, check_tokens, in_full_precision


class VectorQuantizer(nn.Module):
    """Nearest of the codebook's vectors; the codebook follows the encoder by moving averages."""

    started: Tensor  # whether k-means has run, where it is asked for
    waiting: Tensor  # (V, dim) vectors kept for it; saved, so that a resumed training equals one that never stopped
    kept: Tensor  # how many

    class Config(signvip.Config):
        codebook_size: Annotated[int, Field(ge=2)] = Field(
            625, description="as many codes as FSQ has with 5^4"
        )
        codebook_dim: PositiveInt = Field(4, description="channels of the latent")
        decay: Annotated[float, Field(gt=0, lt=1)] = Field(
            0.9, description="of the codebook's moving averages"
        )
        kmeans_init: bool = Field(
            True, description="start from k-means, of as many first batches as have a vector for each code"
        )
        kmeans_iters: PositiveInt = 10
        threshold_ema_dead_code: int = Field(1, ge=0, description="codes used less are restarted; 0 is off")
        commitment_weight: float = Field(0.25, ge=0)
        gradient: Literal["straight_through", "rotation"] = Field(
            "straight_through",
            description="past the look-up: copied, or by the rotation trick (arXiv:2410.06424)",
        )

    @classmethod
    def options_for(cls, codes: int) -> dict[str, Any]:
        """Return options with so many codes."""
        return {"codebook_size": codes}

    def __init__(self, config: Config) -> None:
        # Four seconds of imports that only this quantizer needs.
        from vector_quantize_pytorch import VectorQuantize

        super().__init__()
        self.dim = config.codebook_dim
        self.vocab_size = config.codebook_size
        self.vq = VectorQuantize(
            dim=config.codebook_dim,
            codebook_size=config.codebook_size,
            decay=config.decay,
            kmeans_iters=config.kmeans_iters,
            threshold_ema_dead_code=config.threshold_ema_dead_code,
            commitment_weight=config.commitment_weight,
            rotation_trick=config.gradient == "rotation",
            accept_image_fmap=True,
        )
        self._going = False  # once it has started, the card is not asked again in each step
        self.register_buffer("started", torch.tensor(not config.kmeans_init))
        self.register_buffer("waiting", torch.zeros(config.codebook_size, config.codebook_dim))
        self.register_buffer("kept", torch.tensor(0))

    def forward(self, z: Tensor) -> signvip.Quantized:
        """Quantize z (B, dim, h, w); in training the codebook moves, and the commitment loss is returned."""
        check_latents(z, self.dim)
        if self.training:
            self._start(z)
        with in_full_precision(z):
            codes, tokens, loss = self.vq(z.float())
            if not self.training:  # the library passes no gradient then; soft - soft is exactly zero
                codes = codes + (z - z.detach()).float()
        return signvip.Quantized(codes.to(z.dtype), tokens, loss.sum())

    def decode(self, tokens: Tensor) -> Tensor:
        """Return the codebook's vectors (B, dim, h, w) of tokens (B, h, w); MismatchError outside [0, V)."""
        return self.vq.codebook[check_tokens(tokens, self.vocab_size)].movedim(-1, 1)

    def _load_from_state_dict(self, *arguments: Any, **options: Any) -> None:
        self._going = False  # as the weights that come in say
        super()._load_from_state_dict(*arguments, **options)

    @torch.no_grad()
    def _start(self, z: Tensor) -> None:
        """Have the library run k-means once there is a vector for each code; small batches are put together.

        Left to itself it would do so with its first batch of any size, and in evaluation too: a small batch
        fills the codebook with copies of a few vectors.
        """
        self._going = self._going or bool(self.started)
        if self._going:
            return
        vectors = z.float().movedim(1, -1).flatten(0, -2)
        vectors = torch.cat([self.waiting[: int(self.kept)].float(), vectors])
        if len(vectors) < self.vocab_size:
            self.waiting[: len(vectors)] = vectors
            self.kept.fill_(len(vectors))
            return
        self.vq._codebook.initted.fill_(False)
        self.vq._codebook.init_embed_(vectors[None])
        self.started.fill_(True)
        self.waiting.zero_()
