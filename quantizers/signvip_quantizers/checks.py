"""What every quantizer here checks before it looks a token up."""

from __future__ import annotations

from torch import Tensor

from signvip.errors import MismatchError


def check_tokens(tokens: Tensor, vocab_size: int) -> None:
    """Raise MismatchError for a token outside [0, vocab_size): it would wrap to another code in silence."""
    if not tokens.numel():
        return
    low, high = (int(bound) for bound in tokens.aminmax())
    if low < 0 or high >= vocab_size:
        wrong = low if low < 0 else high
        raise MismatchError(
            f"Token {wrong} is outside the {vocab_size} codes of this quantizer; the tokens come from another "
            "one, so make them again with: signvip tokenize"
        )
