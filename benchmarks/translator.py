"""Speed of the translator as ratios, each against its baseline in the same process.

    python benchmarks/translator.py --output translator.json
    python benchmarks/translator.py --layers 4 --width 192 --frames 50 --repeats 3

Outputs are compared before anything is timed. Times are CPU seconds of one thread, the least of `--repeats`,
with both sides taking turns. `predicted` comes from weights read and multiplications alone, on this machine.
The authors' decoding (tests/translators/reference.py) reads the same weights once for each frame, as ours does, so that
1 is predicted; it too stops after `--frames`. `floor` is our time over that of reading the weights once a frame.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from compare import arguments, compare, report
from signvip_translators.frame_loop import Chooser, decode
from signvip_translators.gpt2 import CachedDecoding, Gpt2Translator
from signvip_translators.parallel_heads import HeadCache, ParallelHeads
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "translators"))
from reference import LoopedHeads, TheirDecoding, UncachedDecoding

TEXT = "tomorrow there will be strong wind and some rain in the north"
VOCABULARY = 625
OPERATIONS = 40  # calls into torch for one head and one frame; stacked, they serve all heads
GUARD, LENGTHS = (
    401,
    (30, 45, 60, 75, 90, 100, 110, 120),
)  # the authors' block size; lengths as in PHOENIX-2014T


class Ending:
    """A decoding whose rows end at given lengths, whatever the untrained weights say."""

    def __init__(self, decoding, lengths):
        self.decoding, self.lengths, self.done = decoding, torch.tensor(lengths), 0

    def start(self) -> Tensor:
        return self._force(self.decoding.start())

    def step(self, tokens: Tensor) -> Tensor:
        self.done += 1
        return self._force(self.decoding.step(tokens))

    def _force(self, logits: Tensor) -> Tensor:
        logits[..., -1] = torch.where(self.lengths <= self.done, 1e9, -1e9)[:, None]
        return logits


def generate(model, texts, frames, lengths=None, decoding=CachedDecoding):
    """Greedy tokens of exactly `lengths` frames, or `frames` where there are none."""
    rows = Ending(decoding(model, texts, None), lengths or [10**9] * len(texts))
    return decode(rows, Chooser(0.0, None), "any", frames)


def machine() -> tuple[float, float]:
    """Multiply-adds a second of a large product, and weights read a second by a matrix-vector product."""
    square, row = torch.randn(1024, 1024), torch.randn(1, 4096)
    wide = torch.randn(4096, 4096)
    return 1024**3 / _least(lambda: square @ square), 4096**2 / _least(lambda: row @ wide)


def _least(run: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def seconds_for(weights: int, rows: int, rates: tuple[float, float]) -> float:
    """Return a roofline's time: `rows` states through `weights` are bound by arithmetic or by reading the weights."""
    return max(weights * rows / rates[0], weights / rates[1])


def against_no_cache(model, frames: int, rates, repeats: int) -> dict[str, float]:
    row = compare(
        lambda: generate(model, [TEXT], frames),
        lambda: generate(model, [TEXT], frames, decoding=UncachedDecoding),
        repeats,
    )
    weights, words = _weights(model), len(TEXT.split()) + 1
    cached = seconds_for(weights, words, rates) + (frames - 1) * seconds_for(weights, 1, rates)
    plain = sum(seconds_for(weights, words + done, rates) for done in range(frames))
    return {"predicted": plain / cached, **row}


def against_loop(count: int, width: int, frames: int, rates, repeats: int) -> dict[str, float]:
    heads = ParallelHeads(count, width, width, 8, VOCABULARY + 1, 0.0).eval()
    loop, states = LoopedHeads(heads), torch.randn(1, frames, width)

    def ours() -> list[Tensor]:
        cache = HeadCache()
        return [heads(states[:, f : f + 1], cache) for f in range(frames)]

    def theirs() -> list[Tensor]:
        caches = [[] for _ in range(count)]
        return [loop(states[:, f : f + 1], caches) for f in range(frames)]

    row = compare(ours, theirs, repeats)
    small, reading = torch.randn(8), seconds_for(sum(p.numel() for p in heads.parameters()), 1, rates)
    calls = OPERATIONS * _least(lambda: small + small)
    return {"predicted": (count * calls + reading) / (calls + reading), **row}


