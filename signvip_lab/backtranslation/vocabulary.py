"""The words of a back-translator: lower-cased, as they stand between white space; and one token for each language.

The metrics count the same words. References are compared as they are: an unknown word stands on the back-translator's
side alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from signvip.errors import MismatchError

START, PAD, END, UNKNOWN = "<s>", "<pad>", "</s>", "<unk>"  # Speech2Text's positions take padding to be 1


def build_tokenizer(texts: Iterable[str], languages: Iterable[str]) -> PreTrainedTokenizerFast:
    """Build a tokenizer of the training texts' words; `languages` are those that they are written in, such as "de"."""
    normalizer, splitter = normalizers.Lowercase(), pre_tokenizers.WhitespaceSplit()
    words = {word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))}
    tags = [tag(language) for language in sorted(set(languages))]
    names = [START, PAD, END, UNKNOWN, *tags, *sorted(words - set(tags))]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token=UNKNOWN))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=START, pad_token=PAD, eos_token=END, unk_token=UNKNOWN,
        additional_special_tokens=tags,
    )  # fmt: skip


def tag(language: str) -> str:
    """Return the token that says which language to write."""
    return f"<{language.lower()}>"


def prompts(tokenizer: PreTrainedTokenizerFast, languages: Sequence[str]) -> Tensor:
    """Return the decoder's first tokens, (B, 2); MismatchError for a language that training never saw."""
    known = set(tokenizer.all_special_tokens) - {START, PAD, END, UNKNOWN}
    strange = sorted({language for language in languages if tag(language) not in known})
    if strange:
        have = ", ".join(sorted(name.strip("<>") for name in known))
        raise MismatchError(
            f"This back-translator writes {have}, and these clips have texts in {', '.join(strange)}; train one on "
            "texts of that language."
        )
    ids = tokenizer.convert_tokens_to_ids([tag(language) for language in languages])
    return torch.tensor([[tokenizer.bos_token_id, language] for language in ids])


def targets(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], languages: Sequence[str], max_words: int
) -> tuple[Tensor, Tensor]:
    """Return what the decoder reads and what it should write, both (B, L); -100 where nothing is asked of it."""
    rows = [
        torch.tensor([*prompt, *tokenizer(text)["input_ids"][:max_words], tokenizer.eos_token_id])
        for prompt, text in zip(prompts(tokenizer, languages).tolist(), texts, strict=True)
    ]
    read = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=tokenizer.pad_token_id)
    wanted = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
    wanted[:, 1] = -100  # the language is given
    return read[:, :-1].contiguous(), wanted[:, 1:].contiguous()
