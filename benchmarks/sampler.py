"""Speed of the sampler as ratios, each against its baseline in the same process.

    python benchmarks/sampler.py --output sampler.json
    python benchmarks/sampler.py --rows release paper --shrink 2 --size 9 7

The baseline is the authors' algorithm as it is (tests/denoisers/plain.py): one call for both halves of
guidance, of which the unconditional one's self-attention runs twice; at each step the Reference Net for both halves and
the guider for each window; the reference and the empty prompt projected for each frame; attention over time unfused.
Row `release` has the options of the presets for the authors' weights, whose Reference Net follows the timestep, so
that both sides run it at each step; row `paper` those of ours, whose reference is embedded once a clip.
Weights are random, in networks of the paper's shape and a fraction (`--shrink`) of its width. Where nothing is
approximated, the latents are compared before anything is timed; `quality.py` has the cost of approximations.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from compare import Row, arguments, compare_work, report
from signvip_denoisers.animatediff import Denoiser, Guider, ReferenceNet
from torch import Tensor

from signvip.sampling.options import Sampler
from signvip.sampling.sampler import make_scheduler

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "denoisers"))
from plain import as_theirs, plain_sample
from wholes import sampled

WIDTHS = (320, 640, 1280, 1280)  # of Stable Diffusion 1.5
APPROXIMATE = float("inf")


OF_PRESET = {  # what presets differ in and a sampler notices: denoiser, Reference Net, sampling
    "release": (
        {"motion_norm": "frame", "resnet_norm": "window"},
        {"features": "attention_input", "keeps": "last_norm", "timestep": "sampler"},
        {"tail": "reflected", "overlap": 2},
    ),
    "paper": ({}, {}, {}),
}


def networks(
    shrink: int, size: tuple[int, int], frames: int, preset: str = "paper", heads: int = 8
) -> SimpleNamespace:
    """Denoiser, Reference Net and guider with random weights, those of the authors, and what they are fed."""
    torch.manual_seed(0)
    widths = tuple(width // shrink for width in WIDTHS)
    of_denoiser, of_reference, windows = OF_PRESET[preset]
    denoiser = Denoiser(
        block_out_channels=widths,
        norm_num_groups=320 // shrink // 10,
        motion_heads=heads,
        attention_levels=(True, True, True, False),
        attention_heads=heads,
        cross_attention_dim=768 // shrink,
        motion="temporal_attention",
        **of_denoiser,
    )
    reference_net = ReferenceNet(**denoiser.unet_options, **of_reference)
    embedding = 512 // shrink
    guider = Guider(embedding_channels=embedding, injection="conv_in+down_blocks", **denoiser.guider_options)
    ours = [network.eval().requires_grad_(False) for network in (denoiser, guider, reference_net)]
    for weights in (*guider.projections.parameters(), *motion_ends(denoiser), *motion_ends(guider)):
        torch.nn.init.normal_(weights, std=0.02)  # zero in a new network: nothing would be compared
    return SimpleNamespace(
        denoiser=denoiser,
        guider=guider,
        reference_net=reference_net,
        theirs=torch.nn.ModuleList(as_theirs(network) for network in ours),
        picture=torch.randn(1, 4, *size),
        e=torch.randn(1, frames, embedding, *size),
        windows=windows,
    )


def motion_ends(network: torch.nn.Module) -> list[Tensor]:
    """Weights of the last layer of each attention over time."""
    named = network.named_parameters()
    return [weights for name, weights in named if "motion_modules" in name and "proj_out" in name]


def ours(nets: SimpleNamespace, name: str = "ddim", *, reference=None, scale: float = 3.5, **options):
    """Return a run of our sampler, which gives its latents."""

    def run() -> list[Tensor]:
        read = (nets.reference_net, nets.picture) if reference is None else reference
        generators = [torch.Generator().manual_seed(0)]
        scheduler = make_scheduler(name, Sampler())
        given = nets.denoiser, nets.guider, scheduler, read, nets.e
        return [sampled(*given, guidance_scale=scale, generators=generators, **nets.windows, **options)]

    return run


def authors(nets: SimpleNamespace, steps: int):
    """Return a run of the authors' loop from the same noise."""
    shape = (nets.e.shape[1], 4, *nets.e.shape[3:])
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(nets.e.device)

    def run() -> list[Tensor]:
        given = *nets.theirs, make_scheduler("ddim", Sampler()), nets.picture, nets.e, noise[None]
        return [plain_sample(*given, steps=steps, guidance_scale=3.5, **nets.windows)]

    return run


