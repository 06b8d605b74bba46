"""The fields that weights have added to shards (`encode`, `tokenize`), and whether they are still up to date."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from signvip.contracts import SPLITS
from signvip.data.fields import EMBEDDINGS, LATENTS, TOKENS
from signvip.data.manifest import Manifest
from signvip.data.rewrite import has_fields
from signvip.data.shards import read_shard, shard_paths

FIELDS = {"vae": LATENTS, "condition_encoder": EMBEDDINGS, "autoencoder": TOKENS}  # what each part adds


def is_current(shards: Path, part: str, fingerprint: str, splits: Sequence[str] = SPLITS) -> bool:
    """Return whether all clips have a part's field by the weights of this fingerprint; a clip made again has none."""
    if Manifest.read(shards).fingerprints.get(part) != fingerprint:
        return False
    return all(
        has_fields(sample, [FIELDS[part]], fingerprint)
        for split in splits
        for path in shard_paths(shards, split)
        for sample in read_shard(path)
    )
