"""Paired intervals of the embedded model's tables, of what was stored there: 95 % of the draws of `signvip evaluate`.

python docs/results/embedded/pairs.py

Of `back-translation.json` the share of the truth's BLEU-4 that can be read; of `quantization.json` each score without
quantization, less that with.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

import signvip
from signvip_lab.evaluation.chance import draw_clips, interval, redraw

HERE = Path(__file__).parent
TEXT, READERS = "from the text", ("video", "pose")
SCORES = (("bleu", "bleu1"), ("bleu", "bleu4"), ("rouge_l", "rouge_l"))


def read(texts: list[str], truth: list[str], metric: str, name: str) -> tuple[float, np.ndarray]:
    """Return a score of texts, and what it is in each draw of sentences."""
    scorer = signvip.build("metric", metric)
    statistics = np.asarray(scorer.statistics(texts, truth))
    return scorer.score(statistics.sum(axis=0))[name], redraw(statistics, scorer.score)[name]


def mean(arm: dict[str, Any], name: str) -> tuple[float, np.ndarray]:
    """Return the mean over clips of an error of poses, and what it is in each draw."""
    (clips,) = [value["clips"] for value in arm["values"] if (value["row"], value["name"]) == (TEXT, name)]
    return float(np.mean(clips)), draw_clips(len(clips)) @ np.asarray(clips) / len(clips)


def signs(arm: dict[str, Any]) -> tuple[float, np.ndarray]:
    """Return the share of signs that are correct, and what it is in each draw of sentences."""
    correct, said = np.asarray(arm["signs"]["correct"]), np.asarray(list(map(len, arm["signs"]["signed"])))
    drawn = draw_clips(len(said))
    return float(correct.sum() / said.sum()), (drawn @ correct) / (drawn @ said)


def say(what: str, value: float, draws: np.ndarray) -> None:
    low, high = interval(draws) or (float("nan"), float("nan"))
    print(f"{what:56} {value:8.3f} ({low:.3f}..{high:.3f})")


told = json.loads((HERE / "back-translation.json").read_text())
for reader in READERS:
    true, drawn = read(told["texts"]["ground truth"][reader], told["sentences"], "bleu", "bleu4")
    for row in ("from true conditions", TEXT):
        made, others = read(told["texts"][row][reader], told["sentences"], "bleu", "bleu4")
        say(f"{row}, share of the truth's BLEU-4 ({reader})", made / true, others / drawn)

study = json.loads((HERE / "quantization.json").read_text())
arms = study["on"], study["off"]
pairs = {"signs": [signs(arm) for arm in arms]}
for reader in READERS:
    for metric, name in SCORES:
        pairs[f"{name} ({reader})"] = [
            read(arm["texts"][TEXT][reader], study["sentences"], metric, name) for arm in arms
        ]
pairs |= {name: [mean(arm, name) for arm in arms] for name in ("wrist_error", "finger_error")}
for what, ((on, on_draws), (off, off_draws)) in pairs.items():
    say(f"{what}, off less on", off - on, off_draws - on_draws)
