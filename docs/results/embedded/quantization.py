"""Two test sentences in three rows each, as `quantization.png`: the truth, with quantization, and without.

python docs/results/embedded/quantization.py SHARDS ON OFF

ON and OFF are the cells of `signvip ablate quantization` (outputs/ablations/quantization/cells). All rows are spread
over their own length.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from signvip.generate import GenerateOptions
from signvip_lab.evaluation.chain import Chain

CLIPS, COLUMNS, SHOWN, GAP = (3, 1), 10, 112, 8


@torch.no_grad()
def made(chain: Chain, clip: int) -> np.ndarray:
    """Frames (F, H, W, 3) of the text of a clip."""
    truth = chain.truth(clip)
    e = chain.pipe.embed(chain.translate(clip))
    return chain.video(chain.pipe.guide(e, truth[-1]), truth[-1], 0)


def row(frames: np.ndarray) -> np.ndarray:
    picks = np.linspace(2, len(frames) - 3, COLUMNS).round().astype(int)
    shown = [Image.fromarray(frames[pick]).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS) for pick in picks]
    return np.concatenate([np.asarray(each) for each in shown], axis=1)


shards = Path(sys.argv[1])
chains = [Chain.open(Path(run), shards, "test", GenerateOptions()) for run in sys.argv[2:4]]
for chain in chains:
    chain.pipe.set_progress_bar_config(disable=True)
space = np.full((GAP, COLUMNS * SHOWN, 3), 255, np.uint8)
parts = []
for clip in CLIPS:
    parts += [row(chains[0].truth(clip)), *(row(made(chain, clip)) for chain in chains), space]
Image.fromarray(np.concatenate(parts[:-1])).quantize(256).save(Path(__file__).with_suffix(".png"))
