"""The three stages as sequences of phases: build or load the parts, train, save them into the run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from signvip.data.derived import is_current
from signvip.data.manifest import Manifest
from signvip.errors import ConfigError, MismatchError, RunError
from signvip.models import (
    ConditionEncoder,
    Coordinates,
    EmbeddingTokenizer,
    PoseDrawer,
    PoseHead,
    TokenTranslator,
)
from signvip.models.networks import new_autoencoder, new_pose_head, new_translator, new_video_networks
from signvip.models.video_denoiser import INDEXED, VideoDenoiser, stores
from signvip.pipeline import save_index
from signvip.registry import configure
from signvip.run import Run
from signvip.stages import PhaseKey, require_training
from signvip.stages.clips import Clips
from signvip.stages.further import begin_images, begin_motion, begin_part, seen_in_all, take_parts
from signvip.stages.likeness import references_of
from signvip.stages.parts import load_denoiser, load_tokenizer, load_vae
from signvip.stages.poses import PosesPhase, stored_keypoints
from signvip.stages.start import published_vae, sources
from signvip.stages.text import TextPhase, check_languages
from signvip.stages.tokens import TokensPhase
from signvip.stages.vae import VaePhase
from signvip.stages.video import VideoPhase
from signvip.stages.video_loss import VideoDiffusion
from signvip.storage import fits
from signvip.storage.processes import is_main
from signvip.training.seeds import step_seed

if TYPE_CHECKING:
    from signvip.stages import Loop


NETS = ("conditions", "condition_encoder", "guider", "denoiser", "reference_net", "sampler")
NOISED = (
    "stage1.augmentation",
    "stage1.blackout",
    "stage1.log_sigma",
    "stage1.loss",
    "stage1.noise_offset",
    "stage1.pixels",
    "stage1.pure_noise",
    "stage1.reference_dropout",
    "stage1.region_weights",
    "stage1.snr_gamma",
    "stage1.timesteps",
)
VAE = PhaseKey("stage1-vae", ("size", "vae"), makes=("vae",))
IMAGE = PhaseKey(
    "stage1-image",
    ("size", *NETS, "start.unet", "start.text_encoder", "stage1.denoiser", "stage1.encoder"),
    ("vae",),
    noted=("seed", "start.run", *NOISED),
    makes=("condition_encoder", "reference_net", "guider", "denoiser"),
)
MOTION = PhaseKey(
    "stage1-motion",
    ("size", *NETS, "start.motion"),
    ("vae", "condition_encoder", "reference_net"),
    noted=("seed", "start.run", *NOISED),
    makes=("guider", "denoiser"),
)
TOKENS = PhaseKey("stage2", ("autoencoder", "quantizer"), ("condition_encoder",), makes=("autoencoder",))
# the same where stage2.finger_weight is set
BY_FINGERS = dataclasses.replace(TOKENS, parts=(*TOKENS.parts, "pose_head"))
POSES = PhaseKey("stage2-poses", ("size", "pose_head"), ("condition_encoder",), makes=("pose_head",))
# the same where stage2_poses.decoded is set
OF_TOKENS = dataclasses.replace(POSES, parts=(*POSES.parts, "autoencoder"))
TEXT = PhaseKey("stage3", ("translator",), ("autoencoder",), makes=("translator",))


def stage1(run: Run, shards: Path, loop: Loop) -> None:
    """VAE where none is named, then images, then motion (section 3.4)."""
    # its options are those of a plugin: a wrong one is to be told before the VAE is trained
    configure("denoiser", run.config.denoiser.name, run.config.denoiser_options)
    _check_shards(run, shards)
    Manifest.read(shards).check_video(shards, "stage 1")
    take_parts(run, 1, loop.reporter.say)
    if run.config.start.vae is not None:
        _take_vae(run, loop)
    phases = {"vae": _train_vae, "image": _train_image, "motion": _train_motion}
    for name in run.config.stage1.phases:
        phases[name](run, shards, loop)
    _save_if_whole(run)


def stage2(run: Run, shards: Path, loop: Loop) -> None:
    """The autoencoder around the chosen quantizer (section 3.5), or no more than the ranges of coordinates.

    Then, where the configuration says how, a head that reads keypoints from the embeddings; first where tokens are
    trained by what it reads. Last, what draws those keypoints again, where they guide the pictures.
    """
    _check_shards(run, shards)
    take_parts(run, 2, loop.reporter.say)
    run.require("condition_encoder")
    tokenizer = _take_coordinates if run.config.intermediate == "coordinates" else _train_tokens
    parts = [tokenizer, _train_poses]
    for train in reversed(parts) if run.config.stage2.finger_weight else parts:
        train(run, shards, loop)
    if run.config.sampler.guided_by == "poses":
        _take_drawer(run)
    _save_if_whole(run)


def _save_if_whole(run: Run) -> None:
    """Let a run that has all parts, and whose parts fit, say what it has got."""
    if run.has("translator") and not any(fits.misfit(run.path, part) for part in fits.TRAINED_WITH):
        save_pipeline(run)


def _train_tokens(run: Run, shards: Path, loop: Loop) -> None:
    config, training = run.config, run.config.stage2
    reader = _finger_reader(run)
    key = TOKENS if reader is None else BY_FINGERS
    if loop.finished(run, key, training):
        return
    encoder = run.load("condition_encoder", ConditionEncoder)
    _seed(run, TOKENS)
    autoencoder = new_autoencoder(config, encoder)
    stored = _current(run, shards, "condition_encoder")
    phase = TokensPhase(config, training, shards, encoder, autoencoder, stored, reader)
    begin_part(
        run, "autoencoder", autoencoder, loop.reporter.say
    )  # after its statistics, which are there as well
    loop.run_phase(run, key, phase, training)
    run.save("autoencoder", autoencoder)
    loop.finish(run, key, training)


def _finger_reader(run: Run) -> PoseHead | None:
    """Return the pose head where the configuration gives fingers a weight; ConfigError where there is none."""
    if not run.config.stage2.finger_weight:
        return None
    if not run.has("pose_head"):
        raise ConfigError(
            "stage2.finger_weight needs a pose head, and this run has none; set stage2_poses and conditions that "
            "store keypoints, or leave finger_weight out."
        )
    return run.load("pose_head", PoseHead)


def _train_poses(run: Run, shards: Path, loop: Loop) -> None:
    training = run.config.stage2_poses
    if training is None:
        return
    if stored_keypoints(Clips(shards, "train", run.config).coordinates(0)) is None:
        names = " and ".join(run.config.conditions)
        loop.reporter.say(f"{names} store no keypoints, so this run gets no pose head and gives no poses.")
        return
    tokenizer = _decoding(run, training.decoded)
    key = POSES if tokenizer is None else OF_TOKENS
    if loop.finished(run, key, training):
        return
    encoder = run.load("condition_encoder", ConditionEncoder)
    _seed(run, POSES)
    head = new_pose_head(run.config, encoder)
    stored = _current(run, shards, "condition_encoder")
    phase = PosesPhase(run.config, training, shards, encoder, head, stored, tokenizer)
    begin_part(run, "pose_head", head, loop.reporter.say)
    loop.run_phase(run, key, phase, training)
    run.save("pose_head", head)
    loop.finish(run, key, training)


def _take_drawer(run: Run) -> None:
    """Save what draws poses again; nothing is trained. ConfigError where nothing reads any."""
    if not run.has("pose_head"):
        raise ConfigError(
            "sampler.guided_by=poses needs a pose head, and this run has none; set stage2_poses and conditions that "
            "store keypoints, or guided_by=tokens."
        )
    config, encoder = run.config, run.load("condition_encoder", ConditionEncoder)
    run.save("pose_drawer", PoseDrawer.around(encoder, conditions=config.conditions, size=config.size))


def _decoding(run: Run, share: float) -> EmbeddingTokenizer | None:
    """Return the tokenizer that a share of the frames is decoded by; ConfigError where it makes no embeddings."""
    if not share:
        return None
    tokenizer = load_tokenizer(run)
    if not isinstance(tokenizer, EmbeddingTokenizer):
        raise ConfigError(
            "stage2_poses.decoded is of embeddings that tokens decode to, and this run predicts coordinates; set it "
            "to 0."
        )
    return tokenizer


def stage3(run: Run, shards: Path, loop: Loop) -> None:
    """The translator, on tokens of this run's own quantizer (section 3.6)."""
    config, training = run.config, run.config.stage3
    take_parts(run, 3, loop.reporter.say)
    tokenizer = load_tokenizer(run)
    manifest = Manifest.read(shards)
    if "autoencoder" not in manifest.fingerprints:
        raise RunError(f"{shards} has no tokens yet; first run: signvip tokenize {shards} --run {run.path}")
    fits.refuse_misfits(run.path, [part for part in fits.TRAINED_WITH if part != "translator"])
    stamp = run.fingerprint("autoencoder", "condition_encoder")
    manifest.check("autoencoder", stamp, shards, "signvip tokenize")
    if not is_current(shards, "autoencoder", stamp, ("train", "dev")):
        raise MismatchError(
            f"Some clips of {shards} have no tokens of this run; make them with: signvip tokenize {shards} --run "
            f"{run.path}"
        )
    if loop.finished(run, TEXT, training):
        return
    _seed(run, TEXT)
    translator = new_translator(config, tokenizer)
    begin_part(run, "translator", translator, loop.reporter.say)
    phase = TextPhase(config, training, shards, translator)
    check_languages(phase.languages(), translator.languages)
    phase.check_alignment()
    loop.run_phase(run, TEXT, phase, training)
    translator.register_to_config(seen=seen_in_all(run, phase.seen()).model_dump())
    run.save("translator", translator)
    save_pipeline(run)
    loop.finish(run, TEXT, training)


