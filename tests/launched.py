"""What torchrun starts in a test: train a stage of a stored configuration for some steps, then for some more."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from signvip.config import parse_config
from signvip.settings import merge
from signvip.stages import train


def main() -> None:
    stored, shards, run, stage, *turns = sys.argv[1:]
    values = json.loads(Path(stored).read_text())
    for steps in turns:
        changed = {f"stage{stage}": json.loads(steps)}
        train(parse_config(merge(values, changed)), int(stage), shards=Path(shards), run=Path(run))


if __name__ == "__main__":
    main()
