"""What a test starts in a process of its own: the card of the imagination refuses what a real one would."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from fake_cuda import fake_cuda
from torch import Tensor, nn
from torch.nn import functional


def on_card(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(*shape, dtype=dtype, device="cuda")


def half(*shape: int) -> Tensor:
    return on_card(*shape, dtype=torch.bfloat16)


def put(indices: Tensor, into: Tensor, values: Tensor) -> None:
    into[indices] = values


def indices(device: str = "cuda") -> Tensor:
    return torch.zeros(2, dtype=torch.long, device=device)


REFUSED: tuple[Callable[[], object], ...] = (
    lambda: functional.linear(half(2, 4), on_card(4, 4), on_card(4)),
    lambda: functional.linear(half(2, 4), on_card(4, 4)),
    lambda: half(2, 4) @ on_card(4, 4),
    lambda: functional.conv2d(half(1, 4, 8, 8), on_card(4, 4, 3, 3), on_card(4)),
    lambda: functional.conv_transpose2d(half(1, 4, 8, 8), on_card(4, 4, 3, 3)),
    lambda: functional.group_norm(half(1, 4, 8, 8), 2, on_card(4), on_card(4)),
    lambda: functional.embedding_bag(
        indices(), on_card(4, 4), indices(), per_sample_weights=half(2), mode="sum"
    ),
    lambda: put(indices(), on_card(3, 4), half(2, 4)),
    lambda: on_card(3, 4).index_copy_(0, indices(), half(2, 4)),
    lambda: torch.zeros(3)[indices()],
    lambda: on_card(3) + torch.zeros(3),
    lambda: torch.randn(3, device="cuda", generator=torch.Generator()),
    lambda: on_card(3).normal_(generator=torch.Generator()),
    lambda: on_card(3).numpy(),
)
ALLOWED: tuple[Callable[[], object], ...] = (
    lambda: functional.linear(half(2, 4), half(4, 4), half(4)),
    lambda: put(indices("cpu"), half(3, 4), half(2, 4)),
    lambda: torch.randn(3, generator=torch.Generator()).to("cuda"),
    lambda: on_card(3) + torch.tensor(1.0),
)


def main() -> None:
    with fake_cuda() as card:
        layer = nn.Linear(2, 2)
        assert copy.deepcopy(layer).weight.fake_mode is card  # else memory is freed twice, some time later
        for ask in ALLOWED:
            ask()
        for place, ask in enumerate(REFUSED):
            try:
                ask()
            except (RuntimeError, TypeError):
                continue
            raise AssertionError(f"number {place} was let pass")


if __name__ == "__main__":
    main()
