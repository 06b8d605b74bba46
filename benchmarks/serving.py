"""`signvip serve` as its clients see it: time to the first frame and to the last, memory, and fifty requests at once.

    python benchmarks/serving.py --output serving.json

The server is a process of its own, on a free port of this machine, with the embedded model or `--run`. A frame has
arrived when a decoder gives it. Peak memory is the process's VmHWM, set back before each text (Linux).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import httpx

WORDS = "tomorrow it will rain in the north snow on monday".split()
SHORT = ("snow on monday", "tomorrow it will rain in the north")
REPEATS = 3
AT_ONCE = 50


@contextmanager
def serving(run: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a server and wait until it is warm; its process and its address."""
    words = [sys.executable, "-m", "signvip_cli", "serve", "--run", run, "--port", "0"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        found = None
        while found is None:
            line = process.stderr.readline()
            assert line, "the server ended"
            found = re.search(r"http://[\d.:]+", line)
        while httpx.get(f"{found[0]}/v1/health", timeout=60).json()["status"] != "ok":
            time.sleep(0.1)
        yield process, found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def timed(base: str, text: str) -> dict[str, float]:
    """Ask for a video: seconds until its first frame can be shown, and until its end."""
    start, pieces, first = time.monotonic(), [], None
    with (
        httpx.Client(base_url=base, timeout=3600) as client,
        client.stream("POST", "/v1/generate", data={"text": text}) as got,
    ):
        assert got.status_code == 200, got.read()
        for piece in got.iter_raw():
            pieces.append(piece)
            if first is None and shows(b"".join(pieces)):
                first = time.monotonic() - start
        facts = {"frames": int(got.headers["signvip-frames"])}
    return facts | {"first": first, "whole": time.monotonic() - start}


def shows(content: bytes) -> bool:
    """Whether a decoder finds a frame."""
    try:
        with av.open(io.BytesIO(content)) as container:
            return next(container.decode(video=0), None) is not None
    except av.error.FFmpegError:
        return False


def peak(process: subprocess.Popen[str], base: str, text: str) -> dict[str, float]:
    """Ask for a video, and add the server's peak memory meanwhile, in MB."""
    folder = Path("/proc") / str(process.pid)
    (folder / "clear_refs").write_text("5")
    told = timed(base, text)
    high = re.search(r"VmHWM:\s+(\d+) kB", (folder / "status").read_text())
    return told | {"peak_mb": int(high[1]) / 1024}


async def at_once(base: str, count: int) -> dict[str, float]:
    """Ask for videos at the same moment: how many come whole, and are those that come when asked for alone."""
    limits = httpx.Limits(max_connections=None)
    forms = [{"text": f"{WORDS[place % len(WORDS)]} on monday", "seed": str(place)} for place in range(count)]
    async with httpx.AsyncClient(base_url=base, timeout=3600, limits=limits) as client:
        start = time.monotonic()
        answers = await asyncio.gather(*(client.post("/v1/generate", data=form) for form in forms))
        seconds = time.monotonic() - start
        alone = [await client.post("/v1/generate", data=form) for form in forms[:: count // 10]]
    codes = [answer.status_code for answer in answers]
    digests = [hashlib.sha256(answer.content).digest() for answer in answers]
    same = [
        hashlib.sha256(answer.content).digest() == digest
        for answer, digest in zip(alone, digests[:: count // 10], strict=True)
    ]
    return {
        "asked": count,
        "made": codes.count(200),
        "different": len(set(digests)),
        "compared": len(same),
        "as_alone": sum(same),
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", default="embedded")
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    with serving(given.run) as (process, base):
        result = {
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "short": {text: middle([timed(base, text) for _ in range(REPEATS)]) for text in SHORT},
            "words": {count: peak(process, base, " ".join((WORDS * count)[:count])) for count in (20, 200)},
            "at_once": asyncio.run(at_once(base, AT_ONCE)),
        }
    given.output.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def middle(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


if __name__ == "__main__":
    main()