def against_their_decoding(count: int, options, rates) -> dict[str, float]:
    """Compare whole translators, at the authors' options, with `count` tokens a frame: equal tokens, equal frames."""
    config = Gpt2Translator.Config(
        layers=options.layers, width=options.width, dropout=0.0, prefix="sentence", first_frame="after_prefix",
        positions="sinusoidal", activation="gelu", final_norm="none", special_ids="eos+pad",
        classifier_bias="none",
    )  # fmt: skip
    model = Gpt2Translator(config, count, VOCABULARY).eval()
    theirs = TheirDecoding(model, [TEXT])  # made once: weights are laid out as their code has them
    frames = options.frames
    row = compare(
        lambda: generate(model, [TEXT], frames),
        lambda: generate(model, [TEXT], frames, decoding=lambda *_: theirs),
        options.repeats,
    )
    reading = frames * seconds_for(_weights(model), 1, rates)
    return {"predicted": 1.0, **row, "floor": row["ours"] / reading}


def against_the_guard(model, repeats: int) -> dict[str, float]:
    texts, longest = [TEXT] * len(LENGTHS), max(LENGTHS)

    def theirs() -> list[Tensor]:
        made = generate(model, texts, GUARD)
        return [row[:length] for row, length in zip(made, LENGTHS, strict=True)]

    row = compare(lambda: generate(model, texts, GUARD, LENGTHS), theirs, repeats)
    return {"predicted": GUARD / longest, **row}


def against_one_by_one(model, frames: int, rates, repeats: int) -> dict[str, float]:
    texts = [f"{TEXT} {number}" for number in range(32)]
    row = compare(
        lambda: generate(model, texts, frames),
        lambda: [tokens for text in texts for tokens in generate(model, [text], frames)],
        repeats,
    )
    weights = _weights(model)
    return {"predicted": 32 * seconds_for(weights, 1, rates) / seconds_for(weights, 32, rates), **row}


def _weights(model) -> int:
    parts = model.trunk.h, model.mixer.mix, model.heads
    return sum(p.numel() for part in parts for p in part.parameters())


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=12, help="tokens per frame")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--only", default="", help="rows with this in their name")
    options = parser.parse_args()
    logging.getLogger("signvip_translators").setLevel(logging.ERROR)  # the guard is met on purpose
    torch.manual_seed(0)
    config = Gpt2Translator.Config(layers=options.layers, width=options.width, dropout=0.0)
    model = Gpt2Translator(config, options.tokens, VOCABULARY).eval()
    rates, frames, repeats = machine(), options.frames, options.repeats
    measures = {
        "cache against none": lambda: against_no_cache(model, frames, rates, repeats),
        "cache against none, twice the frames": lambda: against_no_cache(model, 2 * frames, rates, repeats),
        "12 heads stacked against looped": lambda: against_loop(12, options.width, frames, rates, repeats),
        "64 heads stacked against looped": lambda: against_loop(64, options.width, frames, rates, repeats),
        "12 tokens a frame, against the authors' decoding": lambda: against_their_decoding(
            12, options, rates
        ),
        "64 tokens a frame, against the authors' decoding": lambda: against_their_decoding(
            64, options, rates
        ),
        "stop at EOS against the guard": lambda: against_the_guard(model, repeats),
        "32 texts at once against one by one": lambda: against_one_by_one(model, frames // 2, rates, repeats),
    }
    with torch.no_grad():
        rows = {name: measure() for name, measure in measures.items() if options.only in name}
    report(rows, options)


if __name__ == "__main__":
    main()
