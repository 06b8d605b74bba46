"""The mixer (appendix B): the embeddings of a frame's tokens, flattened, a linear layer, LayerNorm and GELU."""

from __future__ import annotations

import torch
from signvip_translators.mixer import TokenMixer
from torch.nn import functional


def test_it_is_the_formula_of_appendix_b():
    torch.manual_seed(0)
    mixer = TokenMixer(tokens_per_frame=3, vocab_size=10, token_width=4, width=8)
    tokens = torch.randint(10, (2, 5, 3))
    linear, norm = mixer.mix[0], mixer.mix[1]
    flat = torch.cat([mixer.embed.weight[tokens[..., n]] for n in range(3)], dim=-1)  # (2, 5, 12)
    hidden = flat @ linear.weight.T + linear.bias
    hidden = (hidden - hidden.mean(-1, keepdim=True)) / hidden.std(-1, keepdim=True, unbiased=False)
    expected = functional.gelu(hidden * norm.weight + norm.bias)
    torch.testing.assert_close(mixer(tokens), expected, rtol=1e-3, atol=1e-4)


def test_the_place_of_a_token_in_its_frame_matters():
    mixer = TokenMixer(tokens_per_frame=3, vocab_size=10, token_width=4, width=8)
    frame = torch.tensor([[[1, 2, 3]]])
    assert (mixer(frame) - mixer(frame.flip(2))).abs().max() > 1e-3
