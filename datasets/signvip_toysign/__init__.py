"""`toysign`, the embedded dataset: a procedural signer whose keypoints, 3D hands, depth and text are known.

The two sign languages are invented: they resemble no real one. It imports the public face and no torch.
"""

from __future__ import annotations

from signvip import hookimpl
from signvip.contracts import Register
from signvip_toysign.sentences import Message, gloss_of, parse_gloss, say
from signvip_toysign.signs import LANGUAGES, Sign, glosses, lexicon
from signvip_toysign.toysign import ToySign, portrait

__all__ = [
    "LANGUAGES", "Message", "Sign", "ToySign", "gloss_of", "glosses", "lexicon", "parse_gloss", "portrait", "say",
]  # fmt: skip


@hookimpl
def register_datasets(register: Register) -> None:
    register("toysign", ToySign)
