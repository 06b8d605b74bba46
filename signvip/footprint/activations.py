"""Measure the memory of training on the meta device, which computes shapes and stores nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from signvip.config import RunConfig, Training
from signvip.contracts import NUM_KEYPOINTS
from signvip.footprint.parameters import (
    Networks,
    count,
    meta_networks,
    meta_pose_head,
    meta_reference_head,
)
from signvip.models import PoseHead
from signvip.models.pose_losses import keypoint_loss

TRAINED = 16  # bytes of a trained parameter: float32 weight, gradient and the two moments of Adam
AVERAGED = 4  # one more where EMA is on
FROZEN = 4


@dataclass(frozen=True)
class Need:
    """The memory that a phase needs at its batch size, in bytes."""

    phase: str
    clips: int
    frames: int
    trained: int  # parameters
    frozen: int
    weights: int  # of all parameters, with gradients and the optimizer's moments
    activations: int | None  # kept for the backward pass; None where the part does not tell

    @property
    def total(self) -> int:
        """Weights and activations; a tenth more goes to workspace and fragments (an estimate)."""
        return self.weights + (self.activations or 0)


PHASES = ("stage1 image", "stage1 motion", "stage2", "stage2 poses", "stage2 reference", "stage3")


def training_needs(config: RunConfig, phases: Sequence[str] = PHASES) -> list[Need]:
    """Return what each phase needs in one process, with activations counted without gradient checkpointing."""
    stage1 = config.stage1
    needs = []
    if "image" in stage1.phases and "stage1 image" in phases:
        networks = meta_networks(config, motion=False)
        networks.condition_encoder.requires_grad_(stage1.encoder == "trained")
        networks.denoiser.learn("image", frozen=stage1.denoiser == "frozen")
        needs.append(_video(config, "stage1 image", stage1.image, networks))
    networks = meta_networks(config)
    if "motion" in stage1.phases and "stage1 motion" in phases:
        networks.condition_encoder.requires_grad_(False)
        networks.denoiser.learn("motion")
        needs.append(_video(config, "stage1 motion", stage1.motion, networks))
    if "stage2" in phases:
        needs.append(_tokens(config, networks))
    head = meta_pose_head(config, networks)
    if "stage2 poses" in phases and config.stage2_poses is not None and head is not None:
        needs.append(_poses(config, networks, head, config.stage2_poses))
    reader = meta_reference_head(config)
    if "stage2 reference" in phases and config.stage2_reference is not None and reader is not None:
        needs.append(_references(config, networks, reader, config.stage2_reference))
    if "stage3" in phases:
        needs.append(_text(config, networks))
    return needs


def _video(config: RunConfig, phase: str, training: Training, networks: Networks) -> Need:
    encoder, denoiser = networks.condition_encoder, networks.denoiser
    parts = nn.ModuleList([encoder, denoiser])
    clips, frames = training.clips, training.frames
    latents = denoiser.channels, *_cells(config, networks)

    def forward(dtype: torch.dtype) -> Tensor:
        images = torch.zeros(clips * frames, 3 * len(config.conditions), *config.size, dtype=dtype)
        e = encoder(images).unflatten(0, (clips, frames))
        reference = denoiser.reference(torch.zeros(clips, *latents, dtype=dtype), 0)
        noisy = torch.zeros(clips, frames, *latents, dtype=dtype)
        return denoiser.predict(noisy, torch.zeros(clips), denoiser.guide(e), reference)

    return _need(phase, config, training, parts, _activations(config, parts, forward), frozen=networks.vae)


def _tokens(config: RunConfig, networks: Networks) -> Need:
    training, autoencoder = config.stage2, networks.autoencoder
    reader = meta_pose_head(config, networks) if training.finger_weight else None
    modules = nn.ModuleList([autoencoder, *([] if reader is None else [reader.requires_grad_(False)])])

    def forward(dtype: torch.dtype) -> Tensor:
        rebuilt: Tensor = autoencoder.rehearse(_embeddings(config, networks, training).to(dtype))
        return rebuilt if reader is None else reader(rebuilt).where

    activations = _activations(config, modules, forward)
    return _need("stage2", config, training, autoencoder, activations, frozen=networks.condition_encoder)


def _poses(config: RunConfig, networks: Networks, head: PoseHead, training: Training) -> Need:
    def forward(dtype: torch.dtype) -> Tensor:
        return _misread(head, _embeddings(config, networks, training).to(dtype))

    activations = _activations(config, head, forward)
    return _need("stage2 poses", config, training, head, activations, frozen=networks.condition_encoder)


def _references(config: RunConfig, networks: Networks, head: PoseHead, training: Training) -> Need:
    frames, channels = training.clips * training.frames, networks.denoiser.channels

    def forward(dtype: torch.dtype) -> Tensor:
        return _misread(head, torch.zeros(frames, channels, *_cells(config, networks), dtype=dtype))

    activations = _activations(config, head, forward)
    return _need("stage2 reference", config, training, head, activations, frozen=networks.vae)


def _misread(head: PoseHead, pictures: Tensor) -> Tensor:
    """Return the loss of keypoints that a head reads from embeddings or latents (B, C, h, w)."""
    maps = head(pictures)
    return keypoint_loss(maps, torch.zeros(len(pictures), NUM_KEYPOINTS, 3))[0]


def _embeddings(config: RunConfig, networks: Networks, training: Training) -> Tensor:
    """Return a batch of e (B, C, h, w)."""
    channels = networks.condition_encoder.embedding_channels
    return torch.zeros(training.clips * training.frames, channels, *_cells(config, networks))


def _text(config: RunConfig, networks: Networks) -> Need:
    training, network = config.stage3, networks.translator.network
    rehearse = getattr(network, "rehearse", None)
    activations = None
    if rehearse is not None:
        activations = _activations(
            config, networks.translator, lambda dtype: rehearse(training.clips, training.frames)
        )
    return _need("stage3", config, training, networks.translator, activations)


def _need(
    phase: str,
    config: RunConfig,
    training: Training,
    module: nn.Module,
    activations: int | None,
    frozen: nn.Module | None = None,
) -> Need:
    learning = sum(weight.numel() for weight in module.parameters() if weight.requires_grad)
    still = sum(weight.numel() for weight in module.parameters()) - learning
    still += 0 if frozen is None else count(frozen)
    each = TRAINED + (AVERAGED if training.ema else 0)
    weights = learning * each + still * FROZEN
    return Need(phase, training.clips, training.frames, learning, still, weights, activations)


def _activations(config: RunConfig, module: nn.Module, forward: Callable[[torch.dtype], Tensor]) -> int:
    """Return the bytes that a forward pass keeps for the backward pass, in the precision of the run."""
    dtype = {"no": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[config.precision]
    nn.Module.to(module, dtype)  # past diffusers' own, which warns of what it would do to a pipeline
    with torch.device("meta"), _FlashAttention(), _kept(module) as sizes:
        forward(dtype)
    nn.Module.to(module, torch.float32)
    return sum(sizes.values())


class _FlashAttention(TorchFunctionMode):
    """Attention as CUDA does it: the meta device would keep a matrix of all pairs of tokens."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is functional.scaled_dot_product_attention:
            return _Flash.apply(*(args[:3] or (kwargs["query"], kwargs["key"], kwargs["value"])))
        return func(*args, **(kwargs or {}))


class _Flash(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output = query.new_empty(*query.shape[:-1], value.shape[-1])
        ctx.save_for_backward(query, key, value, output)
        return output


@contextmanager
def _kept(module: nn.Module) -> Iterator[dict[int, int]]:
    """Sizes of the storages that autograd keeps, the module's own weights left out; views count once."""
    own = {weight.untyped_storage()._cdata for weight in module.parameters()}
    sizes: dict[int, int] = {}
    alive = []

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            sizes[storage._cdata] = storage.nbytes()
            alive.append(storage)  # so that no other takes its address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield sizes


def _cells(config: RunConfig, networks: Networks) -> tuple[int, int]:
    factor = networks.condition_encoder.factor
    return config.size[0] // factor, config.size[1] // factor
