"""A folder of the authors' weights to a run of ours: parts are recognised, measured, renamed, checked, and written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderKL, ModelMixin
from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from torch import Tensor

from signvip.config import RunConfig
from signvip.data.files import write_text
from signvip.errors import DataError
from signvip.models.published import STABLE_DIFFUSION
from signvip.models.video_diffusion.unets import is_motion
from signvip.pipeline import save_index
from signvip.progress import Reporter, Silent
from signvip.release import keys, pretrained
from signvip.release.configure import check_tokens, configure
from signvip.release.files import Contents, read_release
from signvip.sizes import Networks, meta_networks

LISTED = 6  # keys named in a message; import.json has all of them
LICENCE = (
    "The authors publish these weights without a licence; Stable Diffusion 1.5, which they build on, is under "
    "CreativeML OpenRAIL-M. Ask them before you publish what you make with it."
)
TABLES = (
    "pos_embed.pe",
    "wte.weight",
    "mean",
    "std",
)  # no training changes these, and a release may leave them out
Weights = dict[str, Tensor]
Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class ImportOptions:
    """Where to find what a release leaves out, and what the shapes of its weights do not tell."""

    preset: str | None = None  # by default the one with the release's tokens per frame
    stable_diffusion: str | None = None  # by default one that lies in the release, else that of the hub
    vae: str | None = None
    settings: Sequence[str] = ()
    partial: bool = False


@dataclass
class Report:
    """What became of every key, by part; ends up in the run as import.json."""

    files: dict[str, list[str]]
    others: list[str]
    dropped: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    unexpected: dict[str, list[str]] = field(default_factory=dict)

    def renamed(self, part: str, tensors: Mapping[str, Tensor], rules: keys.Rules) -> Weights:
        """Rename a part's tensors, and note what is left over."""
        renamed = keys.rename(tensors, rules)
        self.dropped[part], self.unexpected[part] = renamed.dropped, renamed.unexpected
        return renamed.weights

    def faults(self) -> str:
        """The parts and the first keys that do not fit; empty where all do."""
        kinds = {"missing": self.missing, "unexpected": self.unexpected}
        return "; ".join(
            f"{part}: {len(names)} {kind} ({_some(names)})"
            for kind, parts in kinds.items()
            for part, names in parts.items()
            if names
        )


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
        """What a release leaves out; a partial run may do without."""
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
    weights = renamed(contents, spatial, prompt, len(config.autoencoder["block_out_channels"]), report)
    for part, network in networks.by_part().items():
        compare(part, network, weights[part], report)
    if report.faults() and not options.partial:
        raise DataError(
            f"This release does not fit: {report.faults()}; add what is missing, or say --partial to import the rest."
        )
    if report.faults():
        reporter.say(f"Not imported: {report.faults()}.")
    if any(is_motion(name) for part in ("denoiser", "guider") for name in report.missing[part]):
        reporter.say("Without its motion the denoiser sees single frames: the video will flicker.")
        networks = meta_networks(config, motion="none")
    _write(target, config, networks, weights, vae, report)


def _prompt(contents: Contents, spatial: Weights, base: str) -> Tensor | None:
    """States of the empty prompt, for U-Nets that attend to text; the authors' scripts read it and none writes it."""
    if spatial and not any(key.endswith("attn2.to_k.weight") for key in spatial):
        return None
    return pretrained.empty_prompt(base) if contents.empty_prompt is None else contents.empty_prompt


def renamed(
    contents: Contents, spatial: Weights, prompt: Tensor | None, levels: int, report: Report
) -> dict[str, Weights]:
    """Every part's weights under our names, for an autoencoder of so many levels."""
    unet = {**spatial, **contents.of("motion")}
    autoencoder = report.renamed("autoencoder", contents.of("autoencoder"), keys.autoencoder_rules(levels))
    translator = report.renamed("translator", contents.of("translator"), keys.TRANSLATOR)
    empty_prompt = {} if prompt is None else {"empty_prompt": prompt}
    return {
        "condition_encoder": report.renamed(
            "condition_encoder", contents.of("condition_encoder"), keys.CONDITION_ENCODER
        ),
        "guider": report.renamed("guider", contents.of("guider"), keys.GUIDER),
        "reference_net": _in_unet(report.renamed("reference_net", contents.of("reference_net"), keys.UNET))
        | empty_prompt,
        "denoiser": _in_unet(report.renamed("denoiser", unet, keys.UNET)) | empty_prompt,
        "autoencoder": keys.split_attentions(autoencoder),
        "translator": keys.fuse_translator(translator),
    }


def _in_unet(weights: Weights) -> Weights:
    return {f"unet.{key}": value for key, value in weights.items()}


def compare(part: str, network: ModelMixin, weights: Weights, report: Report) -> None:
    """Add the tables that follow from the configuration; note what is missing or unexpected, refuse other shapes."""
    expected = network.state_dict()
    if weights:
        absent = [key for key in expected if key.endswith(TABLES) and key not in weights]
        weights |= {key: _table(key, expected[key]) for key in absent}
    report.missing[part] = sorted(set(expected) - set(weights))
    report.unexpected[part] += sorted(set(weights) - set(expected))
    wrong = [key for key in weights if key in expected and weights[key].shape != expected[key].shape]
    if wrong:
        raise DataError(
            f"{len(wrong)} tensors of the {part} have another shape, such as {wrong[0]}: "
            f"{tuple(weights[wrong[0]].shape)} where {tuple(expected[wrong[0]].shape)} is expected; "
            "choose the --preset these weights were trained with, or give the sizes by --set."
        )


def _table(key: str, like: Tensor) -> Tensor:
    """A table that follows from the configuration; e enters the authors' autoencoder as it is."""
    if key.endswith("pos_embed.pe"):
        return SinusoidalPositionalEmbedding(like.shape[-1], like.shape[1]).pe
    return torch.ones(like.shape) if key == "std" else torch.zeros(like.shape)


def _write(
    target: Path,
    config: RunConfig,
    networks: Networks,
    weights: Mapping[str, Weights],
    vae: AutoencoderKL | None,
    report: Report,
) -> None:
    if vae is not None:
        vae.save_pretrained(target / "vae")
    whole = vae is not None
    for part, network in networks.by_part().items():
        expected = set(network.state_dict())
        if expected <= set(weights[part]):
            _save(network, {key: weights[part][key] for key in expected}, target / part)
        whole &= expected <= set(weights[part])
    write_text(target / "config.json", json.dumps(config.model_dump(mode="json"), indent=2) + "\n")
    write_text(target / "import.json", json.dumps({**asdict(report), "licence": LICENCE}, indent=2) + "\n")
    if whole:
        save_index(target, config, {"vae": vae, **networks.by_part()})


def _save(network: ModelMixin, weights: Weights, folder: Path) -> None:
    """Store a part in the type of its files, or in float32 where these differ."""
    types = {value.dtype for key, value in weights.items() if not key.endswith((*TABLES, "empty_prompt"))}
    dtype = types.pop() if len(types) == 1 else torch.float32
    network.load_state_dict(
        {key: value.to(dtype).contiguous() for key, value in weights.items()}, assign=True
    )
    network.save_pretrained(folder)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
