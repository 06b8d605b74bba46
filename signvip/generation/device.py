"""Choose where a pipeline computes, and how: device, precision, compiled or offloaded."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch

from signvip.errors import ConfigError
from signvip.footprint.advice import explained, generation_that_fits

if TYPE_CHECKING:
    from signvip.pipeline import SignVipPipeline
    from signvip.sampling.options import GenerateOptions

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def choose_device(name: str | None) -> torch.device:
    """Return the device of this name, else a GPU where there is one; ConfigError where it cannot compute."""
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(1, device=device).item()  # "meta" has no values
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"There is no usable device '{name}' here; try --device cpu.") from error
    return device


def choose_dtype(name: str | None, device: torch.device) -> torch.dtype:
    """Return the precision of this name, else bf16 on a GPU; ConfigError for one that the device does not have."""
    chosen = name or ("bf16" if device.type == "cuda" else "fp32")
    if chosen not in DTYPES:
        raise ConfigError(f"There is no dtype '{name}'; choose {', '.join(DTYPES)}.")
    if chosen == "fp16" and device.type == "cpu":
        raise ConfigError("Half precision (fp16) does not run on a CPU; use --dtype fp32.")
    return DTYPES[chosen]


def check_speed(options: GenerateOptions, device: torch.device) -> None:
    """ConfigError for --compile and --offload where they cannot help."""
    if options.compile and device.type != "cuda":
        raise ConfigError(
            f"Compiling takes minutes on {device.type} and pays on CUDA only; leave out --compile."
        )
    if options.offload and device.type != "cuda":
        raise ConfigError(f"There is no GPU memory to save on {device.type}; leave out --offload.")
    if options.offload and options.compile:
        raise ConfigError("Weights that come and go cannot be compiled; choose --compile or --offload.")


def place(pipe: SignVipPipeline, device: torch.device, options: GenerateOptions) -> None:
    """Bring the networks to the device: all at once, or each when it works, and compiled where that is asked for."""
    with fitting(pipe, options):
        if options.offload:
            pipe.enable_model_cpu_offload(device=device)
        else:
            pipe.to(device)
    if options.compile:
        _compile(pipe)


def fitting(pipe: SignVipPipeline, options: GenerateOptions) -> AbstractContextManager[None]:
    """Say what would fit where the card's memory is too small."""
    parts = {name: part for name, part in pipe.components.items() if isinstance(part, torch.nn.Module)}
    return explained(lambda card: generation_that_fits(parts, options.offload, card))


def _compile(pipe: SignVipPipeline) -> None:
    """Fuse the denoiser's operations, and replay the translator's step as one graph.

    No CUDA graphs for the denoiser: they would reuse the memory of results still needed.
    """
    for network in (pipe.denoiser, pipe.vae):
        network.to(memory_format=torch.channels_last)
    pipe.denoiser.compile()
    if isinstance(pipe.translator.network, torch.nn.Module):
        pipe.translator.network.compile(mode="reduce-overhead")
