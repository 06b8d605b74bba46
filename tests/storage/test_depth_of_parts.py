"""A part whose options ask for more layers than it has weights is refused before its network is built."""

from __future__ import annotations

import json
import shutil

import pytest

from signvip.errors import RunError
from signvip.generate import embedded_run
from signvip.models import ConditionEncoder
from signvip.storage.loading import OPTIONS, load_part


def test_no_network_is_built_without_end(tmp_path):
    part = shutil.copytree(embedded_run() / "condition_encoder", tmp_path / "condition_encoder")
    options = json.loads((part / OPTIONS).read_text())
    (part / OPTIONS).write_text(json.dumps({**options, "last_convolutions": 10**9}))
    with pytest.raises(RunError, match=r"asks by last_convolutions for more than its \d+ weights"):
        load_part(part, ConditionEncoder, "make it again.")
