"""Stage I as a sequence of phases: the VAE, then images, then motion (section 3.4); then detail, if asked for."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from signvip.config import DetailTraining
from signvip.data.manifest import Manifest
from signvip.data.shards import ShardIndex
from signvip.errors import ConfigError, RunError
from signvip.models import ConditionEncoder, PoseDrawer
from signvip.models.networks import new_video_networks
from signvip.models.video_denoiser import INDEXED, VideoDenoiser, stores
from signvip.registry import configure
from signvip.run import Run
from signvip.stages import PhaseKey, require_training
from signvip.stages.common import check_shards, is_stored, save_if_whole, seed
from signvip.stages.detail import DetailPhase
from signvip.stages.further import begin_detail, begin_images, begin_motion, take_parts
from signvip.stages.kept_squares import KeptSquares
from signvip.stages.keys import DETAIL, IMAGE, MOTION, VAE
from signvip.stages.likeness import references_of
from signvip.stages.parts import guiding_encoder, load_denoiser, load_vae
from signvip.stages.start import published_vae, sources
from signvip.stages.vae import VaePhase
from signvip.stages.video import VideoPhase
from signvip.stages.video_loss import VideoDiffusion
from signvip.storage.processes import is_main, wait

if TYPE_CHECKING:
    from diffusers import ModelMixin

    from signvip.stages import Loop


def stage1(run: Run, shards: Path, loop: Loop) -> None:
    """VAE where none is named, then images, then motion (section 3.4), and detail where it is asked for."""
    # its options are those of a plugin: a wrong one is to be told before the VAE is trained
    configure("denoiser", run.config.denoiser.name, run.config.denoiser_options)
    check_shards(run, shards)
    Manifest.read(shards).check_video(shards, "stage 1")
    take_parts(run, 1, loop.reporter.say)
    if run.config.start.vae is not None:
        _take_vae(run, loop)
    phases = {"vae": _train_vae, "image": _train_image, "motion": _train_motion, "detail": _train_detail}
    for name in run.config.stage1.phases:
        phases[name](run, shards, loop)
    save_if_whole(run)


def _take_vae(run: Run, loop: Loop) -> None:
    """Save the published VAE as a part of the run, once."""
    if run.has("vae") and loop.resume:
        return
    run.save("vae", published_vae(run.config))
    loop.reporter.say(f"The VAE is {run.config.start.vae}, as it is.")


def _train_vae(run: Run, shards: Path, loop: Loop) -> None:
    if run.config.start.vae is not None or run.config.start.run is not None:
        return  # it is there, and is not trained
    training = require_training(run.config.stage1.vae, "stage1.vae")
    if loop.finished(run, VAE, training):
        return
    seed(run, VAE)
    phase = VaePhase(run.config, training, shards)
    loop.run_phase(run, VAE, phase, training)
    phase.finish()
    run.save("vae", phase.vae)
    loop.finish(run, VAE, training)


def _train_image(run: Run, shards: Path, loop: Loop) -> None:
    config, training = run.config, run.config.stage1.image
    run.require("vae")
    key = _making(run, IMAGE)
    if loop.finished(run, key, training) and not _moved_on(run, loop):
        return
    vae = load_vae(run)
    seed(run, IMAGE)
    goes_on = config.stage1.encoder != "trained" and config.start.run is None
    if config.stage1.encoder == "drawer":
        _require_drawer(run)
    encoder, denoiser = _stored_networks(run) if goes_on else new_video_networks(config)
    if not loop.resumes(run, key, training):
        denoiser.start(sources(config.start, "image"), loop.reporter.say)
        begin_images(run, encoder, denoiser, loop.reporter.say)
    nets = VideoDiffusion(config, encoder, denoiser)
    nets.train_images(config)
    blackout = config.stage1.blackout
    phase = VideoPhase(
        IMAGE.name, config, training, shards, vae, nets, is_stored(run, shards, "vae"), blackout
    )
    loop.run_phase(run, key, phase, training)
    denoiser.note_likeness(references_of(phase.train))
    loop.forget(run, MOTION)  # before its denoiser is replaced by one that has no motion
    loop.forget(run, DETAIL)
    run.save_all({**_learned_encoder(run, encoder), **denoiser.parts()})
    loop.finish(run, key, training)


def _require_drawer(run: Run) -> None:
    """ConfigError for a run whose pictures no poses guide."""
    if run.config.sampler.guided_by != "poses" or not run.has("pose_drawer"):
        raise ConfigError(
            "stage1.encoder=drawer trains the encoder of poses that guide the pictures, and none does here; train "
            "stage 2 with sampler.guided_by=poses first, or set stage1.encoder=frozen."
        )


def _learned_encoder(run: Run, encoder: ConditionEncoder) -> dict[str, ModelMixin]:
    """Return the part that holds what was trained of the encoder.

    A frozen one stays the file that it is, by which tokens know it.
    """
    if run.config.stage1.encoder == "trained":
        return {"condition_encoder": encoder}
    if run.config.stage1.encoder == "frozen":
        return {}
    drawer = run.load("pose_drawer", PoseDrawer)
    drawer.learn(encoder)
    return {"pose_drawer": drawer}


def _stored_networks(run: Run) -> tuple[ConditionEncoder, VideoDenoiser]:
    """Return what guides the run's pictures, and their denoiser, to be trained on; RunError where that has motion."""
    run.require("condition_encoder", *stores(run.config.denoiser.name))
    denoiser = load_denoiser(run)
    if denoiser.has_motion or denoiser.has_detail:
        later = "motion" if denoiser.has_motion else "detail"
        raise RunError(
            f"{run.path} has {later}, which was trained on the image weights that would change; train images on with "
            f"stage1.encoder={run.config.stage1.encoder} in another run: signvip train --stage 1 --from {run.path}"
        )
    return guiding_encoder(run), denoiser


