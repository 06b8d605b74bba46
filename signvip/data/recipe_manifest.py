"""The manifest of what a recipe makes: which dataset, conditions, estimators and size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import signvip
from signvip.contracts import Estimator
from signvip.data.failures import forget
from signvip.data.manifest import NAME, Manifest
from signvip.data.sample import Recipe
from signvip.data.shards import splits_of
from signvip.data.stamps import options_of
from signvip.registry import plugins


def manifest_for(recipe: Recipe, out: Path) -> Manifest:
    """Return the manifest to go on with; MismatchError where the folder holds shards of another kind."""
    fresh = Manifest(
        made_by=f"signvip {signvip.__version__}",
        dataset=type(recipe.reader).__name__,
        dataset_options=options_of(recipe.reader),
        conditions={name: options_of(condition) for name, condition in recipe.conditions.items()},
        estimators={name: _estimator(name, found) for name, found in recipe.estimators.items()},
        size=recipe.size,
        fps=recipe.fps,
        fit=recipe.fit,
        video=recipe.video,
    )
    if not (out / NAME).exists():
        return fresh
    old = Manifest.read(out)
    if splits_of(out):
        fresh.refuse_another(old, out)
    elif fresh.differs_from(old):
        forget(out)  # nothing came of it, and why says nothing of this recipe
        return fresh
    if old.dataset_options == fresh.dataset_options:
        return old
    return old.model_copy(update={"dataset_options": fresh.dataset_options, "made_by": fresh.made_by})


def _estimator(name: str, estimator: Estimator) -> dict[str, Any]:
    """Describe what made the keypoints: its version, options and weights."""
    versions = [record.version for record in plugins() if (record.kind, record.name) == ("estimator", name)]
    about = {"version": versions[0] if versions else "", "options": options_of(estimator)}
    weights = getattr(estimator, "weights", None)
    return about if weights is None else {**about, "weights": weights}
