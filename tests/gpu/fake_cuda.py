"""A CUDA card for machines that have none: shapes, types and devices are computed, and values are not.

Under torch's FakeTensorMode a tensor says that it is on a card, and an operation on tensors of two devices fails as it
would there. What this file adds is what code asks of a card beside that: whether there is one, its random state, and
numbers that are read from it. Those are refused, as no step of training may wait for the card, or are made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import accelerate.utils.other
import diffusers
import numpy as np
import safetensors.torch
import torch
import transformers
from accelerate.state import AcceleratorState, PartialState
from diffusers.training_utils import EMAModel
from refusals import refuse
from torch._subclasses import fake_tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_map

READ = {
    torch.ops.aten._local_scalar_dense.default: None,
    torch.ops.aten.item.default: None,
    torch.ops.aten.equal.default: torch.bool,
}
RANDOM_STATE = torch.zeros(16, dtype=torch.uint8)


class Card(FakeTensorMode):
    """Where `answers` is set, a number that is read is one, or `truth`; else reading one of the card fails."""

    def __init__(self) -> None:
        super().__init__(
            allow_non_fake_inputs=True
        )  # batches and weights come from files, and files hold values
        self.answers, self.truth = True, True

    @property
    def avoid_device_init(self) -> bool:
        return True  # no driver is to be asked, whatever `torch.cuda.is_available` says

    def __deepcopy__(self, memo: Any) -> Card:
        """Return itself: a tensor's copy is on the same card.

        Left to Python, copying a layer would copy the card, and its raw references to storages: freed twice, they
        take one from whatever lies there by then, and the process dies in some later collection of garbage.
        """
        return self

    def dispatch(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        asked = func in READ and isinstance(args[0], FakeTensor)
        if asked and (self.answers or args[0].device.type == "cpu"):
            kind = READ[func] or args[0].dtype
            return self.truth if kind == torch.bool else 1.0 if kind.is_floating_point else 1
        refuse(func, args, kwargs or {})
        if func == torch.ops.aten._to_copy.default and not self.answers:
            _refuse_to_wait(args[0].device, **kwargs)
        if func == torch.ops.aten.exponential_.default:
            return args[0]  # torch's own stand-in takes no generator
        return super().dispatch(func, types, args, kwargs)


@contextmanager
def fake_cuda() -> Iterator[Card]:
    """Let there be one card, for as long as the context lasts."""
    card = Card()
    with ExitStack() as stack:
        for target, name, value in [*_pretences(), (torch, "tensor", _tensor(card, torch.tensor))]:
            stack.enter_context(patch.object(target, name, value))
        # the other kernels look up what the card can do, in tables that have no entry for this one
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        _forget_devices()
        try:
            with card:
                yield card
        finally:
            _forget_devices()


def _pretences() -> Iterator[tuple[Any, str, Any]]:
    """What code asks of a card, and what it is told."""
    yes, nothing = (lambda *_, **__: True), (lambda *_, **__: None)
    yield torch.accelerator, "is_available", yes
    yield torch.accelerator, "current_accelerator", lambda *_, **__: torch.device("cuda")
    for name, answer in {
        "is_available": yes,
        "is_initialized": yes,
        "is_bf16_supported": yes,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": nothing,
        "synchronize": nothing,
        "empty_cache": nothing,
        "manual_seed_all": nothing,
        "manual_seed": nothing,
        "get_rng_state": lambda *_: RANDOM_STATE,
        "set_rng_state": nothing,
        "get_rng_state_all": lambda: [RANDOM_STATE],
        "set_rng_state_all": nothing,
        "get_device_capability": lambda *_: (9, 0),
        "get_device_name": lambda *_: "a card of the imagination",
    }.items():
        yield torch.cuda, name, answer
    yield fake_tensor, "init_gpu_context", nothing
    yield torch.utils, "swap_tensors", _move
    yield torch.Tensor, "backward", _backward
    yield torch.Tensor, "pin_memory", lambda tensor, *_: tensor
    yield torch.Tensor, "numpy", _numpy
    yield torch, "save", _with_zeros(torch.save)
    yield torch, "load", _as_it_is(torch.load)
    yield EMAModel, "load_state_dict", _as_it_is(EMAModel.load_state_dict)
    for library in (safetensors.torch, accelerate.utils.other):
        for name in {"save_file", "safe_save_file"} & set(vars(library)):
            yield library, name, _with_zeros(getattr(library, name))
    # it would take all tensors for one, since none has an address
    yield accelerate.utils.other, "clean_state_dict_for_safetensors", lambda found: found
    yield safetensors.torch, "load_file", _as_it_is(safetensors.torch.load_file)
    for base in (diffusers.ModelMixin, transformers.PreTrainedModel):
        yield base, "from_pretrained", classmethod(_without_values(base.from_pretrained.__func__))


def _refuse_to_wait(source: torch.device, **options: Any) -> None:
    """What is sent to the card waits for all that it still computes, unless it is told not to."""
    place = options.get("device")
    if place is not None and place.type == "cuda" != source.type and not options.get("non_blocking"):
        raise RuntimeError("a step waits for the card to send it something; send it with non_blocking=True")


def _tensor(card: Card, plain: Any) -> Any:
    """Values that are listed are sent as any others are."""

    def make(*args: Any, device: Any = None, **options: Any) -> torch.Tensor:
        if device is not None and not card.answers:
            _refuse_to_wait(torch.device("cpu"), device=torch.device(device))
        return plain(*args, device=device, **options)

    return make


def _backward(loss: torch.Tensor, *_: Any, **__: Any) -> None:
    """Give every parameter that a loss depends on a gradient, as the graph has it.

    torch's engine cannot run, since it asks the driver for streams: forward passes and the optimizer are looked at.
    """
    nodes, seen = [loss.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        nodes += [following for following, _ in node.next_functions]
        if hasattr(node, "variable"):
            leaf = node.variable
            leaf.grad = torch.ones_like(leaf) if leaf.grad is None else leaf.grad + 1


def _move(parameter: FakeTensor, moved: FakeTensor) -> None:
    """Move a parameter in place; torch's own swap refuses, since FakeTensorMode keeps a weak reference to each."""
    parameter.data = moved
    parameter.fake_device = moved.fake_device