class EachStep(torch.nn.Module):
    """A Reference Net that is asked at each step, and sees `batch` equal pictures of which one is read."""

    def __init__(self, net: torch.nn.Module, batch: int) -> None:
        super().__init__()
        self.net, self.batch, self.config = net, batch, {"timestep": "sampler"}

    def forward(self, latents: Tensor, timestep: Tensor) -> dict[str, Tensor]:
        pictures = latents.repeat(self.batch, 1, 1, 1)
        return {name: tokens[:1] for name, tokens in self.net(pictures).items()}


def each_step(nets: SimpleNamespace, batch: int) -> tuple[torch.nn.Module, Tensor]:
    """The reference, computed at each step."""
    return EachStep(nets.reference_net, batch), nets.picture


def exact_row(nets: SimpleNamespace, repeats: int, name: str) -> dict[str, Row]:
    """Compare the savings that change no result, in `--steps`."""
    return {name: compare_work(ours(nets, steps=nets.steps), authors(nets, nets.steps), repeats)}


def release_row(nets: SimpleNamespace, repeats: int) -> dict[str, Row]:
    return exact_row(nets, repeats, "release presets, reference at each step")


def paper_row(nets: SimpleNamespace, repeats: int) -> dict[str, Row]:
    return exact_row(nets, repeats, "our presets, reference once")


def reference_rows(nets: SimpleNamespace, repeats: int) -> dict[str, Row]:
    """Compare the reference alone, for one picture at a time and for both halves of guidance."""
    rows = {}
    for batch, name in ((1, "once a step"), (2, "once a step and half")):
        baseline = ours(nets, steps=2, reference=each_step(nets, batch))
        row = compare_work(ours(nets, steps=2), baseline, repeats)
        rows[f"reference once per clip, against {name}"] = row
    return rows


def reuse_row(nets: SimpleNamespace, repeats: int) -> dict[str, Row]:
    """Inner blocks in one step of three, in six steps."""
    reused, plain = ours(nets, steps=6, reuse_every=3, scale=1.0), ours(nets, steps=6, scale=1.0)
    return {"inner blocks every third step": compare_work(reused, plain, repeats, APPROXIMATE)}


def fewer_steps_rows(nets: SimpleNamespace, repeats: int) -> dict[str, Row]:
    """Against the authors' 50 steps."""
    sixty_percent = ours(nets, "unipc", steps=20, guidance_interval=(0.0, 0.6))
    four = ours(nets, "lcm", steps=4, scale=1.0)
    return {
        "20 steps, guidance on 60 %, against 50 of the authors": compare_work(
            sixty_percent, authors(nets, 50), repeats, APPROXIMATE
        ),
        "4 steps without guidance, against 50 of the authors": compare_work(
            four, authors(nets, 50), repeats, APPROXIMATE
        ),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--shrink", type=int, default=4, help="divides the width of all networks")
    parser.add_argument("--size", type=int, nargs=2, default=(34, 28), metavar=("h", "w"), help="of latents")
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--steps", type=int, default=4, help="of rows release and paper")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    options = parser.parse_args()
    report(measure(options), options)


@torch.no_grad()
def measure(options: argparse.Namespace) -> dict[str, Row]:
    height, width = options.size
    rows = {}
    for name in options.rows:
        if name == "steps":  # these take 50 of them
            nets = networks(2 * options.shrink, (height // 2, width // 2), options.frames)
        else:
            preset = "release" if name == "release" else "paper"
            nets = networks(options.shrink, (height, width), options.frames, preset)
        nets.steps = options.steps
        rows |= ROWS[name](nets, options.repeats)
    return rows


ROWS = {
    "release": release_row,
    "paper": paper_row,
    "reference": reference_rows,
    "reuse": reuse_row,
    "steps": fewer_steps_rows,
}


if __name__ == "__main__":
    main()
