"""Options that several commands share, each written once."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from signvip_cli.console import set_verbosity

SHARDS = Path("data/shards")
RUN = Path("runs/default")


class Executor(StrEnum):
    """The machinery that does the work."""

    local = "local"
    ray = "ray"


def _load_plugins(paths: list[Path] | None) -> list[Path]:
    """Load `--plugin` files at once: other options may name what they register."""
    for path in paths or []:
        from signvip.errors import PluginError
        from signvip.registry import registry

        registry().add_file(path)
        for record in registry().records:
            if record.distribution == str(path) and record.error:
                raise PluginError(
                    f"The plugin {path} failed to load ({record.error}); fix it or leave it out."
                )
    return list(paths or [])  # older Typer converts what a callback returns, and takes no None


def parse_size(text: str | None) -> tuple[int, int] | None:
    """`HxW` as two numbers; wrong usage otherwise."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d*)[xX]([1-9]\d*)", text)
    if found is None:
        raise typer.BadParameter(
            f"'{text}' is not a size; write height x width, such as 64x64.", param_hint="--size"
        )
    return int(found[1]), int(found[2])


Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        callback=set_verbosity,
        show_default=False,
        help="Say more; -vv says everything.",
    ),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", metavar="FILE", callback=_load_plugins, help="Also load this plugin file (repeatable)."
    ),
]
Run = Annotated[Path, typer.Option("--run", metavar="FOLDER", help="Folder of the run.")]
Executors = Annotated[
    Executor, typer.Option("--executor", help="Processes on this machine, or a Ray cluster.")
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try those in failed.jsonl again.")]
Shards = Annotated[
    Path, typer.Argument(metavar="SHARDS", help="Folder of the shards to read.", show_default=True)
]
Out = Annotated[
    Path | None, typer.Argument(metavar="OUT", help="Folder to write to; by default the same folder.")
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="Preset to start from, such as tiny; by default what fits this machine.",
    ),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A TOML file laid over the preset.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set one value, such as stage2.steps=500 (repeatable)."),
]
Conditions = Annotated[
    list[str] | None,
    typer.Option(
        "--condition", metavar="NAME", help="Use this condition, and only those named (repeatable)."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Steps = Annotated[int | None, typer.Option("--steps", min=1, help="Sampling steps.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same videos.")]
Device = Annotated[str | None, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1 ...")]
Precision = Annotated[str | None, typer.Option("--dtype", metavar="NAME", help="fp32, fp16 or bf16.")]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse what the run never saw in training.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Also replace files that this command did not write.")
]
Manifest = Annotated[
    bool, typer.Option("--manifest/--no-manifest", help="A signed C2PA manifest in the file.")
]
ConsentFile = Annotated[
    Path | None,
    typer.Option("--consent", metavar="FILE", help="The record of the pictured person's consent."),
]
Key = Annotated[Path | None, typer.Option("--key", metavar="PEM", help="Sign with this key, or SIGNVIP_KEY.")]
Certificate = Annotated[
    Path | None,
    typer.Option("--certificate", metavar="PEM", help="The key's chain, or SIGNVIP_CERTIFICATE."),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="NAME", help="Compute this, and only those named (repeatable)."),
]
Clips = Annotated[
    int | None, typer.Option("--clips", min=1, help="How many clips to measure on; all by default.")
]
Split = Annotated[str, typer.Option("--split", help="Measure on: train, dev or test.")]
Weights = Annotated[
    list[str] | None,
    typer.Option("--weights", metavar="NAME=PATH", help="The network that a metric needs (repeatable)."),
]
BackTranslators = Annotated[
    list[Path] | None,
    typer.Option(
        "--back-translator",
        "--evaluator",  # its old name
        metavar="FOLDER",
        help="A reader of signing back into text (repeatable); by default those in runs/ that fit.",
    ),
]


def read_weights(lines: list[str] | None) -> dict[str, Path]:
    """`NAME=PATH` by name; wrong usage otherwise."""
    found = {}
    for line in lines or []:
        name, separator, path = line.partition("=")
        if not (name and separator and path):
            raise typer.BadParameter(
                f"'{line}' is not NAME=PATH, such as fid=model.pt.", param_hint="--weights"
            )
        found[name] = Path(path)
    return found