def _numpy(tensor: torch.Tensor, *, force: bool = False, plain: Any = torch.Tensor.numpy) -> np.ndarray:
    """Some values of the tensor's shape, where torch would give its own; torch's refusals else."""
    if not isinstance(tensor, FakeTensor):
        return plain(tensor, force=force)
    if tensor.device.type != "cpu":
        raise TypeError(f"can't convert {tensor.device} device type tensor to numpy; use Tensor.cpu() first.")
    if tensor.requires_grad:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
    if tensor.dtype == torch.bfloat16:
        raise TypeError("Got unsupported ScalarType BFloat16")
    kind = str(tensor.dtype).removeprefix("torch.")
    if not tensor.is_floating_point():
        return np.zeros(tensor.shape, kind)
    return np.random.default_rng(0).random(tensor.shape).astype(kind)


def _with_zeros(plain: Any) -> Any:
    """Files that are written of tensors without values hold zeros."""

    def write(found: Any, *args: Any, **options: Any) -> Any:
        with unset_fake_temporarily():
            return plain(tree_map(_zeros, found), *args, **options)

    return write


def _zeros(value: Any) -> Any:
    return torch.zeros(value.shape, dtype=value.dtype) if isinstance(value, FakeTensor) else value


def _as_it_is(plain: Any) -> Any:
    """Files of checkpoints are read as on any machine."""

    def read(*args: Any, **options: Any) -> Any:
        with unset_fake_temporarily():
            return plain(*args, **options)

    return read


def _without_values(plain: Any) -> Any:
    """Networks are read as on any machine, and then forget their values."""

    def read(cls: Any, *args: Any, **options: Any) -> Any:
        with unset_fake_temporarily():
            found = plain(cls, *args, **options)
        network = found[0] if isinstance(found, tuple) else found
        for part in network.modules():
            for kept in (part._parameters, part._buffers):
                kept.update({name: _faked(value) for name, value in kept.items()})
        return found

    return read


def _faked(value: torch.Tensor | None) -> torch.Tensor | None:
    if value is None or isinstance(value, FakeTensor):
        return value
    empty = torch.empty(value.shape, dtype=value.dtype)
    trained = isinstance(value, torch.nn.Parameter)
    return torch.nn.Parameter(empty, value.requires_grad) if trained else empty


def _forget_devices() -> None:
    """accelerate keeps the first device that it has seen in a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    assert not PartialState._shared_state
