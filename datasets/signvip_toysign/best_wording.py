"""The best wording of a message for somebody who knows it: several may be meant, and nobody can know which."""

from __future__ import annotations

from functools import cache

import numpy as np

from signvip_toysign.sentences import Message, texts


@cache
def best_wording(message: Message, text_language: str) -> str:
    """Return the wording that agrees most with all wordings that `say` may give: minimum Bayes risk.

    Agreement is the mean sentence BLEU-4, add-one smoothed, over them all, each as likely as any other. Words are
    lower-cased and stand between white space. Of equal wordings the first in the alphabet.
    """
    from sacrebleu.metrics.bleu import BLEU

    bleu = BLEU(tokenize="none", smooth_method="add-k", lowercase=True, effective_order=True, force=True)
    wordings = sorted(set(texts(message, text_language)))
    agreement = [
        np.mean([bleu.sentence_score(wording, [other]).score for other in wordings]) for wording in wordings
    ]
    return wordings[int(np.argmax(agreement))]
