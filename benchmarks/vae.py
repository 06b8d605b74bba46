"""Speed of the VAE's decoder against that of a tiny one (TAESD's architecture), as a ratio.

    python benchmarks/vae.py --output vae.json

Both have random weights, so only the size of the pictures is compared. A tiny decoder loses hands and faces: it is
for previews, and for what is left of the time when the denoiser takes four steps.
"""

from __future__ import annotations

import torch
from compare import arguments, compare_work, report
from diffusers import AutoencoderTiny

from signvip.config import load_config
from signvip.models.vae import build_vae, decode_latents


@torch.no_grad()
def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(17, 14), metavar=("h", "w"), help="of latents")
    parser.add_argument("--frames", type=int, default=2)
    options = parser.parse_args()
    vae, tiny = build_vae(**load_config("rwth").vae).eval(), AutoencoderTiny().eval()
    latents = torch.randn(options.frames, 4, *options.size)
    row = compare_work(
        lambda: [torch.tensor(tiny.decode(latents).sample.shape)],
        lambda: [torch.tensor(decode_latents(vae, latents).shape)],
        options.repeats,
    )
    report({"a tiny decoder against Stable Diffusion's": row}, options)


if __name__ == "__main__":
    main()
