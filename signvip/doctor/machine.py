"""`doctor`: what this machine has, which plugins failed, and what is wrong with a set of shards."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from signvip.config import load_config
from signvip.doctor.shards import Finding, examine_shards
from signvip.progress import Reporter, Silent
from signvip.registry import plugins

if TYPE_CHECKING:
    from signvip.footprint.activations import Need

LIBRARIES = ("torch", "torchvision", "diffusers", "transformers", "accelerate", "av", "webdataset", "typer")


def examine(
    shards: Path | None = None, preset: str | None = None, *, reporter: Reporter | None = None
) -> list[Finding]:
    """Look at the machine, the plugins and, where given, every sample of a set of shards and a preset's sizes."""
    found = [*_environment(), *_devices(), *_codecs(), *_plugins()]
    if preset is not None:
        found += examine_preset(preset)
    return found if shards is None else [*found, *examine_shards(shards, reporter or Silent())]


def examine_preset(preset: str) -> list[Finding]:
    """Parameters of each part of a preset, and the memory of each stage: computed from shapes, nothing is built."""
    from signvip.footprint.activations import training_needs
    from signvip.footprint.advice import gib
    from signvip.footprint.parameters import (
        count,
        count_motion,
        count_trained,
        meta_networks,
        meta_pose_head,
        meta_reference_head,
        paper_count,
    )

    config = load_config(preset)
    networks = meta_networks(config)
    findings = []
    generating = {part: count(network) for part, network in networks.generating().items()}
    generating["autoencoder"] = generating.pop("decoder")
    for part, network in {"vae": networks.vae, **networks.by_part()}.items():
        motion = count_motion(networks.denoiser, network)
        of_motion = f", {motion / 1e6:.3f} M of them temporal attention" if motion else ""
        used, trained = generating.get(part, 0), count_trained(config, networks, part)
        uses = f"{used / 1e6:.3f} M at inference, {trained / 1e6:.3f} M trained"
        findings.append(Finding(part, f"{count(network) / 1e6:.3f} M parameters{of_motion}; {uses}"))
    heads = {"pose_head": meta_pose_head(config, networks), "reference_head": meta_reference_head(config)}
    for part, head in heads.items():
        if head is not None:
            uses = (
                f"read where poses are {'asked for' if part == 'pose_head' else 'moved'}, all of it trained"
            )
            findings.append(Finding(part, f"{count(head) / 1e6:.3f} M parameters; {uses}"))
    whole = sum(generating.values())
    weights = f"{gib(2 * whole)} in fp16, {gib(4 * whole)} in fp32"
    findings.append(Finding("generate", f"{whole / 1e6:.3f} M parameters: {weights}"))
    findings.append(Finding("as Table 7 counts", f"{paper_count(config) / 1e6:.2f} M parameters"))
    findings += [Finding(need.phase, _words(need)) for need in training_needs(config)]
    checkpointing = "is on and keeps a part" if config.stage1.gradient_checkpointing else "would keep a part"
    return [
        *findings,
        Finding("checkpointing", f"gradient checkpointing {checkpointing} of stage1's activations"),
    ]


def _words(need: Need) -> str:
    from signvip.footprint.advice import gib

    kept = "unknown" if need.activations is None else gib(need.activations)
    return (
        f"{need.clips} clips x {need.frames} frames a process: {gib(need.total)} = {gib(need.weights)} of weights "
        f"({need.trained / 1e6:.0f} M trained, {need.frozen / 1e6:.0f} M frozen) and {kept} of activations"
    )


def _environment() -> Iterator[Finding]:
    yield Finding("system", platform.platform())
    yield Finding("python", f"{platform.python_version()} in {sys.prefix}")
    yield Finding("processors", str(len(os.sched_getaffinity(0))))
    for library in ("signvip", *LIBRARIES):
        try:
            yield Finding(library, version(library))
        except PackageNotFoundError:
            yield Finding(library, "missing", f"{library} is not installed; run: pip install {library}")


def _devices() -> Iterator[Finding]:
    try:
        import torch
    except ImportError:  # told among the libraries; shards are looked at all the same
        return
    yield Finding("threads", str(torch.get_num_threads()))
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        yield Finding(f"cuda:{number}", f"{about.name}, {about.total_memory / 2**30:.0f} GiB")
    if not torch.cuda.is_available():
        yield Finding("cuda", "none: the CPU is used")


def _codecs() -> Iterator[Finding]:
    import av

    if "libx264" in av.codecs_available:
        yield Finding("h264", "libx264")
    else:
        yield Finding(
            "h264", "missing", "PyAV has no libx264; install its wheel: pip install --force-reinstall av"
        )


def _plugins() -> Iterator[Finding]:
    for record in plugins():
        owner = f"{record.distribution} {record.version}".strip()
        if record.error is None:
            yield Finding(f"{record.kind} {record.name}", owner)
        else:
            fault = f"{record.error}; fix or uninstall {record.distribution}."
            yield Finding(f"plugin {record.name}", owner, fault)
