"""Checkpoints of the training loop: tensors in safetensors, everything else in JSON, so that reading one runs no code.

model.safetensors      the module's weights and buffers
state.safetensors      tensors of the optimizer, of the averaged weights and of the loss scaler
state.json             their numbers, the schedule's, and where each tensor belongs

Random states are not kept: the loop seeds every step by its number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
from accelerate import DistributedType
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from signvip.errors import RunError
from signvip.storage.json_files import parse_json

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.optimizer import AcceleratedOptimizer

WEIGHTS, TENSORS, STATE = "model.safetensors", "state.safetensors", "state.json"
PICKLED = "optimizer.bin"  # in a checkpoint of SignViP 0.1 and earlier, which accelerate wrote
_TENSOR, _ITEMS = "$tensor", "$items"  # how JSON names a tensor, and a mapping whose keys are not strings

Stateful = Mapping[str, Any]
"""What else has `state_dict` and `load_state_dict`, by name: the schedule, averaged weights."""


def save_checkpoint(
    accelerator: Accelerator,
    folder: Path,
    module: nn.Module,
    optimizer: AcceleratedOptimizer,
    others: Stateful,
) -> None:
    """Write a checkpoint into `folder`; every process has to come here, and the main one writes."""
    weights, moments = _gathered(accelerator, module, optimizer)
    if not accelerator.is_main_process:
        return
    states = {name: part.state_dict() for name, part in _all(accelerator, others).items()}
    tensors, tree = take_apart({"optimizer": moments, **states})
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(own(weights), folder / WEIGHTS)
    safetensors.torch.save_file(own(tensors), folder / TENSORS)
    (folder / STATE).write_text(json.dumps(tree), encoding="utf-8")


def load_checkpoint(
    accelerator: Accelerator,
    folder: Path,
    module: nn.Module,
    optimizer: AcceleratedOptimizer,
    others: Stateful,
) -> None:
    """Go on from a checkpoint; RunError for one that is a pickle, whatever its reader raises for a damaged one."""
    if not (folder / STATE).exists() and (folder / PICKLED).exists():
        raise RunError(
            f"{folder} holds pickles, which can run code, as checkpoints did before; if they are your own, run: "
            f"signvip convert {folder.parents[2] if len(folder.parents) > 2 else folder}"
        )
    tree = parse_json((folder / STATE).read_bytes())
    states = put_together(safetensors.torch.load_file(folder / TENSORS), tree)
    if accelerator.distributed_type != DistributedType.FSDP:  # whose states are by the names of weights
        check_form(optimizer.state_dict()["param_groups"], states["optimizer"]["param_groups"], "optimizer")
        _check_moments(optimizer, states["optimizer"]["state"])
    for name, part in _all(accelerator, others).items():
        check_form(part.state_dict(), states[name], name)
    _spread(
        accelerator, module, optimizer, safetensors.torch.load_file(folder / WEIGHTS), states["optimizer"]
    )
    for name, part in _all(accelerator, others).items():
        part.load_state_dict(states[name])


def take_apart(tree: Any, place: str = "state") -> tuple[dict[str, Tensor], Any]:
    """Split nested states into tensors by name and a tree that JSON can hold; tuples become lists."""
    tensors: dict[str, Tensor] = {}

    def told(value: Any, place: str) -> Any:
        if isinstance(value, Tensor):
            tensors[place] = value.detach()
            return {_TENSOR: place}
        if isinstance(value, Mapping):
            if all(isinstance(key, str) for key in value):
                return {key: told(part, f"{place}.{key}") for key, part in value.items()}
            return {_ITEMS: [[key, told(part, f"{place}.{key}")] for key, part in value.items()]}
        if isinstance(value, list | tuple):
            return [told(part, f"{place}.{number}") for number, part in enumerate(value)]
        return value

    return tensors, told(tree, place)


def put_together(tensors: Mapping[str, Tensor], tree: Any) -> Any:
    """Undo `take_apart`; KeyError for a tensor that is not there."""
    if isinstance(tree, list):
        return [put_together(tensors, part) for part in tree]
    if not isinstance(tree, dict):
        return tree
    if _TENSOR in tree:
        return tensors[tree[_TENSOR]]
    items = tree[_ITEMS] if _ITEMS in tree else tree.items()
    return {key: put_together(tensors, part) for key, part in items}


def check_form(ours: Any, found: Any, place: str) -> None:
    """Refuse a state that is not of the form of a fresh one: other lengths, shapes or kinds of values (ValueError).

    Names that only one of them has are let pass: other versions of torch have others.
    """
    if isinstance(ours, Tensor):
        same = isinstance(found, Tensor) and found.shape == ours.shape
    elif isinstance(ours, int | float) and not isinstance(ours, bool):
        same = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    elif isinstance(ours, list | tuple):
        same = isinstance(found, list | tuple) and len(found) == len(ours)
    else:
        kind = Mapping if isinstance(ours, Mapping) else type(ours)
        same = ours is None or isinstance(found, kind)
    if not same:
        raise ValueError(f"{place} is not of its form")
    if isinstance(ours, Mapping):
        for name in ours.keys() & found.keys():
            check_form(ours[name], found[name], f"{place}.{name}")
    elif isinstance(ours, list | tuple):
        for number, pair in enumerate(zip(ours, found, strict=True)):
            check_form(*pair, f"{place}.{number}")


def _check_moments(optimizer: AcceleratedOptimizer, state: Any) -> None:
    """Refuse moments of AdamW that are not of the shapes of the weights that they belong to (ValueError)."""
    if not isinstance(state, Mapping):
        raise ValueError("the optimizer's state is not of its form")
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for place, weight in enumerate(weights):
        own = state.get(place, {})
        if isinstance(own, Mapping) and "state1" in own:  # in 8 bits, of shapes of their own
            continue
        names = ("step", "exp_avg", "exp_avg_sq")
        if own and not (
            isinstance(own, Mapping) and all(isinstance(own.get(name), Tensor) for name in names)
        ):
            raise ValueError(f"the optimizer's state of weight {place} is not of its form")
        if own and (own["step"].numel() != 1 or any(own[name].shape != weight.shape for name in names[1:])):
            raise ValueError(f"the optimizer's state of weight {place} is of another shape")


def _all(accelerator: Accelerator, others: Stateful) -> dict[str, Any]:
    """Collect what has a state besides module and optimizer; half precision also scales its losses."""
    return {**others, **({} if accelerator.scaler is None else {"scaler": accelerator.scaler})}


def _gathered(
    accelerator: Accelerator, module: nn.Module, optimizer: AcceleratedOptimizer
) -> tuple[Any, Any]:
    """Weights and moments; those that FSDP spread come together in the main process."""
    if accelerator.distributed_type != DistributedType.FSDP:
        return module.state_dict(), optimizer.state_dict()
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return (
        get_model_state_dict(module, options=options),
        get_optimizer_state_dict(module, optimizer.optimizer, options=options),
    )


def _spread(
    accelerator: Accelerator, module: nn.Module, optimizer: AcceleratedOptimizer, weights: Any, moments: Any
) -> None:
    if accelerator.distributed_type != DistributedType.FSDP:
        module.load_state_dict(weights)
        optimizer.load_state_dict(moments)
        return
    options = StateDictOptions(full_state_dict=True)
    set_model_state_dict(module, weights, options=options)
    set_optimizer_state_dict(module, optimizer.optimizer, moments, options=options)


def own(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors that lie in memory one by one: safetensors refuses those that share it."""
    seen: set[int] = set()
    own = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        own[name] = tensor.clone() if tensor.data_ptr() in seen else tensor
        seen.add(tensor.data_ptr())
    return own
