"""The built-in metrics: texts, pictures, poses, tokens and costs.

They import the public face (`signvip.testing.face`) and one another; this file imports no torch.
"""

from __future__ import annotations

from signvip import hookimpl
from signvip.contracts import Register

NAMES = {
    "bleu": "texts:Bleu",
    "rouge_l": "texts:RougeL",
    "chrf": "texts:ChrF",
    "wer": "texts:WordErrorRate",
    "psnr": "psnr_ssim:Psnr",
    "ssim": "psnr_ssim:Ssim",
    "hand_ssim": "psnr_ssim:HandSsim",
    "face_ssim": "psnr_ssim:FaceSsim",
    "lpips": "lpips:Lpips",
    "ids": "faces:IdentitySimilarity",
    "ids_reference": "faces:ReferenceIdentity",
    "fid": "fid:Fid",
    "kid": "fid:Kid",
    "clip_fid": "fid:ClipFid",
    "fvd": "fid:Fvd",
    "dtw": "joint_errors:TimeWarping",
    "mpjpe": "joint_errors:JointError",
    "wrist_error": "joint_errors:WristError",
    "finger_error": "joint_errors:FingerError",
    "face_error": "joint_errors:FaceError",
    "codebook": "token_statistics:Codebook",
    "eos_rate": "token_statistics:EosRate",
    "copy_rate": "token_statistics:CopyRate",
    "reconstruction": "token_statistics:Reconstruction",
    "length_ratio": "movement:LengthRatio",
    "jitter": "movement:Jitter",
    "frozen": "movement:FrozenFrames",
    "seconds_per_frame": "costs:SecondsPerFrame",
    "parameters": "costs:Parameters",
}


@hookimpl
def register_metrics(register: Register) -> None:
    """Add what `signvip evaluate` prints; by name, so that listing plugins loads none of them."""
    for name, place in NAMES.items():
        register(name, f"signvip_metrics.{place}")
