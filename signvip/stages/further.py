"""Go on from another run, which `start.run` names: every network begins with the weights that it has there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from signvip.errors import ConfigError, RunError
from signvip.footprint.parameters import meta_networks, meta_pose_head, meta_reference_head
from signvip.models import ConditionEncoder, TokenTranslator
from signvip.models.seen_texts import Seen
from signvip.models.video_denoiser import stores
from signvip.run import OF_POSES, Run, find_run, refuse_change
from signvip.stages.common import POSE_PARTS
from signvip.stages.parts import guiding_encoder, load_denoiser, load_tokenizer, load_vae
from signvip.storage import fits

if TYPE_CHECKING:
    import torch
    from diffusers import ModelMixin
    from torch import nn

    from signvip.config import RunConfig
    from signvip.contracts import Phase, Say
    from signvip.models import VideoDenoiser


def former_run(config: RunConfig) -> Run | None:
    """Return the run that a configuration goes on from; None where it begins anew. RunError where it is not there."""
    name = config.start.run
    if name is None:
        return None
    if not (find_run(name) / "config.json").is_file():
        raise RunError(
            f"There is no run in {name}, from which this one goes on; restore it, or begin with random weights by "
            "--set start.run=null."
        )
    return Run.open(find_run(name))


def networks_of(run: Run) -> Iterator[tuple[str, ModelMixin]]:
    """Yield the networks that a run has, by the names of their folders."""
    if run.has("vae"):
        yield "vae", load_vae(run)
    if run.has("condition_encoder"):
        yield "condition_encoder", run.load("condition_encoder", ConditionEncoder)
    if all(run.has(part) for part in stores(run.config.denoiser.name)):
        yield from load_denoiser(run).parts().items()
    if run.has("autoencoder"):
        yield "autoencoder", load_tokenizer(run)
    kinds: dict[str, type[ModelMixin]] = {"translator": TokenTranslator, **POSE_PARTS}
    yield from ((part, run.load(part, kind)) for part, kind in kinds.items() if run.has(part))


def take_parts(run: Run, stage: int, say: Say) -> None:
    """Give a run what it has not of the run that it goes on from: what no stage trains stays as it is there.

    ConfigError where the networks that a stage trains have other shapes there, before hours went into others.
    """
    former = former_run(run.config)
    if former is None:
        return
    refuse_change(former, run.config, ("vae",))
    with fits.unchanged(former.path):
        networks = dict(networks_of(former))
    _check_shapes(run.config, stage, former, networks)
    if not run.has("vae"):
        run.copy_all(former, tuple(networks))
        run.copy_index(former)
        say(f"Goes on from {former.path}: {', '.join(networks)}.")


def begin_part(run: Run, part: str, network: ModelMixin, say: Say) -> None:
    """Give a network the weights of the run that this one goes on from, if there is one."""
    former = former_run(run.config)
    if former is None:
        return
    theirs = next((network for name, network in networks_of(former) if name == part), None)
    if theirs is None:
        say(f"{former.path} has no {part}: this one begins with random weights.")
    else:
        network.load_state_dict(theirs.state_dict())


def begin_images(run: Run, encoder: ConditionEncoder, denoiser: VideoDenoiser, say: Say) -> None:
    """Give the networks of stage 1 the weights that they have there, without motion and without a head for detail."""
    former = former_run(run.config)
    if former is None:
        return
    encoder.load_state_dict(guiding_encoder(former).state_dict())
    there = load_denoiser(former)
    theirs = there.state_dict()
    denoiser.load_state_dict({name: theirs[name] for name in denoiser.state_dict()})
    if there.has_detail and "detail" not in run.config.stage1.phases:
        say(
            f"The head for detail of {former.path} is of other images: there is none here until stage1.phases has it."
        )


def begin_motion(run: Run, denoiser: VideoDenoiser, say: Say) -> None:
    """Give a denoiser the motion that it has there."""
    former = former_run(run.config)
    if former is None:
        return
    theirs = load_denoiser(former)
    if not theirs.has_motion:
        say(f"{former.path} has no motion: this one begins as if there were none.")
        return
    denoiser.load_state_dict({**denoiser.state_dict(), **_learned(theirs, "motion")})


def begin_detail(run: Run, denoiser: VideoDenoiser) -> None:
    """Give a denoiser the head for detail that it has there, if it has one."""
    former = former_run(run.config)
    theirs = None if former is None else load_denoiser(former)
    if theirs is not None and theirs.has_detail:
        denoiser.load_state_dict({**denoiser.state_dict(), **_learned(theirs, "detail")})


def seen_in_all(run: Run, seen: Seen) -> Seen:
    """Return the texts of a training and of the one that it went on from, where that noted any."""
    former = former_run(run.config)
    if former is None or not former.has("translator"):
        return seen
    before = Seen.read(former.load("translator", TokenTranslator).config["seen"])
    return seen if before is None else seen.after(before)


def _learned(denoiser: VideoDenoiser, phase: Phase) -> dict[str, torch.Tensor]:
    """Return what a phase trains of a denoiser, by the names of its weights."""
    learning = denoiser.learning(phase)
    return {name: weight for name, weight in denoiser.named_parameters() if id(weight) in learning}


def _check_shapes(config: RunConfig, stage: int, former: Run, theirs: Mapping[str, ModelMixin]) -> None:
    """ConfigError with the first weight of what a stage trains that has another shape there, or is here or there alone.

    A head for poses, for references or for detail, or motion, that is not there is no fault.
    """
    denoiser = load_denoiser(former)
    networks = meta_networks(config, motion=denoiser.has_motion, detail=denoiser.has_detail)
    own: dict[int, dict[str, ModelMixin | None]] = {
        1: {"condition_encoder": networks.condition_encoder, **networks.denoiser.parts()},
        2: {
            "autoencoder": networks.autoencoder,
            "pose_head": meta_pose_head(config, networks),
            "reference_head": meta_reference_head(config),
        },
        3: {"translator": networks.translator},
    }
    for part, network in own[stage].items():
        if network is None or (part in OF_POSES and part not in theirs):
            continue
        there = _shapes(theirs[part]) if part in theirs else {}
        odd = sorted({name for name, _ in _shapes(network).items() ^ there.items()})
        if odd:
            raise ConfigError(
                f"The {part} of {former.path} does not fit what this configuration asks for ({odd[0]}); leave the "
                "options of that network as they are there, or begin with random weights by --set start.run=null."
            )


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in network.state_dict().items()}
