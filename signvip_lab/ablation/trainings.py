"""Steps that a cell has to train: they know what they depend on, so that cells share those that do not differ."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signvip.config import BOOKKEEPING, RunConfig
from signvip.data.manifest import Manifest
from signvip.errors import RunError
from signvip.models.video_denoiser import stores
from signvip.run import OF_POSES, Run
from signvip.settings import option
from signvip.stages import NOISE
from signvip.storage import fits
from signvip_lab.ablation.grid import Cell

ALWAYS = ("size", "fps", "precision")


@dataclass(frozen=True)
class Kind:
    """One sort of step: the stage that it is part of, what it makes, and the options that decide its result."""

    name: str
    stage: int
    parts: tuple[str, ...]  # beside the denoiser's, of the video model
    sections: tuple[str, ...]
    phases: tuple[str, ...]  # of training, by the names of their folders


VAE = Kind("vae", 1, ("vae",), ("vae", "stage1.vae"), ("stage1-vae",))
VIDEO = Kind(
    "video",
    1,
    ("condition_encoder",),
    ("conditions", "condition_encoder", "guider", "denoiser", "reference_net", "start", "stage1", "noise"),
    ("stage1-image", "stage1-motion", "stage1-detail"),
)
TOKENS = Kind(
    "tokens", 2, ("autoencoder",), ("intermediate", "autoencoder", "quantizer", "stage2"), ("stage2",)
)
TEXT = Kind("text", 3, ("translator",), ("translator", "stage3"), ("stage3",))
KINDS = (VAE, VIDEO, TOKENS, TEXT)


@dataclass(frozen=True)
class Step:
    """One step of one cell; steps with the same id give the same weights."""

    kind: Kind
    id: str
    config: RunConfig
    before: Step | None = None
    given: Path | None = None  # the run that it is taken from, where it is not trained

    @property
    def name(self) -> str:
        """Folder below `stages`."""
        return f"{self.kind.name}-{self.id}"

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts that it makes; a VAE that is named comes with the video model.

        What reads and draws poses comes with the video model of a run that has it: no cell trains it.
        """
        named = self.kind is VIDEO and self.config.start.vae is not None
        made = parts_of(self.kind, self.config)
        if self.kind is VIDEO and self.given is not None:
            made = (*made, *(part for part in OF_POSES if fits.has(self.given, part)))
        return ("vae", *made) if named else made

    @property
    def chain(self) -> list[Step]:
        """All steps up to this one, first to last."""
        return [*(self.before.chain if self.before else []), self]


def make_steps(
    cell: Cell, stage: int, shards: Path, given: frozenset[str], source: Path | None
) -> list[Step]:
    """Return the steps of a cell up to a stage; kinds named in `given` are taken from the run `source`."""
    steps: list[Step] = []
    data = corpus(shards)
    for kind in kinds_of(cell.config):
        if kind.stage > stage:
            break
        before = steps[-1] if steps else None
        taken = source if kind.name in given else None
        if taken is not None:
            own: dict[str, Any] = {"given": Run.open(taken).fingerprint(*parts_of(kind, cell.config))}
        else:
            own = {"shards": data, "seed": cell.config.seed, **depends(cell.config, kind)}
        found = identity(kind=kind.name, before=before.id if before else None, **own)
        steps.append(Step(kind, found, cell.config, before, taken))
    return steps


def kinds_of(config: RunConfig) -> tuple[Kind, ...]:
    """Return all kinds, without the VAE where it is named and not trained."""
    return KINDS if config.start.vae is None else KINDS[1:]


def parts_of(kind: Kind, config: RunConfig) -> tuple[str, ...]:
    """Return what a kind of step makes, by the names of a run's folders."""
    return (*kind.parts, *stores(config.denoiser.name)) if kind is VIDEO else kind.parts


def depends(config: RunConfig, kind: Kind) -> dict[str, Any]:
    """Return the options that decide what a kind of step makes, beside the seed and what came before."""
    values = config.model_dump(mode="json")
    values["noise"] = {name: values["sampler"][name] for name in NOISE}
    for training in _trainings(values):
        for name in BOOKKEEPING:
            training.pop(name)
    if kind is VIDEO:
        del values["stage1"]["vae"]
        values["stage1"]["phases"] = [phase for phase in config.stage1.phases if phase != "vae"]
    return {key: option(values, key) for key in (*ALWAYS, *kind.sections)}


def _trainings(values: dict[str, Any]) -> list[dict[str, Any]]:
    stage1 = values["stage1"]
    phases = (stage1[name] for name in ("vae", "image", "motion", "detail"))
    found = [*phases, values["stage2"], values["stage3"]]
    return [training for training in found if training is not None]


def changed(cells: list[Cell], kind: Kind, base: RunConfig) -> bool:
    """Say whether any cell differs from `base` in what decides a kind of step; the seed does not count."""
    wanted = depends(base, kind)
    return any(depends(cell.config, kind) != wanted for cell in cells)


def last_stage(cells: list[Cell], base: RunConfig) -> int:
    """Return the last stage whose options the cells change; 3 where none is, since the sampler needs a whole run."""
    return max((kind.stage for kind in KINDS if changed(cells, kind, base)), default=3)


def given_kinds(cells: list[Cell], source: Path) -> frozenset[str]:
    """Return the kinds that are taken from a run: each, from the first on, that it has and that no cell changes.

    A seed is not a change: it begins to matter with the first step that is trained. A kind that any cell changes is
    trained for all of them, on the same shards: else the cell that happens to agree with the run would compare a
    training that nobody saw with those of its neighbours.
    """
    run = Run.open(source)
    fits.refuse_misfits(source)
    found = []
    for kind in kinds_of(run.config):
        if not all(run.has(part) for part in parts_of(kind, run.config)) or changed(cells, kind, run.config):
            break
        found.append(kind.name)
    if not found:
        raise RunError(
            f"Nothing can be taken from {source}: these cells train its first stage anew; leave out --from."
        )
    return frozenset(found)


def corpus(shards: Path) -> str:
    """Return the identity of the dataset in shards, whatever was encoded into them since."""
    manifest = Manifest.read(shards)
    # without defaults: a manifest that learns to say more does not make other clips of old ones
    return identity(
        **manifest.model_dump(mode="json", exclude={"fingerprints", "made_by"}, exclude_defaults=True)
    )


NEWER = {"guided_by": None, "pixels": None, "redraw": 0.0, "retarget": None, "run": None}
"""Options that the first records did not have: at these values they are left out, and records are found."""


def identity(**values: Any) -> str:
    """Return twelve hex digits that change with any of the values."""
    return hashlib.sha256(json.dumps(_asked(values), sort_keys=True).encode()).hexdigest()[:12]


def _asked(values: Any) -> Any:
    """Return values without the newer options that nobody asks for, at any depth."""
    if not isinstance(values, dict):
        return values
    return {
        name: _asked(value) for name, value in values.items() if name not in NEWER or value != NEWER[name]
    }
