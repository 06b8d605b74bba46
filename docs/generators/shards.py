"""The fields of a shard, from the one table that the code reads them by."""

from __future__ import annotations

from generators.text import entry, page
from signvip.data.fields import FIELDS

INTRODUCTION = """
A shard set is a folder of WebDataset tar files, `{split}-{index:06d}.tar`, beside a `manifest.json`. The members of
a sample share a key without dots; the rest of the name is the field. Any WebDataset reader can open them, and `tar
tf` shows what is there.
"""
BESIDE = """
## Beside the shards

- `manifest.json`: what made the set, with which plugins and options, fingerprints of the weights, and counts that
  add up.
- `failed.jsonl`: each clip that gave no sample, with its reason.
- `sources.jsonl`: what each clip was made from, by which a changed clip is noticed.
- `preview-SPLIT.png`: a few frames beside their conditions, for your eyes.

[Prepare data](../../how-to/data.md) says how they are made, and [Reliability](../../concepts/reliability.md) what
is promised of them.
"""


def shards_page() -> str:
    """Return the page of the fields; `(F, C, h, w)` and the other letters are those of `signvip.contracts`."""
    rows = [
        entry(f"`{field.name}`", f"{field.content}. *Written by* `{field.written_by}`.") for field in FIELDS
    ]
    letters = "F frames, C channels, h and w the size of the latents, N tokens per frame."
    return page("Fields of a shard", INTRODUCTION, "## Fields", letters, *rows, BESIDE)
