"""A folder of the authors' weights to a run of ours: parts are recognised, measured, renamed, checked, and written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderKL, ModelMixin
from torch import Tensor

from signvip.config import RunConfig
from signvip.errors import DataError
from signvip.footprint.parameters import Networks, meta_networks
from signvip.models.build import fixed_weights
from signvip.models.precision import learned_names
from signvip.models.published import STABLE_DIFFUSION
from signvip.pipeline import save_index
from signvip.progress import Reporter, Silent
from signvip.release import keys, pretrained, shapes
from signvip.release.configure import check_tokens, configure
from signvip.release.files import Contents, read_prompt, read_release
from signvip.release.layout import Layout, is_motion, layouts
from signvip.release.report import Report
from signvip.release.tables import TABLES, check_tables, table
from signvip.storage import fits
from signvip.storage.files import write_text
from signvip.storage.finite import not_finite

LICENCE = (
    "The authors publish these weights without a licence; Stable Diffusion 1.5, which they build on, is under "
    "CreativeML OpenRAIL-M. Ask them before you publish what you make with it."
)
Weights = dict[str, Tensor]
Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class ImportOptions:
    """The places to find what a release leaves out, and options that the shapes of its weights do not tell."""

    preset: str | None = None  # by default the one with the release's tokens per frame
    stable_diffusion: str | None = None  # by default one that lies in the release, else that of the hub
    vae: str | None = None
    settings: Sequence[str] = ()
    partial: bool = False


def import_release(
    source: str, run: Path, options: ImportOptions | None = None, reporter: Reporter | None = None
) -> Path:
    """Write a release (a folder, or a hub id) as a run; DataError names every part that does not fit.

    Nothing is written unless the whole release fits, or `options.partial` says to leave out what does not.
    """
    options, reporter = options or ImportOptions(), reporter or Silent()
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise DataError(f"{run} is there already; give a new folder for the imported run.")
    folder = pretrained.fetch(source)
    contents = read_release(folder)
    if not set(contents.parts) - {"vae", "stable_diffusion"}:
        raise DataError(f"{source} holds no weights of SignViP; give the folder or hub id of a release.")
    for part, found in contents.parts.items():
        reporter.say(
            f"{part}: {len(found.tensors)} tensors in {', '.join(str(file) for file in found.files)}"
        )
    base = options.stable_diffusion or pretrained.find_pipeline(folder) or STABLE_DIFFUSION
    if contents.empty_prompt is None and (file := pretrained.find_prompt(base)) is not None:
        read_prompt(contents, file)
        reporter.say(f"empty_prompt: {file}")
    partial = run.with_name(f".{run.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _convert(contents, base, options, reporter, partial)
        run.parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial, run)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    reporter.say(LICENCE)
    return run


def _convert(contents: Contents, base: str, options: ImportOptions, reporter: Reporter, target: Path) -> None:
    def at_hand(load: Callable[[], Loaded]) -> Loaded | None:
        """Load something that a release leaves out; None where it is missing, which a partial run can do without."""
        try:
            return load()
        except DataError as error:
            if not options.partial:
                raise
            reporter.say(str(error))
            return None

    spatial = contents.of("denoiser") or contents.of("stable_diffusion")
    spatial = spatial or at_hand(lambda: pretrained.load_unet(base)) or {}
    vae = at_hand(lambda: pretrained.load_vae(options.vae or contents.folder("vae") or pretrained.VAE))
    prompt = at_hand(lambda: _prompt(contents, spatial, base))
    config = configure(
        contents, spatial, None if vae is None else vae.config, prompt, options.preset, options.settings
    )
    networks = meta_networks(config)
    check_tokens(config, contents, networks.autoencoder.tokens_per_frame)
    report = Report(
        {part: [str(file) for file in found.files] for part, found in contents.parts.items()},
        [str(file) for file in contents.others],
    )
    parts = gather(contents, spatial)
    layout = layouts(config, networks)
    for part, tensors in parts.items():
        report.compare(part, tensors, layout[part])
        check_tables(part, tensors)
    _judge(report, options.partial, reporter)
    if any(is_motion(key) for part in ("denoiser", "guider") for key in report.missing[part]):
        reporter.say("Without its motion the denoiser sees single frames: the video will flicker.")
        networks = meta_networks(config, motion=False)
    weights = {
        part: complete(network, keys.convert(part, _known(parts[part], layout[part])), prompt)
        for part, network in networks.by_part().items()
        if all(is_motion(key) for key in report.missing[part])
    }
    _write(target, config, networks, weights, vae, report)


def _judge(report: Report, partial: bool, reporter: Reporter) -> None:
    """DataError for a release that does not fit, unless a part of it is enough; every key is said."""
    for sentence in report.sentences():
        reporter.say(sentence)
    if report.faults() and not partial:
        raise DataError(
            f"This release does not fit: {report.faults()}; add what is missing, or say --partial to import the rest."
        )


def _prompt(contents: Contents, spatial: Weights, base: str) -> Tensor | None:
    """States of the empty prompt, for U-Nets that attend to text; the authors' scripts read it and none writes it.

    In float32 whatever the file holds: all U-Nets are to read the same.
    """
    width = shapes.unet(spatial)["cross_attention_dim"]
    if spatial and width is None:
        return None
    prompt = pretrained.empty_prompt(base) if contents.empty_prompt is None else contents.empty_prompt
    if width is not None and prompt.shape[-1] != width:
        raise DataError(
            f"The embedding of the empty prompt has {prompt.shape[-1]} channels, and the U-Net reads {width}; give the "
            "one of its own Stable Diffusion, or take the file away to have it computed."
        )
    return prompt.float()


def gather(contents: Contents, spatial: Weights) -> dict[str, Weights]:
    """Return tensors by our parts, still under the release's names."""
    parts = ("condition_encoder", "guider", "reference_net", "autoencoder", "translator")
    return {"denoiser": {**spatial, **contents.of("motion")}, **{part: contents.of(part) for part in parts}}


