"""What a card refuses, and torch's fake tensors let pass: two dtypes in one product, generators from elsewhere.

Meta kernels compute shapes; of those named here they do not compare the kinds of numbers, as the card's own kernels do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten
OF_ONE_KIND = {
    aten.mm: (0, 1),
    aten.addmm: (0, 1, 2),
    aten.mv: (0, 1),
    aten.addmv: (0, 1, 2),
    aten.addbmm: (0, 1, 2),
    aten.convolution: (0, 1, 2),
    aten.native_group_norm: (0, 1, 2),
    aten.native_layer_norm: (0, 2, 3),
    aten.index_put: (0, 2),
    aten.index_put_: (0, 2),
    aten._index_put_impl_: (0, 2),
    aten.index_copy: (0, 3),
    aten.index_copy_: (0, 3),
    aten.index_add: (0, 3),
    aten.index_add_: (0, 3),
    aten._embedding_bag: (0, 6),
    aten._embedding_bag_forward_only: (0, 6),
}
"""Operations, and which of their arguments must have one dtype."""
INDEXED = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}


def refuse(func: Any, args: Sequence[Any], options: dict[str, Any]) -> None:
    """Raise what the card's own kernels would."""
    kernel = func.overloadpacket
    given = [args[place] for place in OF_ONE_KIND.get(kernel, ()) if place < len(args)]
    kinds = {value.dtype for value in given if isinstance(value, Tensor)}
    if len(kinds) > 1:
        raise RuntimeError(f"{kernel} of {sorted(map(str, kinds))}: a card takes one dtype")
    if kernel in INDEXED:
        _refuse_indices(args[0], args[1])
    _refuse_generator(func, args, options)


def _refuse_indices(indexed: Tensor, indices: Sequence[Tensor | None]) -> None:
    away = {index.device.type for index in indices if index is not None} - {"cpu", indexed.device.type}
    if away:
        raise RuntimeError(
            f"indices should be either on cpu or on the device of what is indexed, not on {away}"
        )


def _refuse_generator(func: Any, args: Sequence[Any], options: dict[str, Any]) -> None:
    generator = next((v for v in [*args, *options.values()] if isinstance(v, torch.Generator)), None)
    if generator is None:
        return
    tensor = next((value for value in args if isinstance(value, Tensor)), None)
    place = options.get("device") or (tensor.device if tensor is not None else "cpu")
    if torch.device(place).type != generator.device.type:
        raise RuntimeError(f"{func} on {place} with a generator that is on {generator.device}")
