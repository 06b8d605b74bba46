"""Conformance of a quantizer (section 3.5): shapes, range, round trips, gradient, state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from signvip.contracts import Quantized
from signvip.testing.building import configure, require, require_methods, telling

if TYPE_CHECKING:
    import torch
    from torch import Tensor

STEPS, STEP = 200, 0.05
MOST_TOKENS = 4096  # of a large vocabulary so many are tried, evenly spaced
GRIDS = ((4, 4), (4, 3), (1, 1))


@telling
def check_quantizer(cls: type, **options: Any) -> None:
    """Raise AssertionError with a sentence where a quantizer breaks its contract."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        quantizer: Any = cls(configure(cls, options))
        _check_sizes(cls.__name__, quantizer)
        _check_gradient(cls.__name__, quantizer)
        quantizer.eval()
        for grid in GRIDS:
            _check_shapes(cls.__name__, quantizer, grid)
        _check_round_trip(cls.__name__, quantizer)
        _check_autocast(cls.__name__, quantizer)
        _check_state(cls.__name__, quantizer, cls(configure(cls, options)))


def _check_sizes(name: str, quantizer: Any) -> None:
    import torch

    require(isinstance(quantizer, torch.nn.Module), f"{name} must be a torch.nn.Module.")
    require_methods(quantizer, "forward", "decode")
    for attribute in ("dim", "vocab_size"):
        value = getattr(quantizer, attribute, None)
        require(
            type(value) is int and value > 0, f"{name}.{attribute} must be a positive int, not {value!r}."
        )


def _check_gradient(name: str, quantizer: Any) -> None:
    """Trains on enough vectors for a codebook to be born from them; then the gradient must reach z."""
    import torch

    quantizer.train()
    count = -(-2 * min(quantizer.vocab_size, MOST_TOKENS) // 16)
    z = torch.randn(count, quantizer.dim, 4, 4, requires_grad=True)
    kept = z.detach().clone()
    out = quantizer(z)
    require(
        isinstance(out, Quantized), f"{name} must return signvip.Quantized(codes, tokens), not {out!r:.40}."
    )
    advice = f"{name} passes no gradient to z; use the straight-through estimator."
    require(out.codes.requires_grad, advice)
    loss = (out.codes * torch.randn_like(out.codes)).sum() + out.loss
    require(loss.ndim == 0, f"{name} must give one number as its loss, or 0.0.")
    loss.backward()
    slope = z.grad if z.grad is not None else torch.zeros_like(z)
    require(bool(torch.isfinite(slope).all()), f"{name} must pass a finite gradient to z.")
    require(bool(slope.count_nonzero()), advice)
    require(torch.equal(z.detach(), kept), f"{name} must not change z in place.")


def _check_shapes(name: str, quantizer: Any, grid: tuple[int, int]) -> None:
    import torch

    z = torch.randn(2, quantizer.dim, *grid)
    out = quantizer(z)
    require(out.codes.shape == z.shape, f"{name}: codes are {tuple(out.codes.shape)} for z {tuple(z.shape)}.")
    wanted = (2, *grid)
    require(tuple(out.tokens.shape) == wanted, f"{name}: tokens are {tuple(out.tokens.shape)}, not {wanted}.")
    require(_is_integer(out.tokens), f"{name}: tokens must be integers, not {out.tokens.dtype}.")
    low, high = int(out.tokens.min()), int(out.tokens.max())
    require(low >= 0 and high < quantizer.vocab_size, f"{name}: token outside [0, {quantizer.vocab_size}).")
    decoded = quantizer.decode(out.tokens)
    require(decoded.shape == z.shape, f"{name}: decode gives {tuple(decoded.shape)} for tokens {wanted}.")
    require(
        torch.allclose(decoded, out.codes.float(), atol=1e-5),
        f"{name}: decode(tokens) must equal the codes of the same forward in eval mode.",
    )
    require(
        torch.equal(quantizer(z).tokens, out.tokens), f"{name}: two passes in eval mode give other tokens."
    )
    require(
        torch.equal(quantizer(z[:1]).tokens, out.tokens[:1]),
        f"{name}: a latent must give the same tokens alone and in a batch.",
    )


def _check_round_trip(name: str, quantizer: Any) -> None:
    import torch

    step = -(-quantizer.vocab_size // MOST_TOKENS)
    tokens = torch.arange(0, quantizer.vocab_size, step)[:, None, None]
    wrong = tokens[~_reached(quantizer, tokens)].flatten().tolist()
    require(
        not wrong,
        f"{name}: forward(decode(t)).tokens must be t, or the gradient must lead there; "
        f"it does not for {len(wrong)} tokens, such as {wrong[:3]}.",
    )


def _reached(quantizer: Any, tokens: Tensor) -> Tensor:
    """Return the tokens that come back from their own codes, at once or by small steps down the gradient.

    Where z is bounded before it is rounded (Eq. 2), a code is not a z that gives it: with five levels the outermost
    code is 1, but sigmoid(1) rounds to the level before. The straight-through gradient must then lead there.
    """
    import torch

    codes = quantizer.decode(tokens)
    z = codes.clone().requires_grad_()
    out = quantizer(z)
    reached = out.tokens == tokens
    for _ in range(STEPS):
        if bool(reached.all()) or not out.codes.requires_grad:
            break
        (slope,) = torch.autograd.grad((out.codes - codes).square().sum(), z)
        z = (z - STEP * slope.sign()).detach().requires_grad_()
        out = quantizer(z)
        reached |= out.tokens == tokens
    return reached


def _check_autocast(name: str, quantizer: Any) -> None:
    """Check that it computes in float32: under bfloat16, codes that lie close together fall into one."""
    import torch

    z = torch.randn(8, quantizer.dim, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        tokens = quantizer(z).tokens
    require(torch.equal(tokens, quantizer(z).tokens), f"{name} must give the same tokens under autocast.")


def _check_state(name: str, quantizer: Any, fresh: Any) -> None:
    import torch

    fresh.eval()
    fresh.load_state_dict(quantizer.state_dict())
    z = torch.randn(4, quantizer.dim, 4, 4)
    first, second = quantizer(z), fresh(z)
    same = torch.equal(first.tokens, second.tokens) and torch.equal(first.codes, second.codes)
    require(same, f"{name}: another one with the same state_dict must give the same codes.")


def _is_integer(tokens: Tensor) -> bool:
    kind: torch.dtype = tokens.dtype
    return not (kind.is_floating_point or kind.is_complex)
