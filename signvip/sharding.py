"""Weights that FSDP2 spread over processes: made whole for a while to validate, and for good to be saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy
from torch.distributed.tensor import DTensor

from signvip.errors import ConfigError

if TYPE_CHECKING:
    from accelerate.utils import FullyShardedDataParallelPlugin

# Of diffusers and transformers. Spatial attentions are not among them: reference features leave and enter them by a
# dictionary, which FSDP2 copies, and their gradients do not come by what the block returns.
BLOCKS = ("ResnetBlock2D", "AnimateDiffTransformer3D", "GPT2Block")


def check_torch() -> None:
    """Refuse a torch whose FSDP2 cannot keep weights whole after a forward pass."""
    if not hasattr(FSDPModule, "set_reshard_after_forward"):
        raise ConfigError(
            f"FSDP needs a newer torch than {torch.__version__}; run: pip install --upgrade torch"
        )


def choose_blocks(plugin: FullyShardedDataParallelPlugin, module: nn.Module) -> None:
    """Let the weights of one block at a time be whole, whatever blocks this module has.

    accelerate wants the names of classes that are all there, which differ from stage to stage; and by size it would
    also take lists of modules, which have no forward pass.
    """
    there = {type(part).__name__ for part in module.modules()}
    plugin.transformer_cls_names_to_wrap = [name for name in BLOCKS if name in there]
    plugin.auto_wrap_policy = transformer_auto_wrap_policy


@contextmanager
def whole(module: nn.Module, reshard_after_forward: bool) -> Iterator[None]:
    """Give every process all weights for a while; every process has to come here, but they may then do other things.

    `reshard_after_forward` is what training does, and does again afterwards; the outermost module keeps its weights.
    """
    groups = [part for part in module.modules() if isinstance(part, FSDPModule)]
    for group in groups:
        group.set_reshard_after_forward(False, recurse=False)
        group.unshard()
    try:
        yield
    finally:
        for group in groups:
            group.set_reshard_after_forward(reshard_after_forward and group is not module, recurse=False)
            group.reshard()


def gather(module: nn.Module) -> None:
    """Give every process all weights for good, and modules their own classes; every process has to come here.

    The parts can be saved then, but not trained on.
    """
    for owner in module.modules():
        for name, weight in list(owner.named_parameters(recurse=False)):
            if isinstance(weight, DTensor):
                owner._parameters[name] = nn.Parameter(
                    weight.full_tensor().detach().cpu(), weight.requires_grad
                )
        if isinstance(owner, FSDPModule):
            owner.__class__ = type(owner).__bases__[1]  # made as a class of (FSDPModule, the module's own)
