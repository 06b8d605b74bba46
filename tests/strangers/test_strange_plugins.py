"""A plugin that exits, prints, hangs, warns or has broken metadata is named, and costs nobody else anything."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import signvip
from signvip import registry as registry_module
from signvip.discovery.distributions import installed
from signvip.errors import PluginError, SignVipWarning
from signvip.registry import Registry

GOOD = "import signvip\n@signvip.hookimpl\ndef register_quantizers(register):\n    register({name!r}, 'thing:Thing')\n"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed distributions: install(name, code) adds one."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("SIGNVIP_PLUGIN_SECONDS", "0.4")
    before = set(sys.modules)

    def install(name: str, code: str, metadata: str | None = None, entry: str | bytes | None = None) -> Path:
        module = name.replace("-", "_")
        (folder / f"{module}.py").write_text(code)
        about = folder / f"{module}-1.5.dist-info"
        about.mkdir()
        written = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n" if metadata is None else metadata
        if written:
            (about / "METADATA").write_text(written)
        entry = f"[signvip]\nthing = {module}\n" if entry is None else entry
        (about / "entry_points.txt").write_bytes(entry if isinstance(entry, bytes) else entry.encode())
        return folder

    yield install
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def of(distribution: str):
    return [record for record in Registry(installed()).records if record.distribution == distribution]


STOPS = {
    "import sys; sys.exit(3)": "exits with 3",
    "raise SystemExit": "exits with None",
    "raise KeyboardInterrupt": "raises KeyboardInterrupt",
    "import signal; signal.signal(2, signal.SIG_IGN); raise KeyboardInterrupt": "raises KeyboardInterrupt",
    "exit('bye')": "exits with 'bye'",
    "import os; os._exit(4)": "os._exit",
    "from os import abort\nabort()": "os.abort",
    "try:\n    import os; os._exit(4)\nexcept ValueError:\n    pass": "os._exit",
    "import time; time.sleep(60)": "hangs",
    "while True:\n    pass": "hangs",
    "import time\ntry:\n    time.sleep(60)\nexcept Exception:\n    time.sleep(60)": "hangs",
    "import socket; a, b = socket.socketpair(); a.recv(1)": "hangs",
    "def f(": "SyntaxError",
    "class Odd(BaseException): pass\nraise Odd('x')": "Odd: x",
    "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute": "Mute: ",
    "import warnings; warnings.simplefilter('error'); warnings.warn('x')": "UserWarning",
    "def __getattr__(name): raise KeyError(name)\n__path__ = 3\nimport signvip.nothing": "ModuleNotFoundError",
}


@pytest.mark.parametrize("code", STOPS, ids=range(len(STOPS)))
def test_a_plugin_that_stops_is_named_and_stops_nobody(site, code):
    site("signvip-bad", code)
    site("signvip-good", GOOD.format(name="good"))
    found = Registry(installed()).records
    (bad,) = [record for record in found if record.distribution == "signvip-bad"]
    assert STOPS[code] in bad.error and "\n" not in bad.error and (bad.version, bad.name) == ("1.5", "thing")
    assert {"good", "fsq", "toysign"} <= {record.name for record in found}
    assert os._exit.__module__ in ("posix", "nt")


def test_a_user_who_interrupts_is_obeyed(site):
    site("signvip-slow", "import os, signal\nos.kill(os.getpid(), signal.SIGINT)")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            Registry(installed())
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "code",
    [
        "print('hello')",
        "import sys; sys.stdout.write('hello')",
        "import os; os.write(1, b'hello')",
        "import subprocess; subprocess.run(['echo', 'hello'])",
        "import sys; sys.stdout.reconfigure(line_buffering=True); sys.stdout.buffer.write(b'hello')",
        "import sys; sys.__stdout__ and print('hello', file=sys.stdout, end='')",
    ],
)
def test_a_plugin_that_prints_is_named_and_stdout_stays_clean(site, capfd, code):
    site("signvip-loud", code + "\n" + GOOD.format(name="loud"))
    with pytest.warns(SignVipWarning, match=r"signvip-loud prints .*: hello"):
        records = of("signvip-loud")
    assert [(record.name, record.error) for record in records] == [("loud", None)]
    assert capfd.readouterr().out == ""


def test_a_stream_that_a_plugin_keeps_goes_to_stderr_later(site, capsys):
    site("signvip-keeper", "import sys\nheld = sys.stdout\n" + GOOD.format(name="keeper"))
    of("signvip-keeper")
    print("later", file=sys.modules["signvip_keeper"].held, flush=True)
    assert capsys.readouterr() == ("", "later\n")


def test_a_plugin_that_warns_is_named(site):
    site("signvip-worried", "import warnings; warnings.warn('not tested')\n" + GOOD.format(name="worried"))
    with pytest.warns(SignVipWarning, match="signvip-worried warns while it is imported: not tested"):
        assert of("signvip-worried")[0].error is None


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "x" * 300, "\x1b[31m", "a\nb", ".hidden"])
def test_names_that_are_none_are_refused_and_nothing_is_half_registered(site, name):
    code = GOOD.format(name="first") + f"    register({name!r}, 'thing:Thing')\n"
    site("signvip-odd", code)
    (record,) = of("signvip-odd")
    assert (
        record.kind == "" and "not a valid name for a plugin" in record.error and "\x1b" not in record.error
    )


@pytest.mark.parametrize(
    ("metadata", "entry", "fault"),
    [
        ("", None, None),
        ("Nothing: here\n", None, None),
        (None, "[signvip]\nthing\n", "thing"),
        (None, "[signvip]\nthing = !!!\n", "thing"),
        (None, "[signvip]\n= signvip_odd\nthing = \n", None),
        (None, b"[signvip]\nthing = signvip_odd\xff\n", "metadata"),
    ],
)
def test_broken_metadata_cost_their_distribution_alone(site, metadata, entry, fault):
    site("signvip-odd", GOOD.format(name="odd"), metadata, entry)
    site("signvip-good", GOOD.format(name="good"))
    site("unrelated", "", "", b"\xff\xfe[nothing")
    records = Registry(installed()).records
    assert {"good", "fsq"} <= {record.name for record in records}
    odd = [record for record in records if "odd" in record.distribution]
    assert odd and all(isinstance(record.version, str) for record in odd)
    assert fault is None or any(record.error for record in odd)
    assert not [record for record in records if "unrelated" in record.distribution]


def test_two_plugins_of_one_name_stop_only_who_asks_for_it(site):
    for name in ("signvip-one", "signvip-two"):
        site(name, GOOD.format(name="same"))
    found = Registry(installed())
    with pytest.raises(PluginError, match="signvip-one and signvip-two"):
        found.get("quantizer", "same")
    assert found.get("quantizer", "fsq") is signvip.registry.registry().get("quantizer", "fsq")


@pytest.mark.parametrize(
    "code", ["raise SystemExit(5)", "import os; os._exit(5)", "import time; time.sleep(60)"]
)
def test_a_class_that_is_imported_late_is_guarded_too(site, code):
    folder = site("signvip-late", GOOD.format(name="late"))
    (folder / "thing.py").write_text(code)
    with pytest.raises(PluginError, match="quantizer 'late' of signvip-late failed to load"):
        Registry(installed()).get("quantizer", "late")


def test_the_command_prints_json_and_names_whom_it_could_not_load(site, monkeypatch):
    folder = site("signvip-bad", "print('{'); import os; os._exit(0)")
    site("signvip-loud", "print('\x1b[2J{')\n" + GOOD.format(name="loud"))
    paths = os.pathsep.join([str(folder), *filter(None, sys.path)])
    command = [sys.executable, "-m", "signvip_cli", "plugins", "list", "--json"]
    made = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    records = json.loads(made.stdout)
    assert made.returncode == 0 and "\x1b" not in made.stdout + made.stderr
    assert {(r["distribution"], r["error"]) for r in records} >= {
        ("signvip-bad", "it calls os._exit"),
        ("signvip-loud", None),
    }
    assert "signvip-loud prints" in made.stderr


def test_a_guard_leaves_everything_as_it_was(site, monkeypatch):
    import signal

    before = sys.stdout, os._exit, signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    site("signvip-bad", "raise SystemExit")
    of("signvip-bad")
    assert before == (
        sys.stdout, os._exit, signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL),
    )  # fmt: skip
    assert isinstance(registry_module.registry(), Registry) and isinstance(io.StringIO(), io.TextIOBase)
