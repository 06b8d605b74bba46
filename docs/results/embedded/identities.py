"""The same words by other signers (Fig. 3b): rows of frames beside each reference picture, as `identities.png`.

python docs/results/embedded/identities.py [RUN]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from signvip import SignVipPipeline
from signvip.generate import embedded_run

TEXT, LANGUAGE, COLUMNS = "Wendy", "ase", 8

run = Path(sys.argv[1]) if len(sys.argv) > 1 else embedded_run()
pipe = SignVipPipeline.from_pretrained(run)
pipe.set_progress_bar_config(disable=True)
references = sorted((embedded_run() / "references").glob("*.png"))
tokens = pipe.translate([TEXT], language=LANGUAGE)[0]
made = pipe([TEXT] * len(references), references, language=LANGUAGE, output_type="np").frames
picks = np.linspace(4, len(tokens) - 5, COLUMNS).round().astype(int)
rows = [
    np.concatenate(
        [np.asarray(Image.open(path).convert("RGB")), *(video[picks] * 255).round().astype(np.uint8)], 1
    )
    for path, video in zip(references, made, strict=True)
]
Image.fromarray(np.concatenate(rows)).quantize(256).save(Path(__file__).with_suffix(".png"))
