"""Readers of datasets: any folder of clips, PHOENIX-2014T, How2Sign, stored poses, lexica, and several as one.

They import the public face (`signvip.testing.face`), one another, and the painter of `signvip_toysign`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signvip import hookimpl

if TYPE_CHECKING:
    from signvip.contracts import Register


@hookimpl
def register_datasets(register: Register) -> None:
    register("folder", "signvip_datasets.folder:Folder")
    register("phoenix14t", "signvip_datasets.phoenix14t:Phoenix14T")
    register("how2sign", "signvip_datasets.how2sign:How2Sign")
    register("poses", "signvip_datasets.stored_poses:Poses")
    register("mixture", "signvip_datasets.mixture:Mixture")
    register("lexicon", "signvip_datasets.lexicon.lexicon:Lexicon")