def _take_coordinates(run: Run, shards: Path, loop: Loop) -> None:
    """Save what stands in the autoencoder's place where conditions are predicted directly; nothing is trained."""
    encoder, clips = run.load("condition_encoder", ConditionEncoder), Clips(shards, "train", run.config)
    tokenizer = Coordinates.measure(
        (clips.coordinates(clip) for clip in range(len(clips))),
        encoder,
        conditions=run.config.conditions,
        size=run.config.size,
    )
    run.save("autoencoder", tokenizer)
    loop.forget(run, TOKENS)
    loop.reporter.say(
        f"A frame is {tokenizer.tokens_per_frame} coordinates of {tokenizer.levels} levels; nothing is trained."
    )


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
    _seed(run, VAE)
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
    _seed(run, IMAGE)
    goes_on = config.stage1.encoder == "frozen" and config.start.run is None
    encoder, denoiser = _stored_networks(run) if goes_on else new_video_networks(config)
    if not loop.resumes(run, key, training):
        denoiser.start(sources(config.start, "image"), loop.reporter.say)
        begin_images(run, encoder, denoiser)
    nets = VideoDiffusion(config, encoder, denoiser)
    nets.train_images(config)
    blackout = config.stage1.blackout
    phase = VideoPhase(
        IMAGE.name, config, training, shards, vae, nets, _current(run, shards, "vae"), blackout
    )
    loop.run_phase(run, key, phase, training)
    denoiser.note_likeness(references_of(phase.train))
    loop.forget(run, MOTION)  # before its denoiser is replaced by one that has no motion
    # a frozen encoder stays the file that it is, by which tokens know it
    learned = {} if config.stage1.encoder == "frozen" else {"condition_encoder": nets.encoder}
    run.save_all({**learned, **denoiser.parts()})
    loop.finish(run, key, training)


