"""Commands of the pages: all of them are understood, and those that need nothing special are run, page by page."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from blocks import DOCS, ROOT, Block, blocks, pages, programs
from evaluators import TINY
from PIL import Image
from small import SMALL
from typer.main import get_command
from typer.testing import CliRunner

import signvip
from signvip import config
from signvip.contracts import SPLITS
from signvip.data.video import encode_video
from signvip.models import TokenTranslator
from signvip.registry import Plugin, registry
from signvip_cli.app import app
from signvip_lab.backtranslation import config as back_translation

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
COMMANDS = get_command(app)
FEW = 3  # clips of a split
SHORT = 4  # frames of a text; of the embedded model a second of signing takes seconds
# 64 pixels are the least in which letters are drawn; latents of 16x16 keep attention small.
SIZES = config.merge(
    SMALL,
    {
        "size": [64, 64],
        "vae": {"block_out_channels": [16] * 3},
        "condition_encoder": {"channels": [4] * 3},
        "translator": {"name": "gpt2", "max_frames": 200},  # names are long
    },
)
EVERY = [block for page in pages() for block in blocks(page)]
LONG = re.compile(r"signvip (train|ablate|evaluate)")  # a page that has these is one for `nox -s slow`
TRAINS = {block.page for block in EVERY for line in block.lines if not block.marked and LONG.match(line)}
RUNNABLE = [
    pytest.param(page, marks=[pytest.mark.slow] if page in TRAINS else [], id=page)
    for page in sorted({block.page for block in EVERY if not block.marked} - {"index.md"})
]


def fault_of(words: list[str]) -> str | None:
    """Return what is wrong with a command line, without running it."""
    program, *rest = words
    match program:
        case "signvip":
            return _fault_of_options(rest)
        case "pip":
            return _fault_of_install([word for word in rest[1:] if word != "-e"])
        case "nox":
            name = rest[rest.index("-s") + 1]
            return None if f"\ndef {name}(" in (ROOT / "noxfile.py").read_text() else f"no session {name}"
        case "python":
            return None if rest[0] == "-m" or (ROOT / rest[0]).exists() else f"no file {rest[0]}"
        case "curl":
            return _fault_of_request(rest)
        case "printf":
            return None
    return f"nobody runs {program}"


def _fault_of_options(words: list[str]) -> str | None:
    """Return what the command line itself finds wrong before anything is done."""
    group, path = COMMANDS, "signvip"
    words = words[1:] if words[0] == "-v" else words
    while hasattr(group, "commands"):
        name, *words = words
        if name not in group.commands:
            return f"{path} has no {name}"
        group, path = group.commands[name], f"{path} {name}"
    try:
        group.make_context(path, list(words))
    except Exception as error:
        return str(getattr(error, "message", error))
    return None


def _fault_of_install(targets: list[str]) -> str | None:
    for target in targets:
        path, _, extra = target.partition("[")
        if extra and extra.rstrip("]") not in EXTRAS:
            return f"no extra {extra}"
        made = path.startswith("./signvip-")  # by `plugins new`
        if path not in ("signvip", ".") and not made and not (ROOT / path / "pyproject.toml").exists():
            return f"no distribution {path}"
    return None


def _fault_of_request(words: list[str]) -> str | None:
    """Return what is wrong with a request to the server of `signvip serve`: its route, or a field of its form."""
    pytest.importorskip("fastapi", reason="the extra `serve` is not installed")
    schema = routes()
    path = words[-1].removeprefix("http://127.0.0.1:8000")
    fields = {value.partition("=")[0] for flag, value in pairwise(words) if flag == "-F"}
    method = words[words.index("-X") + 1].lower() if "-X" in words else "post" if fields else "get"
    for pattern, methods in schema["paths"].items():
        if method in methods and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path):
            return _fault_of_form(methods[method], fields, schema)
    return f"no route {method} {path}"


def _fault_of_form(route, fields, schema) -> str | None:
    forms = route.get("requestBody", {}).get("content", {}).values()
    known = {
        field
        for form in forms
        for field in schema["components"]["schemas"][form["schema"]["$ref"].rpartition("/")[2]]["properties"]
    }
    unknown = sorted(fields - known)
    return f"no field {unknown[0]}" if unknown else None


@cache
def routes():
    from signvip_serve.app import create_app
    from signvip_serve.limits import Limits

    return create_app(SimpleNamespace(limits=Limits())).openapi()


def test_every_command_is_understood():
    others = ("torchrun", "accelerate", "srun", "head=")  # launchers, on machines that are marked
    faults = [
        f"{block.page}: {line}: {fault}"
        for block in EVERY
        for line in block.lines
        if not (block.marked and line.startswith(others))
        for words in programs(line)
        if (fault := fault_of(words))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("signvip generate hello ref.png --steps 2", None),
        ("signvip generate hello ref.png --stepz 2", "--stepz"),
        ("signvip genrate hello", "no genrate"),
        ("signvip train --stage 4", "less than or equal to 3"),
        ("pip install -e .[reports]", "no extra reports"),
        ("pip install ./plugins/signvip-none", "no distribution"),
        ("nox -s dox", "no session dox"),
        ("python benchmarks/none.py", "no file"),
        ("curl -F text=a http://127.0.0.1:8000/v1/generate", None),
        ("curl -F words=a http://127.0.0.1:8000/v1/generate", "no field words"),
        ("curl http://127.0.0.1:8000/v1/generate", "no route get /v1/generate"),
        ("rm -r data", "nobody runs rm"),
    ],
)
def test_a_command_that_does_not_exist_is_found(line, fault):
    (words,) = programs(line)
    found = fault_of(words)
    assert found == fault or fault in found


def test_blocks_are_told_from_prose_and_from_other_code():
    prose = "# A\n\n    signvip a \\\n        b  # c\n\nProse.\n\n*Needs x.*\n\n    c\n    # d\n\n"
    text = f"{prose}```python\n    e\n```\n\n```bash\nf\n```\n"
    assert list(blocks("p", text)) == [
        Block("p", ("signvip a b",), False),
        Block("p", ("c",), True),
        Block("p", ("f",), False),
    ]


class StandIn:
    """In the place of MediaPipe, which pins an old NumPy: the points of a toysign clip, whatever the pictures."""

    provides = ("keypoints", "hands")
    finds_people = usual = True

    def __init__(self, config):
        pass

    def __call__(self, clip):
        reader = signvip.build("dataset", "toysign")
        known = reader.load("test", reader.ids("test")[0]).known
        rows = np.arange(len(clip.frames)) % len(known["keypoints"])
        return {name: known[name][rows] for name in self.provides}


@pytest.fixture
def reader_at_work(monkeypatch, tmp_path):
    """Run lines as a reader would, in a folder with clips of their own; networks, steps and datasets are small."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    read = config.read_preset
    monkeypatch.setattr(config, "read_preset", lambda name: config.merge(read(name), SIZES))
    load, few = back_translation.load_back_translator_config, [*TINY, "poses.steps=2", "texts.steps=2"]
    monkeypatch.setattr(
        back_translation, "load_back_translator_config",
        lambda preset, settings, flags: load(preset, [*few, *settings], flags),
    )  # fmt: skip
    registry.cache_clear()
    registry().records.append(Plugin("estimator", "mediapipe", "signvip-mediapipe", "0", target=StandIn))
    translate = TokenTranslator.generate
    monkeypatch.setattr(
        TokenTranslator, "generate",
        lambda self, texts, *, max_frames, **more: translate(self, texts, max_frames=min(max_frames, SHORT), **more),
    )  # fmt: skip
    for name in ("toysign", "lexicon"):
        cls = registry().get("dataset", name)
        ids = cls.ids
        monkeypatch.setattr(cls, "ids", lambda self, split, ids=ids: ids(self, split)[:FEW])
    reader = signvip.build("dataset", "toysign")
    for split in SPLITS:
        clip = reader.load(split, reader.ids(split)[0])
        path = tmp_path / "my-videos" / split / f"{clip.id}.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(encode_video(clip.frames, clip.fps))
        path.with_suffix(".txt").write_text(clip.text)
    Image.fromarray(clip.frames[0]).save("signer.png")
    Image.fromarray(clip.frames[0]).save("ref.png")
    yield _run
    registry.cache_clear()


