"""The folder of a run: what decides a part's fingerprint."""

from __future__ import annotations

from signvip_denoisers.animatediff import Guider

from signvip.run import Run


def test_a_part_is_the_same_wherever_it_was_loaded_from(trained, tmp_path):
    run, found = Run.open(trained.run), set()
    for name in ("first", "second"):
        copy = Run.start(tmp_path / name, run.config)
        copy.save("guider", run.load("guider", Guider))
        found.add(copy.fingerprint("guider"))
        run = copy  # the next is loaded from here
    assert len(found) == 1
    assert str(tmp_path) not in (tmp_path / "second" / "guider" / "config.json").read_text()
