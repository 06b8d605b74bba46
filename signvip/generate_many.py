"""`generate --from`: many videos, made here, in workers or on a cluster; started again, it makes what is missing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

import signvip
from signvip.data.executors import Here, Processes
from signvip.data.provenance import says_so
from signvip.data.requests import Request
from signvip.data.stamps import digest
from signvip.data.tasks import Executor
from signvip.errors import DataError, RunError, SignVipError
from signvip.generate import (
    check_options,
    check_requests,
    choose_run,
    load_maker,
    made_by,
    refused,
    tell_embedded,
)
from signvip.generation.listing import Doubts, FailedVideos
from signvip.generation.making import VideoMaker
from signvip.origin.manifest import can_sign
from signvip.origin.record import OriginOptions
from signvip.origin.writing import stream_digest
from signvip.progress import Reporter, Silent, Task
from signvip.sampling.options import GenerateOptions
from signvip.storage.json_files import parse_object
from signvip.storage.locks import locked


@dataclass(frozen=True)
class Videos:
    """What became of some requests, by the paths of their videos: those that are there, and why others are not."""

    there: tuple[Path, ...]
    failed: Mapping[Path, str]
    kept: int  # of those that are there, how many were before


def generate_many(
    requests: Sequence[Request],
    folder: Path,
    *,
    run: str | None = None,
    options: GenerateOptions | None = None,
    origin: OriginOptions | None = None,
    executor: Executor | None = None,
    strict: bool = False,
    overwrite: bool = False,
    retry_failed: bool = False,
    reporter: Reporter | None = None,
) -> Videos:
    """Write what `generate` writes; a video that is there and was made from the same is left as it is.

    A request that fails is listed in `failed.jsonl` of the folder and stops no other; DataError where all fail.
    """
    options, origin, reporter = options or GenerateOptions(), origin or OriginOptions(), reporter or Silent()
    executor, source = executor or Here(), choose_run(run)
    check_options(options)
    check_requests(requests, options, origin, overwrite)
    tell_embedded(run, source, reporter)
    with locked(folder, option="-o", say=reporter.say):
        weights = made_by(Path(source))
        stamps = _stamps(requests, options, origin, weights)
        failed = FailedVideos(folder, requests, stamps, retry_failed)
        there = [one.output for one in requests if _is_there(one, stamps[one.output])]
        todo = [one for one in requests if one.output not in {*there, *failed.reasons}]
        work = VideoWork(source, weights, options, origin, strict, _threads(executor))
        with reporter.task("making videos", len(requests), len(requests) - len(todo)) as bar:
            results = executor(work, [(one, stamps[one.output]) for one in todo])
            with closing(results):
                _follow(todo, results, failed, bar)
        failed.write()
    if len(failed.reasons) == len(requests):
        first = next(iter(failed.reasons.values())).rstrip(".")
        raise DataError(f"All {len(requests)} videos failed, the first because {first}; see {failed.path}.")
    made = tuple(one.output for one in requests if one.output not in failed.reasons)
    return Videos(made, failed.reasons, len(there))


class VideoWork:
    """The work of a worker: videos of one run, which is loaded for the first of them and kept."""

    def __init__(
        self,
        source: str,
        made_by: Mapping[str, Any],
        options: GenerateOptions,
        origin: OriginOptions,
        strict: bool,
        threads: int | None,
    ) -> None:
        self._source, self._made_by, self._options, self._origin = source, made_by, options, origin
        self._strict, self._threads = strict, threads

    def __call__(self, request: Request, stamp: str) -> tuple[str, ...] | SignVipError:
        """Make one video and return the doubts about it; what is wrong with the run comes back, since it stops all."""
        try:
            maker = self._maker
        except SignVipError as error:
            return error
        if request.pose is not None:
            maker.pipe.require_pose_head()
        doubts = maker.doubts([request])[0]
        if doubts and self._strict:
            raise refused(doubts[0])
        maker.make(request, doubts, made_from=stamp)
        return doubts

    @cached_property
    def _maker(self) -> VideoMaker:
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        maker = load_maker(self._source, self._options, self._origin)
        if maker.made_by != self._made_by:
            raise RunError(
                f"{self._source} is another run on one of the machines; copy the same one to all of them."
            )
        return maker


def _follow(
    todo: Sequence[Request],
    results: Iterator[tuple[str, ...] | SignVipError | str],
    failed: FailedVideos,
    bar: Task,
) -> None:
    """Note and tell what becomes of each request."""
    doubts = Doubts()
    for request, result in zip(todo, results, strict=True):
        if isinstance(result, SignVipError):
            raise result
        if isinstance(result, str):
            failed.add(request, result)
        else:
            doubts.tell(request, result)
        bar.advance()
    doubts.tell_rest()


def _stamps(
    requests: Sequence[Request], options: GenerateOptions, origin: OriginOptions, made_by: Mapping[str, Any]
) -> dict[Path, str]:
    """Hash for each output everything that decides its files."""
    signed = origin.manifest and can_sign()
    same = [made_by["weights"] or made_by["run"], asdict(options), asdict(origin), signed]
    same += [_hash(path) if path else None for path in (origin.consent, origin.key, origin.certificate)]
    pictures = {one.reference: _hash(one.reference) for one in requests}
    return {
        one.output: digest(
            [*same, one.text, one.language, pictures[one.reference], str(one.pose), signvip.__version__]
        )
        for one in requests
    }


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_there(request: Request, stamp: str) -> bool:
    """Return whether the files of a request were made from the same, and the video is the one that was made."""
    beside = request.output.with_suffix(".json")
    if not says_so(beside) or not request.output.is_file():
        return False
    told = parse_object(beside.read_text(encoding="utf-8-sig"))
    if told.get("made_from") != stamp or (request.pose is not None and not request.pose.is_file()):
        return False
    try:
        return bool(told["origin"]["stream"] == stream_digest(request.output))
    except (DataError, KeyError, TypeError):
        return False


def _threads(executor: Executor) -> int | None:
    """Return how many threads compute in a worker beside others on this machine; Ray sets those of its own."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // executor.workers) if isinstance(executor, Processes) else None
