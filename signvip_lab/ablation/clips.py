"""Some clips of a cell to look at: of a whole run from conditions and from the text, of stage 1 what dev showed."""

from __future__ import annotations

import shutil
from pathlib import Path

from signvip.data.video import write_video
from signvip.origin.record import Origin
from signvip.origin.writing import write_marked
from signvip.run import Run
from signvip_lab.ablation.store import Store
from signvip_lab.ablation.trainings import TEXT, VIDEO, Step
from signvip_lab.evaluation.chain import Chain
from signvip_lab.evaluation.evaluate import EvaluateOptions
from signvip_lab.evaluation.making import GENERATED, REBUILT, TRUTH, make

SHOWN = 2  # clips of each cell
FOLDER = "clips"


def show_clips(run: Run, steps: list[Step], store: Store, options: EvaluateOptions) -> list[Path]:
    """Write `clips/NUMBER ROW.mp4` into an assembled cell; nothing where there is nothing to see."""
    if steps[-1].kind is TEXT:
        return _generated(run, store.shards, options)
    video = next((step for step in steps if step.kind is VIDEO and step.given is None), None)
    return [] if video is None or steps[-1] is not video else _previews(run, store.folder(video))


def _generated(run: Run, shards: Path, options: EvaluateOptions) -> list[Path]:
    chain = Chain.open(run.path, shards, options.split, options.sampling)
    files = []
    for pick in range(min(SHOWN, len(chain.clips), options.clips or SHOWN)):
        made = make(chain, pick, run.config.seed, pixels=True)
        videos = made.videos()
        for row in (TRUTH, REBUILT, GENERATED):
            files.append(_path(run, pick, row))
            if row == TRUTH:
                write_video(files[-1], videos[row], run.config.fps)
            else:
                write_marked(files[-1], videos[row], run.config.fps, Origin(made.info["text"]))
    return files


def _previews(run: Run, folder: Path) -> list[Path]:
    """Copy what the last phase of stage 1 made of dev clips when it was done."""
    phases = [folder / "training" / phase / "samples" for phase in reversed(VIDEO.phases)]
    samples = next((sorted(path.glob("step-*"))[-1] for path in phases if path.is_dir()), None)
    found = sorted(samples.glob("*.mp4"))[:SHOWN] if samples else []
    files = [_path(run, number, REBUILT) for number in range(len(found))]
    for source, target in zip(found, files, strict=True):
        shutil.copy(source, target)
    return files


def _path(run: Run, number: int, row: str) -> Path:
    folder = run.path / FOLDER
    folder.mkdir(exist_ok=True)
    return folder / f"{number} {row}.mp4"
