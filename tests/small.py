"""The paper's whole system at a size that trains a step in well under a second."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import signvip
from signvip.config import RunConfig, load_config

SMALL = {
    "size": [32, 32],
    "vae": {"block_out_channels": [16, 16]},
    "condition_encoder": {"channels": [4, 4], "gate_channels": 4},
    "denoiser": {"block_out_channels": [16, 32], "attention_levels": [True, True], "norm_num_groups": 8},
    "autoencoder": {"block_out_channels": [8, 16, 16], "norm_num_groups": 8},
    "translator": {"name": "gpt2", "layers": 1, "width": 32, "heads": 2, "head_width": 16, "max_frames": 80},
    "sampler": {"steps": 2, "window": 8, "overlap": 2, "max_frames": 12},
    "stage1": {
        "vae": {"steps": 2, "clips": 2},
        "image": {"steps": 2, "clips": 2},
        "motion": {"steps": 2, "clips": 1, "frames": 4},
    },
    "stage2": {"steps": 2, "clips": 2},
    "pose_head": {"block_out_channels": [8, 16]},
    "stage2_poses": {"steps": 2, "clips": 2},
    "stage3": {"steps": 2, "clips": 2},
}


def small_config(**changes) -> RunConfig:
    from signvip.config import parse_config
    from signvip.settings import merge

    config = load_config("tiny").model_dump(mode="json")
    conditions = changes.pop("conditions", config["conditions"])
    merged = {**merge(merge(config, SMALL), changes), "conditions": conditions}
    for stage in (merged["stage1"]["vae"], merged["stage1"]["image"], merged["stage1"]["motion"]):
        stage["workers"] = 0
    for name in ("stage2", "stage2_poses", "stage3"):
        if merged[name] is not None:
            merged[name]["workers"] = 0
    return parse_config(merged)


def embedded_copy(folder: Path) -> Path:
    """Copy the embedded model so that tokens may guide it as well as poses; its pictures are not looked at."""
    from signvip.run import embedded_run

    copy = shutil.copytree(embedded_run(), folder / "embedded", ignore=shutil.ignore_patterns("clips"))
    config = copy / "pose_drawer" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "learned": False}))
    for note in copy.glob("*/trained_with.json"):
        note.unlink()
    return copy


def make_shards(folder: Path, config: RunConfig, **counts: int) -> Path:
    from signvip.data.preprocess import preprocess
    from signvip.data.sample import Recipe

    counts = {"train": 4, "dev": 2, "test": 2, **counts}
    reader = signvip.build("dataset", "toysign", size=config.size, **counts)
    preprocess(Recipe.of(reader, config), folder)
    return folder
