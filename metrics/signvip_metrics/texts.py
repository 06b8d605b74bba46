"""Texts against texts: BLEU, ROUGE-L, chrF and word errors, as the field of sign language translation counts them.

Texts are lower-cased, and their words are what stands between white space: a full stop is a word where it
stands alone. All values are in percent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sacrebleu
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from signvip.errors import DataError
from signvip.measures import MeanOfClips, Measure, Summed, check_pairs

ORDERS = (1, 2, 3, 4)
BETA = 1.2  # of MSCOCO's ROUGE-L; the package rouge-score uses 1
WORDS = "lower-cased words between white space"


class ReadTexts:
    """The common part of all metrics of translated texts."""

    takes = "texts"

    def remark(self, generated: Sequence[str], truth: Sequence[str]) -> str | None:
        empty = sum(not text.strip() for text in generated)
        return f"{empty} of {len(truth)} hypotheses are empty and count as wrong." if empty else None


class Bleu(ReadTexts, Summed):
    """Corpus BLEU-1 to 4 (Papineni et al. 2002), higher is better.

    BLEU-n is the brevity penalty times the geometric mean of the first n precisions, without smoothing and with no
    tokenizer, as in the evaluations of neccam/slt and of its successors. A weak model scores exactly 0.
    """

    signature = f"sacrebleu {sacrebleu.__version__}, tokenize=none, smooth=none, effective_order=no, {WORDS}"

    def statistics(self, generated: Sequence[str], truth: Sequence[str]) -> np.ndarray:
        pairs = zip(*normalise("bleu", generated, truth), strict=True)
        return np.array([_counts(made, wanted) for made, wanted in pairs])

    def score(self, sums: np.ndarray) -> dict[str, float]:
        made, wanted, *counts = sums.tolist()
        right, total = counts[: len(ORDERS)], counts[len(ORDERS) :]
        options = {"sys_len": made, "ref_len": wanted, "smooth_method": "none", "effective_order": False}
        return {
            f"bleu{order}": BLEU.compute_bleu(
                right[:order], total[:order], max_ngram_order=order, **options
            ).score
            for order in ORDERS
        }


class RougeL(ReadTexts, MeanOfClips):
    """Mean over sentences of the F value of their longest common subsequence, higher is better.

    F = (1 + β²) P R / (R + β² P) with β = 1.2, as the evaluation of MSCOCO has it.
    """

    key = "rouge_l"
    signature = f"MSCOCO's, beta={BETA}, {WORDS}"

    def of_clips(self, generated: Sequence[str], truth: Sequence[str]) -> list[float | None]:
        pairs = zip(*normalise("rouge_l", generated, truth), strict=True)
        return [100 * _rouge(made.split(), wanted.split()) for made, wanted in pairs]


class ChrF(ReadTexts, Measure):
    """F value of character n-grams up to six (Popovic 2015), higher is better; tells weak models apart."""

    signature = f"sacrebleu {sacrebleu.__version__}, chrF2, char_order=6, word_order=0, lower-cased"

    def __call__(self, generated: Sequence[str], truth: Sequence[str]) -> dict[str, float]:
        made, wanted = normalise("chrf", generated, truth)
        return {"chrf": CHRF().corpus_score(made, [wanted]).score}


class WordErrorRate(ReadTexts, Summed):
    """Insertions, deletions and substitutions over the words of all references, lower is better; may exceed 100."""

    higher_is_better = False
    signature = f"edits over all reference words, {WORDS}"

    def statistics(self, generated: Sequence[str], truth: Sequence[str]) -> np.ndarray:
        pairs = zip(*normalise("wer", generated, truth), strict=True)
        return np.array([(edit_distance(a.split(), b.split()), len(b.split())) for a, b in pairs])

    def score(self, sums: np.ndarray) -> dict[str, float]:
        edits, words = sums.tolist()
        return {"wer": 100 * edits / words}


def normalise(name: str, generated: Sequence[str], truth: Sequence[str]) -> tuple[list[str], list[str]]:
    """Bring texts to lower case and single blanks; refuse an empty reference. An empty hypothesis is just wrong."""
    check_pairs(name, generated, truth)
    strange = [text for text in (*generated, *truth) if not isinstance(text, str)]
    if strange:
        raise DataError(f"{name} takes one text for each clip, and {strange[0]!r} is not a text.")
    made, wanted = ([" ".join(text.lower().split()) for text in texts] for texts in (generated, truth))
    if "" in wanted:
        raise DataError(
            f"{name} was given an empty reference (number {wanted.index('')}); every true text needs a word."
        )
    return made, wanted


def edit_distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Levenshtein distance of two sequences of words."""
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


def common_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], before + 1 if word == other else max(row[j], row[j - 1])
    return row[-1]


def _counts(made: str, wanted: str) -> list[int]:
    """Return what one sentence adds to corpus BLEU: its words, the reference's, n-grams that match, and all of them."""
    # `force` holds back a warning about texts that look tokenised, as these are by intent
    found = BLEU(tokenize="none", smooth_method="none", force=True).corpus_score([made], [[wanted]])
    return [found.sys_len, found.ref_len, *found.counts, *found.totals]


def _rouge(made: list[str], wanted: list[str]) -> float:
    common = common_length(made, wanted)
    if not common:
        return 0.0
    precision, recall = common / len(made), common / len(wanted)
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)
