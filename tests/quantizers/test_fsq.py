"""FSQ against Eq. 2 written out, and against vector-quantize-pytorch."""

from __future__ import annotations

import math

import pytest
import torch
import vector_quantize_pytorch
from signvip_quantizers.fsq import FiniteScalarQuantizer
from torch import Tensor

import signvip
from signvip.errors import ConfigError, MismatchError

LEVELS = [(5, 5, 5, 5), (8, 5, 5, 5), (2, 3, 4), (7,)]


def build(bound: str = "sigmoid", levels: tuple[int, ...] = (5, 5, 5, 5)) -> FiniteScalarQuantizer:
    return signvip.build("quantizer", "fsq", levels=levels, bound=bound)


def every_token(fsq: FiniteScalarQuantizer) -> Tensor:
    return torch.arange(fsq.vocab_size)[None, :, None]


def random_z(channels: int) -> Tensor:
    return 2 * torch.randn(3, channels, 6, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("levels", LEVELS)
def test_tokens_and_codes_follow_equation_2_one_number_at_a_time(levels):
    z = random_z(len(levels))
    quantized = build(levels=levels)(z)
    for b, y, x in [(0, 0, 0), (1, 3, 2), (2, 5, 4), (2, 0, 3)]:
        values = z[b, :, y, x].tolist()
        chosen = [
            round((count - 1) / (1 + math.exp(-value))) for value, count in zip(values, levels, strict=True)
        ]
        place, token = 1, 0
        for level, count in zip(chosen, levels, strict=True):
            token, place = token + level * place, place * count
        codes = [2 * level / (count - 1) - 1 for level, count in zip(chosen, levels, strict=True)]
        assert quantized.tokens[b, y, x] == token
        assert quantized.codes[b, :, y, x].tolist() == pytest.approx(codes, abs=1e-6)


@pytest.mark.parametrize(
    "levels", [levels for levels in LEVELS if 2 not in levels]
)  # theirs refuses two levels
def test_the_tanh_bound_is_that_of_vector_quantize_pytorch(levels):
    z = random_z(len(levels))
    theirs_codes, theirs_tokens = vector_quantize_pytorch.FSQ(list(levels))(z)
    ours = build("tanh", levels)(z)
    assert torch.equal(ours.tokens, theirs_tokens.long())
    torch.testing.assert_close(ours.codes, theirs_codes)


@pytest.mark.parametrize("bound", ["sigmoid", "tanh"])
@pytest.mark.parametrize("levels", LEVELS)
def test_every_token_has_a_code_of_its_own_that_comes_back_from_some_z(bound, levels):
    fsq = build(bound, levels)
    codes = fsq.decode(every_token(fsq))[0, :, :, 0].T
    assert len(codes.unique(dim=0)) == fsq.vocab_size == math.prod(levels)
    grid = torch.linspace(-12, 12, 4001)
    for channel, count in enumerate(levels):
        line = torch.zeros(1, len(levels), 1, len(grid))
        line[0, channel, 0] = grid
        reached = fsq(line).codes[0, channel, 0].unique()
        assert torch.equal(reached, codes[:, channel].unique()) and len(reached) == count


@pytest.mark.parametrize("name", ["fsq", "vq"])
def test_latents_of_another_shape_are_refused(name):
    quantizer = signvip.build("quantizer", name)
    for shape in ((2, 1, 4, 4), (2, 3, 4, 4), (4, 4, 4)):
        with pytest.raises(signvip.MismatchError, match=r"takes latents \(B, 4, h, w\)"):
            quantizer(torch.zeros(shape))


@pytest.mark.parametrize("name", ["fsq", "vq"])
def test_tokens_are_decoded_in_the_type_that_shards_store(name):
    quantizer = signvip.build("quantizer", name)
    stored = torch.tensor([[[0, 7], [600, 624]]], dtype=torch.uint16)
    assert torch.equal(quantizer.decode(stored), quantizer.decode(stored.long()))


@pytest.mark.parametrize("bound", ["sigmoid", "tanh"])
def test_codes_equal_decoded_tokens_to_the_last_bit(bound):
    fsq = build(bound, (8, 5, 5, 5))
    quantized = fsq(random_z(4).requires_grad_())
    assert torch.equal(quantized.codes, fsq.decode(quantized.tokens))
    assert quantized.codes.abs().max() <= 1


@pytest.mark.parametrize("bound", ["sigmoid", "tanh"])
def test_the_gradient_is_that_of_the_bound_without_the_rounding(bound):
    z = random_z(4).requires_grad_()
    build(bound)(z).codes.sum().backward()
    s = z.detach().sigmoid()
    reach = 2 * (1 + 1e-3) / 2  # half of the levels, with the margin, over the half width
    expected = 2 * s * (1 - s) if bound == "sigmoid" else reach * (1 - z.detach().tanh() ** 2)
    torch.testing.assert_close(z.grad, expected)


def test_quantizes_in_float32_under_autocast():
    z = random_z(4)
    with torch.autocast("cpu", torch.bfloat16):
        inside = build()(z)
    assert torch.equal(inside.tokens, build()(z).tokens)


def test_bfloat16_in_gives_bfloat16_codes():
    quantized = build()(random_z(4).bfloat16())
    assert quantized.codes.dtype is torch.bfloat16
    assert torch.equal(quantized.codes.float(), build().decode(quantized.tokens))


@pytest.mark.parametrize("bound", ["sigmoid", "tanh"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_model_in_half_precision_keeps_every_token(bound, dtype):
    fsq, half = build(bound, (8, 5, 5, 5, 5)), build(bound, (8, 5, 5, 5, 5)).to(dtype)
    assert torch.equal(half.decode(every_token(fsq)), fsq.decode(every_token(fsq)))
    assert torch.equal(half(random_z(5)).tokens, fsq(random_z(5)).tokens)


@pytest.mark.parametrize("token", [-1, 625, 626])
def test_a_token_outside_the_codebook_is_refused(token):
    with pytest.raises(MismatchError, match=f"Token {token} is outside .* signvip tokenize"):
        build().decode(torch.tensor([[[3, token]]]))


def test_no_tokens_decode_to_no_codes():
    assert build().decode(torch.zeros(0, 2, 2, dtype=torch.long)).shape == (0, 4, 2, 2)


@pytest.mark.parametrize("levels", [(), (5, 1), (4096, 4096, 2)])
def test_levels_that_make_no_codebook_are_refused_in_words(levels):
    with pytest.raises(ConfigError, match="levels"):
        build(levels=levels)


def test_there_is_nothing_to_save():
    assert not build().state_dict() and not list(build().parameters())
