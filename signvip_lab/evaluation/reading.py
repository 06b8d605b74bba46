"""Back-translators: what they read in true and in generated clips, beside what is best said of their glosses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from signvip.data.manifest import Manifest
from signvip.errors import ConfigError, SignVipError
from signvip_lab.backtranslation.back_translator import ABOUT, BackTranslator

if TYPE_CHECKING:
    from signvip_lab.evaluation.results import Evaluation

USUAL = (Path("runs/evaluator-video"), Path("runs/evaluator-pose"))
ORACLE = "oracle, given the glosses"
NO_BACK_TRANSLATOR = (
    "no back-translator reads signing back into text yet; train one with: signvip train-back-translator "
    "--modality video"
)


def open_back_translators(
    folders: Sequence[Path], shards: Path, device: torch.device, evaluation: Evaluation
) -> dict[str, BackTranslator]:
    """Return the back-translators named, else the usual ones that are there and fit; by what they read.

    One that is named and does not fit is an error; a usual one is left out with a remark.
    """
    chosen: dict[str, BackTranslator] = {}
    for folder in folders or [folder for folder in USUAL if folder.is_dir()]:
        try:
            evaluator = BackTranslator.open(folder)
            evaluator.check(Manifest.read(shards))
        except SignVipError as error:
            if folders:
                raise
            evaluation.remarks.append(f"{folder} is not used: {error}")
            continue
        if evaluator.modality in chosen:
            raise ConfigError(
                f"Two back-translators read {evaluator.modality}; give one of them by --back-translator."
            )
        chosen[evaluator.modality] = evaluator.to(device)
    evaluation.about["evaluators"] = {name: _about(evaluator) for name, evaluator in chosen.items()}
    return chosen


def back_translator_stamps(folders: Sequence[Path]) -> list[str]:
    """Return what changes with the back-translators that `open_back_translators` would open, without opening them."""
    chosen = folders or USUAL
    return [path.read_text(encoding="utf-8") for folder in chosen if (path := Path(folder) / ABOUT).is_file()]


def _about(evaluator: BackTranslator) -> dict[str, Any]:
    about = evaluator.about
    return {
        "folder": str(evaluator.folder),
        "signature": evaluator.signature,
        **{
            name: about[name] for name in ("fingerprint", "trained_on", "n", "step", "beams", "dev", "oracle")
        },
    }
