"""Weights that FSDP2 spread over processes: made whole for a while to validate, and for good to be saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.downsampling import Downsample2D
from diffusers.models.embeddings import TimestepEmbedding
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy
from torch.distributed.tensor import DTensor

from signvip.errors import ConfigError
from signvip.models import ConditionEncoder

if TYPE_CHECKING:
    from accelerate.utils import FullyShardedDataParallelPlugin

# What has a tensor for input and output: FSDP2 looks at no other. Parts name more in `spread_by`.
BLOCKS: tuple[type[nn.Module], ...] = (
    ResnetBlock2D,
    Downsample2D,
    Upsample2D,
    TimestepEmbedding,
    FeedForward,
    ConditionEncoder,
)


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
    plugin.transformer_cls_names_to_wrap = sorted({type(block).__name__ for _, block in blocks_of(module)})
    plugin.auto_wrap_policy = transformer_auto_wrap_policy


def blocks_of(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Return the names and modules of what is spread by itself: known blocks, and those a part names in `spread_by`."""
    kinds = {kind for part in module.modules() for kind in getattr(part, "spread_by", ())}
    chosen = (*BLOCKS, *kinds)
    return ((name, part) for name, part in module.named_modules() if name and isinstance(part, chosen))


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
