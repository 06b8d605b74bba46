from __future__ import annotations

import pytest
import torch
from signvip_translators.gpt2 import Gpt2Translator

SIZES = {"layers": 2, "width": 32, "heads": 2, "head_width": 16, "token_width": 8, "max_frames": 24}


@pytest.fixture
def build():
    """A small translator of 4 tokens a frame out of 30, with weights large enough to tell inputs apart."""

    def make(**options):
        torch.manual_seed(0)
        config = Gpt2Translator.Config(**{**SIZES, "max_words": 16, "text_buckets": 256, **options})
        model = Gpt2Translator(config, tokens_per_frame=4, vocab_size=30).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        return model

    return make
