"""The requests of docs/how-to/serve.md, made in their order by curl, as a reader makes them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve.md"
REQUESTS = [
    line.strip() for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("    curl ")
]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_request_of_the_page_is_answered(serving, picture, tmp_path):
    (tmp_path / "ref.png").write_bytes(picture)
    assert len(REQUESTS) >= 7
    with serving() as served:
        base = str(served.client.base_url).rstrip("/")
        for line in REQUESTS:
            words = shlex.split(line.replace("http://127.0.0.1:8000", base))
            done = subprocess.run(
                [*words, "--silent", "--show-error", "--fail-with-body"], cwd=tmp_path, capture_output=True
            )
            assert done.returncode == 0, f"{line}: {done.stdout[:200]!r} {done.stderr!r}"
            assert done.stdout or re.search(r"-o (\S+)", line)
    assert (tmp_path / "anna.mp4").stat().st_size > 1000 and b'"generated": true' in (
        tmp_path / "anna.json"
    ).read_bytes()