def _known(tensors: Weights, layout: Layout) -> Weights:
    return {key: value for key, value in tensors.items() if key in layout}


def complete(network: ModelMixin, weights: Weights, prompt: Tensor | None) -> Weights:
    """Return a network's weights with the tables that follow from its configuration, without those it cannot hold."""
    expected = network.state_dict()
    own = {key: value for key, value in weights.items() if key in expected}
    own |= {key: table(key, like) for key, like in expected.items() if key.endswith(TABLES)}
    own |= {key: make(expected[key].shape) for key, make in fixed_weights(network).items()}
    if prompt is not None and "empty_prompt" in expected:
        own["empty_prompt"] = prompt
    return own


def _write(
    target: Path,
    config: RunConfig,
    networks: Networks,
    weights: Mapping[str, Weights],
    vae: AutoencoderKL | None,
    report: Report,
) -> None:
    _refuse_broken({**weights, **({} if vae is None else {"vae": vae.state_dict()})})
    if vae is not None:
        vae.save_pretrained(target / "vae")
    whole = vae is not None
    for part, network in networks.by_part().items():
        own = weights.get(part, {})
        if own.keys() == network.state_dict().keys():
            _save(network, own, target / part)
        else:
            whole = False
    write_text(target / "config.json", json.dumps(config.model_dump(mode="json"), indent=2) + "\n")
    write_text(target / "import.json", json.dumps({**asdict(report), "licence": LICENCE}, indent=2) + "\n")
    fits.note(target, *networks.by_part())
    if whole:
        save_index(target, config, {**networks.by_part(), "vae": vae, "denoiser": networks.denoiser})


def _refuse_broken(weights: Mapping[str, Weights]) -> None:
    for part, tensors in weights.items():
        if (name := not_finite(tensors)) is not None:
            raise DataError(
                f"The {part} of this release holds numbers that are not finite ({name}); get its file again."
            )


def _save(network: ModelMixin, weights: Weights, folder: Path) -> None:
    """Store what is learned in the type of its files, or in float32 where these differ; all else in float32."""
    learned = learned_names(network)
    types = {weights[key].dtype for key in learned}
    dtype = types.pop() if len(types) == 1 else torch.float32
    stored = {key: value.to(dtype if key in learned else torch.float32) for key, value in weights.items()}
    network.load_state_dict({key: value.contiguous() for key, value in stored.items()}, assign=True)
    network.save_pretrained(folder)
