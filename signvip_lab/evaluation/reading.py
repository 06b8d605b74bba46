"""Back-translation: what evaluators read in true and in generated clips, beside what is best said of their glosses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from signvip.data.manifest import Manifest
from signvip.errors import ConfigError, SignVipError
from signvip_lab.backtranslation.evaluator import ABOUT, Evaluator

if TYPE_CHECKING:
    from signvip_lab.evaluation.results import Evaluation

USUAL = (Path("runs/evaluator-video"), Path("runs/evaluator-pose"))
ORACLE = "oracle, given the glosses"
NO_EVALUATOR = (
    "no evaluator reads signing back into text yet; train one with: signvip train-evaluator --modality video"
)


def open_evaluators(
    folders: Sequence[Path], shards: Path, device: torch.device, evaluation: Evaluation
) -> dict[str, Evaluator]:
    """The evaluators named, else the usual ones that are there and fit; by what they read.

    One that is named and does not fit is an error; a usual one is left out with a remark.
    """
    chosen: dict[str, Evaluator] = {}
    for folder in folders or [folder for folder in USUAL if folder.is_dir()]:
        try:
            evaluator = Evaluator.open(folder)
            evaluator.check(Manifest.read(shards))
        except SignVipError as error:
            if folders:
                raise
            evaluation.remarks.append(f"{folder} is not used: {error}")
            continue
        if evaluator.modality in chosen:
            raise ConfigError(f"Two evaluators read {evaluator.modality}; give one of them by --evaluator.")
        chosen[evaluator.modality] = evaluator.to(device)
    evaluation.about["evaluators"] = {name: _about(evaluator) for name, evaluator in chosen.items()}
    return chosen


def evaluator_stamps(folders: Sequence[Path]) -> list[str]:
    """What changes with the evaluators that `open_evaluators` would open, without opening them."""
    chosen = folders or USUAL
    return [path.read_text(encoding="utf-8") for folder in chosen if (path := Path(folder) / ABOUT).is_file()]


def _about(evaluator: Evaluator) -> dict[str, Any]:
    about = evaluator.about
    return {
        "folder": str(evaluator.folder),
        "signature": evaluator.signature,
        **{
            name: about[name] for name in ("fingerprint", "trained_on", "n", "step", "beams", "dev", "oracle")
        },
    }
