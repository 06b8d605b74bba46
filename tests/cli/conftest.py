from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from signvip import registry
from signvip_cli.app import app


@pytest.fixture
def signvip(monkeypatch, tmp_path):
    """Run a command line in an empty folder, in this process; the result has exit_code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    registry.registry.cache_clear()
    yield lambda *words: CliRunner().invoke(app, [str(word) for word in words])
    registry.registry.cache_clear()


@pytest.fixture
def plugin_file(tmp_path):
    """Write a plugin file and return its path."""

    def write(source: str, name: str = "mine.py") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(source))
        return path

    return write
