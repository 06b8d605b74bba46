"""The list of faults keeps up with the code: each still has its place, and tests that could notice it."""

from __future__ import annotations

from collections import Counter

import pytest
from faults import ROOT, read_faults

FAULTS = read_faults()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_it_can_be_planted(fault):
    text = fault.planted()
    assert text != (ROOT / fault.file).read_text()
    if fault.file.endswith(".py"):
        compile(text, fault.file, "exec")
    assert fault.tests
    for test in fault.tests:
        path, _, name = test.partition("[")[0].partition("::")
        assert (ROOT / path).is_file() and f"def {name}(" in (ROOT / path).read_text() + "def ("


def test_names_tell_them_apart():
    assert [name for name, count in Counter(fault.name for fault in FAULTS).items() if count > 1] == []
