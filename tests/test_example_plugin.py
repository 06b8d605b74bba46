"""The plugin that the documentation prints, installed as a stranger would install it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "plugins" / "signvip-example"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that the plugin is installed into, beside this environment's packages."""
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "signvip_sign.py"):
        (source / name).write_bytes((EXAMPLE / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*pip, str(folder), str(source)], check=True, capture_output=True)
    return folder


def run(site, *words):
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, "-c", "from signvip_cli.app import main; main()", *words],
        env=environment,
        cwd=site,
        capture_output=True,
        text=True,
    )


def test_the_installed_plugin_is_listed_with_its_distribution(site):
    records = json.loads(run(site, "plugins", "list", "--json").stdout)
    sign = [record for record in records if record["name"] == "sign"]
    assert sign == [
        {"kind": "quantizer", "name": "sign", "distribution": "signvip-sign", "version": "0.1", "error": None}
    ]


def test_the_installed_plugin_keeps_its_contract(site):
    done = run(site, "plugins", "check", "sign")
    assert done.returncode == 0, done.stdout + done.stderr