def _stored_networks(run: Run) -> tuple[ConditionEncoder, VideoDenoiser]:
    """Return the run's own networks, to be trained on; RunError where its denoiser has motion already."""
    run.require("condition_encoder", *stores(run.config.denoiser.name))
    denoiser = load_denoiser(run)
    if denoiser.has_motion:
        raise RunError(
            f"{run.path} has motion, which was trained on the image weights that would change; train images on with "
            "stage1.encoder=frozen in a run that has none yet, such as a copy from before its motion."
        )
    return run.load("condition_encoder", ConditionEncoder), denoiser


def _train_motion(run: Run, shards: Path, loop: Loop) -> None:
    config, training = run.config, run.config.stage1.motion
    run.require("vae", "condition_encoder", *stores(config.denoiser.name))
    key = _making(run, MOTION)
    if loop.finished(run, key, training):
        return
    vae = load_vae(run)
    _seed(run, MOTION)
    encoder = run.load("condition_encoder", ConditionEncoder)
    denoiser = load_denoiser(run).with_motion()
    if not denoiser.has_motion:
        loop.reporter.say(f"The denoiser {config.denoiser.name} has no motion to train.")
        return
    if not loop.resumes(run, key, training):
        denoiser.start(sources(config.start, "motion"), loop.reporter.say)
        begin_motion(run, denoiser, loop.reporter.say)
    nets = VideoDiffusion(config, encoder, denoiser)
    nets.train_motion()
    phase = VideoPhase(MOTION.name, config, training, shards, vae, nets, _current(run, shards, "vae"))
    loop.run_phase(run, key, phase, training)
    run.save_all(nets.learned_parts())
    loop.finish(run, key, training)


def _making(run: Run, key: PhaseKey) -> PhaseKey:
    """Return a phase of stage 1 with the parts that it makes of this run's denoiser."""
    stored = stores(run.config.denoiser.name)
    made = tuple(part for part in key.makes if part in stored or part not in INDEXED)
    return dataclasses.replace(key, makes=made)


def _moved_on(run: Run, loop: Loop) -> bool:
    """Return whether motion must be trained anew from the image phase's weights and the run no longer has them."""
    motion = run.config.stage1.motion
    key = _making(run, MOTION)
    if "motion" not in run.config.stage1.phases or loop.done(run, key, motion):
        return False
    return not loop.resumes(run, key, motion) and load_denoiser(run).has_motion


def _current(run: Run, shards: Path, part: str) -> bool:
    """Return whether what `encode` stored came from the weights in this run; stale values are computed anew."""
    return is_current(shards, part, run.fingerprint(part), ("train", "dev"))


def _seed(run: Run, key: PhaseKey) -> None:
    """Random weights that depend on the seed and the phase alone, whatever was trained before."""
    torch.manual_seed(step_seed(run.config.seed, key.name, -1))


def save_pipeline(run: Run) -> None:
    """Write what makes a run loadable as a whole."""
    if not is_main():
        return
    save_index(
        run.path,
        run.config,
        {
            "vae": load_vae(run),
            "denoiser": load_denoiser(run),
            "autoencoder": load_tokenizer(run),
            "translator": run.load("translator", TokenTranslator),
            **{
                part: run.load(part, kind) if run.has(part) else None
                for part, kind in (("pose_head", PoseHead), ("pose_drawer", PoseDrawer))
            },
        },
    )


def _check_shards(run: Run, shards: Path) -> None:
    """Shards of another size, rate or set of conditions are refused in words."""
    Manifest.read(shards).check_sources(run.config.size, run.config.fps, list(run.config.conditions), shards)
