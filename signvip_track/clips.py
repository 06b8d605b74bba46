"""The signed clip of each sentence, made once, and kept until the film is done so that a command resumes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import signvip
from signvip.data.outputs import remove_dead
from signvip.data.provenance import says_so
from signvip.data.requests import Request, name_of
from signvip.generate import choose_run, generate
from signvip.origin.record import OriginOptions
from signvip.progress import Reporter, Silent, Task
from signvip.run import MAKERS, Run
from signvip.sampling.options import GenerateOptions

_SHOWN = 40  # characters of a sentence in the name of its clip


@dataclass(frozen=True)
class SignedClip:
    """A video of one sentence without a mark, which it gets in the film's time, and what its sidecar says."""

    video: Path
    about: dict[str, Any]

    @property
    def seconds(self) -> float:
        return float(self.about["frames"] / self.about["fps"])

    @property
    def fps(self) -> float:
        return float(self.about["fps"])


def make_clips(
    texts: Sequence[str],
    folder: Path,
    *,
    reference: Path,
    run: str | None,
    options: GenerateOptions,
    label: bool,
    strict: bool,
    reporter: Reporter,
) -> dict[str, SignedClip]:
    """Sign each text, those alone that are not in `folder` yet, and return the clips by their texts."""
    made_from = _made_from(reference, run, options, label)
    videos = {text: folder / _name(text, made_from) for text in texts}
    missing = [text for text, video in videos.items() if not says_so(video.with_suffix(".json"))]
    with reporter.task("signing sentences", len(videos), len(videos) - len(missing)) as task:
        if missing:
            generate(
                [Request(text, reference, videos[text]) for text in missing],
                run=run,
                options=options,
                origin=OriginOptions(mark=False, manifest=False, label=label),
                strict=strict,
                overwrite=True,
                reporter=_OneBar(task, reporter),
            )
    return {text: SignedClip(video, _about(video)) for text, video in videos.items()}


def _about(video: Path) -> dict[str, Any]:
    remove_dead(video)
    about: dict[str, Any] = json.loads(video.with_suffix(".json").read_text(encoding="utf-8"))
    return about


def _made_from(reference: Path, run: str | None, options: GenerateOptions, label: bool) -> list[Any]:
    """Everything but its text that decides a clip."""
    source = choose_run(run)
    own = (Path(source) / "config.json").is_file()
    weights = Run.open(Path(source)).fingerprint(*MAKERS) if own else source
    picture = hashlib.sha256(reference.read_bytes()).hexdigest()
    return [weights, picture, asdict(options), label, signvip.__version__]


def _name(text: str, made_from: list[Any]) -> str:
    digest = hashlib.sha256(json.dumps([text, *made_from]).encode()).hexdigest()
    return f"{name_of(text)[:_SHOWN]}-{digest[:16]}.mp4"


class _OneBar:
    """A reporter for which each clip is one step of a single bar."""

    def __init__(self, bar: Task, reporter: Reporter) -> None:
        self._bar, self._reporter = bar, reporter

    @contextmanager
    def task(self, name: str, total: int, done: int = 0) -> Iterator[Task]:
        with Silent().task(name, total, done) as silent:
            yield silent
        self._bar.advance()

    def say(self, message: str) -> None:
        self._reporter.say(message)
