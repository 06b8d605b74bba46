"""Readers of real corpora: any folder of clips, PHOENIX-2014T, How2Sign, lexica; by the door of every plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signvip.hookspecs import hookimpl

if TYPE_CHECKING:
    from signvip.contracts import Register


@hookimpl
def register_datasets(register: Register) -> None:
    register("folder", "signvip.corpora.folder:Folder")
    register("phoenix14t", "signvip.corpora.phoenix14t:Phoenix14T")
    register("how2sign", "signvip.corpora.how2sign:How2Sign")
    register("poses", "signvip.corpora.poses:Poses")
    register("mixture", "signvip.corpora.mixture:Mixture")
    register("lexicon", "signvip.spelling.reader:Lexicon")
