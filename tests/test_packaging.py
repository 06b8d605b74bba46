"""The wheel: its top-level names, what travels with it, and its entry points."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import signvip

ROOT = Path(__file__).parents[1]
IGNORED = shutil.ignore_patterns(
    ".*", "*.egg-info", "__pycache__", "build", "dist", "data", "runs", "outputs", "tests"
)

CLIPS = ("signvip/embedded/clips/manifest.json", "signvip/embedded/clips/test-000000.tar")
TRAVEL = (".py", ".toml", ".safetensors", ".png")


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Build the wheel from a copy of the sources, so that nothing is left in them; names of its members."""
    copy = tmp_path_factory.mktemp("copy") / "signvip"
    shutil.copytree(ROOT, copy, ignore=lambda folder, found: _ignored(folder, found))
    for name in CLIPS:  # those that travel with the model, whether there are some yet or not
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).touch()
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
        return wheel.namelist()


def _ignored(folder, found):
    top = Path(folder) == ROOT
    return IGNORED(folder, found) if top else {name for name in found if name == "__pycache__"}


def test_only_packages_with_safe_names_reach_site_packages(names):
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "signvip",
        "signvip_cli",
        "signvip_conditions",
        "signvip_datasets",
        "signvip_denoisers",
        "signvip_estimators",
        "signvip_lab",
        "signvip_metrics",
        "signvip_quantizers",
        "signvip_serve",
        "signvip_toysign",
        "signvip_track",
        "signvip_translators",
    }


def test_its_version_is_the_one_in_the_sources(names):
    assert f"signvip-{signvip.__version__}.dist-info/METADATA" in names


def test_data_files_travel_with_the_wheel(names):
    assert "signvip/presets/tiny.toml" in names
    assert "signvip/scaffold/templates/quantizer.py.txt" in names
    assert "signvip_lab/ablation/paper.toml" in names
    for package in {name.split("/")[0] for name in names if name.endswith("/__init__.py")}:
        assert f"{package}/py.typed" in names


def test_clips_travel_with_the_model(names):
    assert set(CLIPS) <= set(names)


def test_every_source_travels_with_the_wheel(names):
    find = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    roots = [
        (ROOT / place, packages) for place in find["where"] for packages in (ROOT / place).glob("signvip*")
    ]
    sources = {
        str(path.relative_to(root))
        for root, package in roots
        for path in package.rglob("*")
        if path.suffix in TRAVEL
    }
    assert len(roots) > 5 and sources <= set(names)


def test_the_licence_is_named_and_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()
