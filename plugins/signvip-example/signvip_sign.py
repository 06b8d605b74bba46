"""One bit per channel: the smallest quantizer there is."""

import torch
from torch import Tensor, nn

import signvip


class SignQuantizer(nn.Module):
    class Config(signvip.Config):
        channels: int = 8

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dim = config.channels
        self.vocab_size = 2**config.channels
        self.register_buffer("powers", 2 ** torch.arange(self.dim)[:, None, None], persistent=False)

    def forward(self, z: Tensor) -> signvip.Quantized:  # z (B, dim, H, W)
        tokens = ((z > 0) * self.powers).sum(1)
        codes = z + (self.decode(tokens) - z).detach()  # straight through
        return signvip.Quantized(codes, tokens)

    def decode(self, tokens: Tensor) -> Tensor:  # (B, H, W) -> (B, dim, H, W)
        return tokens[:, None] // self.powers % 2 * 2.0 - 1.0


@signvip.hookimpl
def register_quantizers(register):
    register("sign", SignQuantizer)