def _run(line: str, page: str) -> None:
    for program, *words in programs(line):
        match program:
            case "signvip":
                result = CliRunner().invoke(app, words, catch_exceptions=False)
                assert result.exit_code == 0, f"{page}: {line}\n{result.output}"
            case "printf":
                subprocess.run(["bash", "-c", line], check=True)
            case "pip":
                _install(words[1:])


def _install(targets: list[str]) -> None:
    """Load what `plugins new` wrote in the place of installing it; the rest is here already."""
    for folder in (Path(target) for target in targets if target.startswith("./signvip-")):
        (module,) = folder.glob("signvip_*.py")
        registry().add_file(module)


@pytest.mark.parametrize("page", RUNNABLE)
def test_a_readers_commands_work_in_their_order(reader_at_work, page):
    code = re.search(r"Put it into\s+`(\S+)`:\n\n```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    for block in blocks(page):
        for line in block.lines if not block.marked else ():
            reader_at_work(line, page)
            if code and Path(code[1]).exists():
                Path(code[1]).write_text(code[2])


def test_the_plugin_of_the_tutorial_is_the_example():
    example = (ROOT / "plugins/signvip-example/signvip_sign.py").read_text()
    assert f"```python\n{example}```" in (DOCS / "tutorials/plugin.md").read_text()
