"""The engine names no plugin, and the laboratory none that a run is made of: not by a string, nor by its inside."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import signvip

ROOT = Path(__file__).parents[1]
ENGINE = ROOT / "signvip"
LABORATORY = ROOT / "signvip_lab"  # what it reports and shows has names: those of metrics and of the dataset
KINDS = {record.kind for record in signvip.plugins()}
OF_A_RUN = KINDS - {"metric", "dataset"}
OTHERS = [path for path in (ROOT / "plugins").rglob("*.py") if "tests" not in path.parts]
OURS = [record for record in signvip.plugins() if record.distribution == "signvip"]
NAMES = {record.name for record in OURS} | {
    name for path in OTHERS for name in re.findall(r'register\("(\w+)"', path.read_text(encoding="utf-8"))
}
# Words that mean something in the engine itself; some plugins are called after it.
SHARED = {
    *("keypoints", "depth", "meshes"),  # keys of `Clip.known`
    *("sign", "transformer"),  # examples of plugins
    *("pose", "poses", "codebook", "frozen", "folder", "ids", "parameters"),
    *(
        "psnr",
        "ssim",
        "hand_ssim",
        "face_ssim",
        "length_ratio",
        "reconstruction",
    ),  # numbers that training logs
}
# `release` reads the authors' files by the names that they have there, such as `vq.downsample_encoder`.
SOURCES = sorted(
    path
    for folder in (ENGINE, LABORATORY)
    for path in folder.rglob("*.py")
    if "release" not in path.relative_to(ROOT).parts
)
MEASURES = NAMES - {record.name for record in OURS if record.kind in OF_A_RUN}
INSIDE = re.compile(r"GPT2|\bwte\b|\bwpe\b|codebook_size")
NAMED = re.compile(rf"(?<![\w-])({'|'.join(sorted(map(re.escape, NAMES - SHARED)))})(?![\w-])")
CHOSEN = re.compile(rf"--({'|'.join(KINDS)})[ =]({'|'.join(sorted(map(re.escape, NAMES)))})\b")
STORED = re.compile(rf"\b({'|'.join(sorted(map(re.escape, NAMES)))})\.npz")


def told(path):
    """The strings of a file that are neither documentation nor somebody's default, for older runs or for all."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent.append(node.value)
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").startswith("FIRST_"):
            silent.append(node.value)  # what a section of older runs, which has no name, is for
        elif isinstance(node, ast.arguments):
            silent += [default for default in (*node.defaults, *node.kw_defaults) if default is not None]
        elif isinstance(node, ast.ClassDef):
            silent += [line.value for line in node.body if isinstance(line, ast.AnnAssign) and line.value]
    left_out = {id(inner) for node in silent for inner in strings(node)}
    return [node.value for node in strings(tree) if id(node) not in left_out]


def strings(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def names_plugins(path):
    return [word for word in told(path) if any(words.search(word) for words in (NAMED, CHOSEN, STORED))]


def is_measure(word):
    return {found[1] for found in NAMED.finditer(word)} <= MEASURES and not CHOSEN.search(word)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_plugin_is_named(path):
    of_measures = {word for word in told(path) if LABORATORY in path.parents and is_measure(word)}
    assert set(names_plugins(path)) <= of_measures


@pytest.mark.parametrize("path", sorted(ENGINE.rglob("*.py")), ids=lambda path: str(path.relative_to(ENGINE)))
def test_the_engine_knows_no_plugin_from_inside(path):
    assert not INSIDE.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('kind = "fsq"', True),
        ('raise ValueError(f"take --condition pose, not {kind}")', True),
        ('shard.load("pose.npz")', True),
        ('print("look at dataset=toysign")', True),
        ('known["keypoints"]', False),
        ('def make(quantizer="fsq"): ...', False),
        ('def make():\n    "Draw toysign."', False),
    ],
)
def test_a_name_is_found_where_it_is_used(tmp_path, line, named):
    (tmp_path / "engine.py").write_text(line)
    assert bool(names_plugins(tmp_path / "engine.py")) is named
