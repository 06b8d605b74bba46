"""Stage III: the translator, on tokens of the run's own quantizer (section 3.6)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from signvip.data.derived import is_current
from signvip.data.manifest import Manifest
from signvip.errors import MismatchError, RunError
from signvip.models.networks import new_translator
from signvip.run import Run
from signvip.stages.common import save_pipeline, seed
from signvip.stages.further import begin_part, seen_in_all, take_parts
from signvip.stages.keys import TEXT
from signvip.stages.parts import load_tokenizer
from signvip.stages.text import TextPhase, check_languages
from signvip.storage import fits

if TYPE_CHECKING:
    from signvip.stages import Loop


def stage3(run: Run, shards: Path, loop: Loop) -> None:
    """The translator, on tokens of this run's own quantizer (section 3.6)."""
    config, training = run.config, run.config.stage3
    take_parts(run, 3, loop.reporter.say)
    tokenizer = load_tokenizer(run)
    manifest = Manifest.read(shards)
    if "autoencoder" not in manifest.fingerprints:
        raise RunError(f"{shards} has no tokens yet; first run: signvip tokenize {shards} --run {run.path}")
    fits.refuse_misfits(run.path, [part for part in fits.TRAINED_WITH if part != "translator"])
    stamp = run.fingerprint("autoencoder", "condition_encoder")
    manifest.check("autoencoder", stamp, shards, "signvip tokenize")
    if not is_current(shards, "autoencoder", stamp, ("train", "dev")):
        raise MismatchError(
            f"Some clips of {shards} have no tokens of this run; make them with: signvip tokenize {shards} --run "
            f"{run.path}"
        )
    if loop.finished(run, TEXT, training):
        return
    seed(run, TEXT)
    translator = new_translator(config, tokenizer)
    begin_part(run, "translator", translator, loop.reporter.say)
    phase = TextPhase(config, training, shards, translator)
    check_languages(phase.languages(), translator.languages)
    phase.check_alignment()
    loop.run_phase(run, TEXT, phase, training)
    translator.register_to_config(seen=seen_in_all(run, phase.seen()).model_dump())
    run.save("translator", translator)
    save_pipeline(run)
    loop.finish(run, TEXT, training)
