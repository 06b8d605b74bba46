"""Published weights: where those of the paper come from, and how a network of them is read.

Read only when a training starts from them: never at import, never in a constructor.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signvip.errors import ConfigError
from signvip.storage.finite import broken_weight


@dataclass(frozen=True)
class Origin:
    """The published weights that a part starts from in the paper (section 4.1)."""

    hub: str
    size: str
    licence: str
    subfolders: tuple[str | None, ...]  # where a hub repository holds it; the first that is there


STABLE_DIFFUSION = "stable-diffusion-v1-5/stable-diffusion-v1-5"
ORIGINS = {
    "unet": Origin(STABLE_DIFFUSION, "3.4 GB", "CreativeML OpenRAIL-M", ("unet", None)),
    "motion": Origin("guoyww/animatediff-motion-adapter-v1-5-2", "1.8 GB", "Apache-2.0", (None,)),
    "vae": Origin("stabilityai/sd-vae-ft-mse", "0.3 GB", "MIT", (None, "vae")),
    "text_encoder": Origin(STABLE_DIFFUSION, "0.5 GB", "CreativeML OpenRAIL-M", ("text_encoder", None)),
    "tokenizer": Origin(STABLE_DIFFUSION, "1 MB", "CreativeML OpenRAIL-M", ("tokenizer", None)),
}


def read_published(part: str, source: str, cls: Any, option: str | None = None) -> Any:
    """Load a `cls` from a hub id or a local folder, of the part alone or of a whole pipeline.

    ConfigError names the option, and where the paper's weights come from, their size and their licence.
    """
    reason = ""
    for subfolder in _subfolders(part, source):
        try:
            found = cls.from_pretrained(source, **({} if subfolder is None else {"subfolder": subfolder}))
        except Exception as error:  # diffusers, transformers, safetensors and the hub each raise their own
            reason = reason or _first_line(error)
            continue
        if (weight := broken_weight(found)) is None:
            return found
        reason = f"{weight} holds numbers that are not finite"
    raise ConfigError(explain_missing(part, source, option or part, reason))


def explain_missing(part: str, source: str, option: str, reason: str) -> str:
    """Return one sentence for weights that cannot be read, ending in what to do."""
    origin = ORIGINS[part]
    return (
        f"start.{option}={source} cannot be read as {part} ({reason}); the paper's is "
        f"https://huggingface.co/{origin.hub} ({origin.size}, {origin.licence}): fetch it where there is a network, "
        f"and name its folder by --set start.{option}=FOLDER."
    )


def _subfolders(part: str, source: str) -> tuple[str | None, ...]:
    """Return the subfolder in a local folder, or all that a hub repository may have."""
    if not Path(source).is_dir():
        return ORIGINS[part].subfolders
    return (part if (Path(source) / part).is_dir() else None,)


def _first_line(error: BaseException) -> str:
    words = str(error).strip().splitlines()
    return words[0].rstrip(" .:") if words else type(error).__name__
