"""What a test needs to run networks without values: a guard of devices and types, and stand-ins for what has values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from diffusers import DDIMScheduler
from signvip_translators.text_encoders import EncodedText
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from signvip.sampling.levels import DDIMByLevels
from signvip.training.trainable import Frozen

# of these a card wants one type; shapes alone would not tell
ONE_TYPE = {"convolution", "addmm", "mm", "bmm", "baddbmm", "native_group_norm", "native_layer_norm", "cat"}
MIXED = {"copy_", "_to_copy", "index", "index_put_", "_index_put_impl_"}


class OneCard(TorchDispatchMode):
    """Refuse operations on tensors of two devices, and products of two types, as a card would.

    The meta device lets some pass. Scalars and what is copied may be on the CPU, and so may what indexes. With `reads`
    a value that code asks for is made up; a step is not to ask.
    """

    def __init__(self, *, reads: bool = False) -> None:
        super().__init__()
        self.reads = reads

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        tensors = list(_tensors(args))
        if self.reads and name == "_local_scalar_dense" and args[0].is_meta:
            return args[0].dtype == torch.bool
        devices = {tensor.device.type for tensor in tensors if tensor.ndim}
        if len(devices) > 1 and name not in MIXED:
            raise AssertionError(f"{func} is given tensors on {' and '.join(sorted(devices))}")
        kinds = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
        if len(kinds) > 1 and name in ONE_TYPE:
            raise AssertionError(f"{func} is given {' and '.join(sorted(map(str, kinds)))}")
        return func(*args, **(kwargs or {}))


def _tensors(arguments: Iterable[Any]) -> Iterator[Tensor]:
    for argument in arguments:
        if isinstance(argument, Tensor):
            yield argument
        elif isinstance(argument, list | tuple):
            yield from _tensors(argument)


class ReadTexts(nn.Module):
    """In the place of a pretrained text encoder: states of as many channels, for texts of this many words."""

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.width, self.words = width, words
        self.register_buffer("place", torch.zeros((), device="meta"))

    def forward(self, texts: list[str]) -> EncodedText:
        """All of them of the same length."""
        states = torch.zeros(len(texts), self.words, self.width, device=self.place.device)
        return EncodedText(states, torch.ones_like(states[..., 0], dtype=torch.bool), states[:, 0])


def on_known_steps(scheduler: DDIMScheduler) -> DDIMScheduler:
    """DDIM with times on the CPU: a table cannot be read at a place without a value."""
    by_sigma = scheduler.config["timestep_spacing"] == "sigma"
    kind: Any = DDIMByLevels if by_sigma else DDIMScheduler

    class KnownSteps(kind):
        def set_timesteps(self, num_inference_steps: int, device: Any = None) -> None:
            super().set_timesteps(num_inference_steps, device="cpu")

    return KnownSteps.from_config(scheduler.config)


def on_the_cpu(module: nn.Module) -> None:
    """Put a module on the CPU without values, under torch's FakeTensorMode."""
    for part in module.modules():
        if isinstance(part, Frozen):
            on_the_cpu(part.network)
        for kept in (part._parameters, part._buffers):
            kept.update({name: _moved(value) for name, value in kept.items()})


def batch_on_the_cpu(batch: dict[str, Any]) -> dict[str, Any]:
    """The same for a batch."""
    return {name: _moved(value) if isinstance(value, Tensor) else value for name, value in batch.items()}


def _moved(value: Tensor | None) -> Tensor | None:
    if value is None:
        return None
    empty = torch.empty_like(value, device="cpu")
    return nn.Parameter(empty, value.requires_grad) if isinstance(value, nn.Parameter) else empty


def without_gradients(module: nn.Module) -> Iterator[str]:
    """Names of trained weights that the last backward pass did not reach."""
    for name, weight in module.named_parameters():
        if weight.requires_grad and weight.grad is None:
            yield name
