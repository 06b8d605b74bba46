"""Stage II as a sequence of phases: the autoencoder around a quantizer, and what reads poses (section 3.5)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from signvip.errors import ConfigError
from signvip.models import ConditionEncoder, Coordinates, EmbeddingTokenizer, PoseDrawer, PoseHead
from signvip.models.networks import new_autoencoder, new_pose_head, new_reference_head
from signvip.models.retargeting import LANDMARKS
from signvip.run import Run
from signvip.stages.clips import Clips
from signvip.stages.common import check_shards, is_stored, save_if_whole, seed
from signvip.stages.further import begin_part, take_parts
from signvip.stages.keys import BY_FINGERS, OF_TOKENS, POSES, REFERENCE, TOKENS
from signvip.stages.parts import learned_drawer, load_tokenizer, load_vae
from signvip.stages.poses import KeypointLoss, PosesPhase, stored_keypoints
from signvip.stages.reference_poses import ReferenceLoss, ReferencePhase
from signvip.stages.tokens import TokensPhase

if TYPE_CHECKING:
    from signvip.stages import Loop


def stage2(run: Run, shards: Path, loop: Loop) -> None:
    """The autoencoder around the chosen quantizer (section 3.5), or no more than the ranges of coordinates.

    Then, where the configuration says how, a head that reads keypoints from the embeddings; first where tokens are
    trained by what it reads. Last, where those keypoints guide the pictures, what moves them to the signer of a
    reference, and what draws them again.
    """
    check_shards(run, shards)
    take_parts(run, 2, loop.reporter.say)
    run.require("condition_encoder")
    tokenizer = _take_coordinates if run.config.intermediate == "coordinates" else _train_tokens
    parts = [tokenizer, _train_poses]
    for train in reversed(parts) if run.config.stage2.finger_weight else parts:
        train(run, shards, loop)
    _train_references(run, shards, loop)
    if run.config.sampler.guided_by == "poses":
        _take_drawer(run)
        _check_retarget(run)
    save_if_whole(run)


def _train_tokens(run: Run, shards: Path, loop: Loop) -> None:
    config, training = run.config, run.config.stage2
    reader = _finger_reader(run)
    key = TOKENS if reader is None else BY_FINGERS
    if loop.finished(run, key, training):
        return
    encoder = run.load("condition_encoder", ConditionEncoder)
    seed(run, TOKENS)
    autoencoder = new_autoencoder(config, encoder)
    stored = is_stored(run, shards, "condition_encoder")
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
    seed(run, POSES)
    head = new_pose_head(run.config, encoder)
    stored = is_stored(run, shards, "condition_encoder")
    loss = KeypointLoss(head, encoder, tokenizer, training.decoded)
    phase = PosesPhase(run.config, training, shards, loss, stored)
    begin_part(run, "pose_head", head, loop.reporter.say)
    loop.run_phase(run, key, phase, training)
    run.save("pose_head", head)
    loop.finish(run, key, training)


def _train_references(run: Run, shards: Path, loop: Loop) -> None:
    training = run.config.stage2_reference
    if training is None:
        return
    if not _stores_landmarks(Clips(shards, "train", run.config)):
        names = " and ".join(run.config.conditions)
        raise ConfigError(
            f"stage2_reference learns where heads and shoulders are, and {names} store neither; add a condition that "
            "stores keypoints, such as pose, or set stage2_reference=null."
        )
    if loop.finished(run, REFERENCE, training):
        return
    vae = load_vae(run)
    seed(run, REFERENCE)
    head = new_reference_head(run.config)
    phase = ReferencePhase(
        run.config, training, shards, ReferenceLoss(head, vae), is_stored(run, shards, "vae")
    )
    begin_part(run, "reference_head", head, loop.reporter.say)
    loop.run_phase(run, REFERENCE, phase, training)
    run.save("reference_head", head)
    loop.finish(run, REFERENCE, training)


def _stores_landmarks(clips: Clips) -> bool:
    points = stored_keypoints(clips.coordinates(0))
    return points is not None and bool(points[:, LANDMARKS, 2].any())


def _check_retarget(run: Run) -> None:
    if run.config.sampler.retarget != "none" and not run.has("reference_head"):
        raise ConfigError(
            "sampler.retarget needs what reads references, and this run has none; set stage2_reference, or "
            "retarget=none."
        )


def _take_drawer(run: Run) -> None:
    """Save what draws poses again; nothing is trained. ConfigError where nothing reads any.

    One that learned with the pictures stays, as long as it fits.
    """
    if not run.has("pose_head"):
        raise ConfigError(
            "sampler.guided_by=poses needs a pose head, and this run has none; set stage2_poses and conditions that "
            "store keypoints, or guided_by=tokens."
        )
    if learned_drawer(run) is not None:
        return
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