def _train_motion(run: Run, shards: Path, loop: Loop) -> None:
    config, training = run.config, run.config.stage1.motion
    run.require("vae", "condition_encoder", *stores(config.denoiser.name))
    key = _making(run, MOTION)
    if loop.finished(run, key, training):
        return
    vae = load_vae(run)
    seed(run, MOTION)
    encoder, denoiser = guiding_encoder(run), load_denoiser(run).with_motion()
    if not denoiser.has_motion:
        loop.reporter.say(f"The denoiser {config.denoiser.name} has no motion to train.")
        return
    if not loop.resumes(run, key, training):
        denoiser.start(sources(config.start, "motion"), loop.reporter.say)
        begin_motion(run, denoiser, loop.reporter.say)
    nets = VideoDiffusion(config, encoder, denoiser)
    nets.train_motion()
    phase = VideoPhase(MOTION.name, config, training, shards, vae, nets, is_stored(run, shards, "vae"))
    loop.run_phase(run, key, phase, training)
    loop.forget(run, DETAIL)
    run.save_all(nets.learned_parts())
    loop.finish(run, key, training)


def _train_detail(run: Run, shards: Path, loop: Loop) -> None:
    config, training = run.config, require_training(run.config.stage1.detail, "stage1.detail")
    run.require("vae", "condition_encoder", *stores(config.denoiser.name))
    key = _making(run, DETAIL)
    if loop.finished(run, key, training):
        return
    vae = load_vae(run)
    seed(run, DETAIL)
    encoder, denoiser = guiding_encoder(run), load_denoiser(run).with_detail()
    if not loop.resumes(run, key, training):
        begin_detail(run, denoiser)
    nets = VideoDiffusion(config, encoder, denoiser)
    nets.train_detail()
    store = _squares(run, shards, key, training)
    phase = DetailPhase(config, training, shards, vae, nets, is_stored(run, shards, "vae"), store)
    if is_main():
        phase.keep(loop.reporter)
    wait()
    loop.run_phase(run, key, phase, training)
    run.save_all(nets.learned_parts())
    loop.finish(run, key, training)
    if is_main():
        store.forget()


def _squares(run: Run, shards: Path, key: PhaseKey, training: DetailTraining) -> KeptSquares:
    """Return the squares of a run's detail phase, which are of these clips, options and weights, or none."""
    made_of = {
        "stamp": key.stamp(run),
        "options": json.loads(key.note(run, training))["options"],
        "training": training.model_dump(mode="json", include={"crops", "frames", "stride"}),
        "denoiser": [run.fingerprint(part) for part in stores(run.config.denoiser.name)],
        "shards": ShardIndex(shards, "train").identity,
    }
    folder = run.phase(f"{key.name}-squares")
    return KeptSquares(folder, json.dumps(made_of, sort_keys=True))


def _making(run: Run, key: PhaseKey) -> PhaseKey:
    """Return a phase of stage 1 with the parts that it makes of this run's denoiser, and builds on."""
    stored = stores(run.config.denoiser.name)
    made = tuple(part for part in key.makes if part in stored or part not in INDEXED)
    drawn = key in (MOTION, DETAIL) and run.config.stage1.encoder == "drawer"
    return dataclasses.replace(key, makes=made, parts=(*key.parts, "pose_drawer") if drawn else key.parts)


def _moved_on(run: Run, loop: Loop) -> bool:
    """Return whether motion must be trained anew from the image phase's weights and the run no longer has them."""
    motion = run.config.stage1.motion
    key = _making(run, MOTION)
    if "motion" not in run.config.stage1.phases or loop.done(run, key, motion):
        return False
    return not loop.resumes(run, key, motion) and load_denoiser(run).has_motion
