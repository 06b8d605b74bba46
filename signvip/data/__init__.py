"""Data: videos in and out, shards in and out, and what a shard set says of itself. Imports no torch.

The names below are the public ones: what plugins may use of this folder. Each is imported when it is first asked for.
They import `contracts` and `errors` and one another, never a model or a stage.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signvip.data import picture_scores, trajectories
    from signvip.data.clip_tables import Row, as_words, parse_unique, read_table
    from signvip.data.footage import PICTURES, VIDEOS, read_footage
    from signvip.data.provenance import Generated, check_truth, notice_beside
    from signvip.data.sample import key_of
    from signvip.data.stamps import digest, marks, options_of
    from signvip.data.text_files import composed, is_torn, read_words
    from signvip.data.video import VideoWriter, read_video
    from signvip.plain import is_blank
    from signvip.settings import read_toml
    from signvip.storage.files import is_hidden, walk

__all__ = [
    "PICTURES",
    "VIDEOS",
    "Generated",
    "Row",
    "VideoWriter",
    "as_words",
    "check_truth",
    "composed",
    "digest",
    "is_blank",
    "is_hidden",
    "is_torn",
    "key_of",
    "marks",
    "notice_beside",
    "options_of",
    "parse_unique",
    "picture_scores",
    "read_footage",
    "read_table",
    "read_toml",
    "read_video",
    "read_words",
    "trajectories",
    "walk",
]

_HOMES = {
    "signvip.data.clip_tables": ("Row", "as_words", "parse_unique", "read_table"),
    "signvip.storage.files": ("is_hidden", "walk"),
    "signvip.data.footage": ("PICTURES", "VIDEOS", "read_footage"),
    "signvip.data.provenance": ("Generated", "check_truth", "notice_beside"),
    "signvip.data.sample": ("key_of",),
    "signvip.data.stamps": ("digest", "marks", "options_of"),
    "signvip.data.video": ("VideoWriter", "read_video"),
    "signvip.data.text_files": ("composed", "is_torn", "read_words"),
    "signvip.plain": ("is_blank",),
    "signvip.settings": ("read_toml",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in __all__:
        return import_module(f"signvip.data.{name}")
    raise AttributeError(f"module 'signvip.data' has no attribute '{name}'")
