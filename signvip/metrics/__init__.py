"""The metrics that travel with SignViP; they come in by the same door as a third party's. Imports no torch."""

from __future__ import annotations

from signvip.contracts import Register
from signvip.hookspecs import hookimpl

NAMES = {
    "bleu": "texts:Bleu",
    "rouge_l": "texts:RougeL",
    "chrf": "texts:ChrF",
    "wer": "texts:WordErrorRate",
    "psnr": "images:Psnr",
    "ssim": "images:Ssim",
    "hand_ssim": "images:HandSsim",
    "face_ssim": "images:FaceSsim",
    "lpips": "lpips:Lpips",
    "ids": "faces:IdentitySimilarity",
    "ids_reference": "faces:ReferenceIdentity",
    "fid": "networks:Fid",
    "kid": "networks:Kid",
    "clip_fid": "networks:ClipFid",
    "fvd": "networks:Fvd",
    "dtw": "poses:TimeWarping",
    "mpjpe": "poses:JointError",
    "wrist_error": "poses:WristError",
    "finger_error": "poses:FingerError",
    "face_error": "poses:FaceError",
    "codebook": "tokens:Codebook",
    "eos_rate": "tokens:EosRate",
    "copy_rate": "tokens:CopyRate",
    "reconstruction": "tokens:Reconstruction",
    "length_ratio": "motion:LengthRatio",
    "jitter": "motion:Jitter",
    "frozen": "motion:FrozenFrames",
    "seconds_per_frame": "costs:SecondsPerFrame",
    "parameters": "costs:Parameters",
}


@hookimpl
def register_metrics(register: Register) -> None:
    """Add what `signvip evaluate` prints; by name, so that listing plugins loads none of them."""
    for name, place in NAMES.items():
        register(name, f"signvip.metrics.{place}")
