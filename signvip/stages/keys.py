"""The keys of all phases: which options and parts decide whether their checkpoints still fit."""

from __future__ import annotations

import dataclasses

from signvip.stages import PhaseKey

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
    "stage1.redraw",
    "stage1.region_weights",
    "stage1.snr_gamma",
    "stage1.timesteps",
)
BEGUN = ("seed", "start.run")  # what decides the weights that a phase begins with
VAE = PhaseKey("stage1-vae", ("size", "vae"), makes=("vae",))
IMAGE = PhaseKey(
    "stage1-image",
    ("size", *NETS, "start.unet", "start.text_encoder", "stage1.denoiser", "stage1.encoder"),
    ("vae",),
    noted=(*BEGUN, *NOISED),
    makes=("condition_encoder", "reference_net", "guider", "denoiser"),
)
MOTION = PhaseKey(
    "stage1-motion",
    ("size", *NETS, "start.motion"),
    ("vae", "condition_encoder", "reference_net"),
    noted=(*BEGUN, *NOISED),
    makes=("guider", "denoiser"),
)
DETAIL = PhaseKey(
    "stage1-detail",
    ("size", *NETS),
    ("vae", "condition_encoder", "reference_net", "guider"),
    noted=(*BEGUN, *NOISED),
    makes=("denoiser",),
)
TOKENS = PhaseKey(
    "stage2", ("autoencoder", "quantizer"), ("condition_encoder",), noted=BEGUN, makes=("autoencoder",)
)
# the same where stage2.finger_weight is set
BY_FINGERS = dataclasses.replace(TOKENS, parts=(*TOKENS.parts, "pose_head"))
POSES = PhaseKey(
    "stage2-poses", ("size", "pose_head"), ("condition_encoder",), noted=BEGUN, makes=("pose_head",)
)
# the same where stage2_poses.decoded is set
OF_TOKENS = dataclasses.replace(POSES, parts=(*POSES.parts, "autoencoder"))
REFERENCE = PhaseKey(
    "stage2-reference", ("size", "reference_head"), ("vae",), noted=BEGUN, makes=("reference_head",)
)
TEXT = PhaseKey("stage3", ("translator",), ("autoencoder",), noted=BEGUN, makes=("translator",))
