"""Buffers of a fixed size give what a growing cache gives, by one graph for all steps."""

from __future__ import annotations

from importlib.metadata import version

import pytest
import torch
from packaging.version import Version
from signvip_translators.gpt2 import CachedDecoding
from signvip_translators.static import StaticDecoding
from torch._dynamo.testing import CompileCounter

TEXTS = ["rain", "strong wind and rain in the north", "tomorrow snow"]
OTHERS = ["snow tomorrow in the south", "sun", "no wind"]


def tokens(seed):
    return torch.randint(30, (3, 4), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"prefix": "sentence"},
        {"text_encoder": "bytes", "max_bytes": 40},
        {"text_encoder": "bytes", "max_bytes": 40, "alignment": "pointer"},
    ],
)
@torch.no_grad()
def test_logits_are_those_of_the_growing_cache_also_for_the_next_texts(build, options):
    model = build(**options)
    static = StaticDecoding(model, batch=3, max_frames=8, compile=lambda step: step)
    for texts in (TEXTS, OTHERS, TEXTS):
        growing, fixed = CachedDecoding(model, texts, None), static.begin(texts, None)
        torch.testing.assert_close(fixed.start(), growing.start(), atol=1e-5, rtol=1e-5)
        for step in range(7):
            frame = tokens(step)
            torch.testing.assert_close(fixed.step(frame), growing.step(frame), atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(Version(version("transformers")) < Version("5"), reason="refused there")
def test_one_graph_serves_all_steps_and_all_batches_of_a_size(build):
    model = build(eos_rule="majority")
    expected = [model.generate(texts, max_frames=12) for texts in (TEXTS, OTHERS)]
    counter = CompileCounter()
    model.compile(backend=counter, fullgraph=True)
    for texts, wanted in zip((TEXTS, OTHERS), expected, strict=True):
        for ours, theirs in zip(model.generate(texts, max_frames=12), wanted, strict=True):
            assert torch.equal(ours, theirs)
    assert counter.frame_count == 1
