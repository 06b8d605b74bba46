"""`signvip plugins`, and plugins given as files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner
from workers import ONE_THREAD

from signvip_cli.app import app

SIGN = Path(__file__).parents[2] / "plugins" / "signvip-example" / "signvip_sign.py"
BUILT_IN = [
    ("condition", "depth"),
    ("condition", "hand3d"),
    ("condition", "pose"),
    ("dataset", "toysign"),
    ("denoiser", "animatediff"),
    ("quantizer", "fsq"),
    ("quantizer", "vq"),
    ("translator", "gpt2"),
]
BROKEN = "import a_module_that_is_not_there\n"
LIAR = """
import torch, signvip

class Liar(torch.nn.Module):
    class Config(signvip.Config):
        pass

    def __init__(self, config):
        super().__init__()
        self.dim, self.vocab_size = 2, 3

    def forward(self, z):
        return signvip.Quantized(z, torch.full_like(z[:, 0], 3).long())

    def decode(self, tokens):
        return torch.zeros(len(tokens), 2, *tokens.shape[1:])

@signvip.hookimpl
def register_quantizers(register):
    register("liar", Liar)
"""


def test_the_built_in_plugins_are_listed(signvip):
    result = signvip("plugins")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert set(BUILT_IN) <= {(kind, name) for kind, name, *_ in lines}
    assert all(line[2] == "signvip" for line in lines if tuple(line[:2]) in BUILT_IN)


def test_list_for_a_program(signvip):
    records = json.loads(signvip("plugins", "list", "--json").stdout)
    assert {(record["kind"], record["name"]) for record in records} >= set(BUILT_IN)
    assert set(records[0]) == {"kind", "name", "distribution", "version", "error"}
    assert records == json.loads(signvip("plugins", "--json").stdout)


def test_show_prints_the_schema_of_the_options(signvip):
    shown = json.loads(signvip("plugins", "show", "fsq").stdout)
    assert (shown["kind"], shown["name"]) == ("quantizer", "fsq")
    assert "levels" in shown["options"]["properties"]
    assert shown["options"]["additionalProperties"] is False


def test_show_says_what_a_metric_takes_and_how_its_value_is_read(signvip):
    shown = json.loads(signvip("plugins", "show", "wer", "--json").stdout)
    assert (shown["takes"], shown["higher_is_better"], shown["target"]) == ("texts", False, None)
    assert shown["about"].startswith("Insertions, deletions and substitutions")
    assert "takes" not in json.loads(signvip("plugins", "show", "fsq").stdout)


def test_an_unknown_name_and_an_unknown_kind(signvip):
    result = signvip("plugins", "show", "fqs")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: There is no plugin 'fqs'; did you mean 'fsq'?\n"
    result = signvip("plugins", "check", "--kind", "quantiser")
    assert result.stderr.startswith("error: There is no kind 'quantiser' of plugin; use one of condition, ")


def test_a_plugin_file_is_used_like_an_installed_one(signvip):
    shown = json.loads(signvip("plugins", "show", "sign", "--plugin", SIGN).stdout)
    assert shown["distribution"] == str(SIGN)
    result = signvip("plugins", "check", "sign", "--plugin", SIGN)
    assert (result.exit_code, result.stdout.split()[:3]) == (0, ["ok", "quantizer", "sign"])


def test_a_plugin_file_that_fails_is_named(signvip, plugin_file):
    path = plugin_file(BROKEN)
    result = signvip("plugins", "list", "--plugin", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: The plugin {path} failed to load (ModuleNotFoundError: ")
    result = signvip("plugins", "list", "--plugin", "no.py")
    assert "There is no plugin file no.py" in result.stderr


def test_a_class_registered_by_its_path_is_imported_when_it_is_used(signvip, plugin_file):
    path = plugin_file(
        """
import signvip

@signvip.hookimpl
def register_quantizers(register):
    register("late", "a_module_that_is_not_there:Late")
"""
    )
    assert "quantizer   late" in signvip("plugins", "list", "--plugin", path).stdout
    for words in (("check", "late"), ("show", "late")):
        result = signvip("plugins", *words, "--plugin", path)
        assert result.exit_code == 1
        assert "failed to load (ModuleNotFoundError: " in result.stdout + result.stderr


def test_check_says_which_promise_a_plugin_breaks(signvip, plugin_file):
    path = plugin_file(LIAR)
    result = signvip("plugins", "check", "liar", "--plugin", path)
    assert result.exit_code == 1
    assert result.stdout.startswith("failed   quantizer   liar")
    assert "token outside [0, 3)" in result.stdout
    row = json.loads(signvip("plugins", "check", "liar", "--plugin", path, "--json").stdout)[0]
    assert row["result"] == "failed"


def test_show_tells_licences_and_is_json_either_way(signvip):
    shown = json.loads(signvip("plugins", "show", "meshes", "--json").stdout)
    assert shown["licence"] == "Apache-2.0" and "MANO for research" in shown["weights_licence"]
    assert "meshes" in shown["about"] and shown == json.loads(signvip("plugins", "show", "meshes").stdout)


def test_a_class_without_a_word_is_not_described_by_its_parent(signvip, plugin_file):
    shown = json.loads(signvip("plugins", "show", "liar", "--plugin", plugin_file(LIAR)).stdout)
    assert shown["about"] is None and shown["licence"] is None


MISSPELT = LIAR.replace("register_quantizers", "register_quantizer")
NO_CLASS = LIAR.replace('register("liar", Liar)', 'register("liar", 5)')


@pytest.mark.parametrize(
    ("source", "reason"),
    [(MISSPELT, "unknown hook 'register_quantizer'"), (NO_CLASS, "takes a name and a class")],
)
def test_a_plugin_that_registers_wrongly_is_told(signvip, plugin_file, source, reason):
    path = plugin_file(source)
    result = signvip("plugins", "list", "--plugin", path)
    assert result.exit_code == 1 and reason in result.stderr and str(path) in result.stderr


def test_check_names_both_owners_of_a_name(signvip, plugin_file):
    path = plugin_file(LIAR.replace('"liar"', '"fsq"'))
    result = signvip("plugins", "check", "fsq", "--plugin", path)
    assert result.exit_code == 1 and f"signvip and {path}" in result.stdout


def test_a_broken_distribution_is_named_and_does_not_take_the_others_with_it(tmp_path):
    """As an installed distribution, in a folder that only this interpreter looks into."""
    (tmp_path / "signvip_broken.py").write_text(BROKEN)
    about = tmp_path / "signvip_broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: signvip-broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[signvip]\nbroken = signvip_broken\n")

    def run(*words):
        code = f"import sys; sys.path.append({str(tmp_path)!r}); from signvip_cli.app import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path
        )

    listed = run("plugins", "list")
    assert listed.returncode == 0
    assert "quantizer   fsq" in listed.stdout
    assert "failed to load: broken of signvip-broken 1.0: ModuleNotFoundError" in listed.stderr
    checked = run("plugins", "check", "broken")
    assert checked.returncode == 1
    assert "signvip-broken 1.0: ModuleNotFoundError" in checked.stdout


KINDS = ("condition", "quantizer", "translator", "denoiser", "dataset", "estimator", "metric")


@pytest.fixture(scope="module")
def new_plugins(tmp_path_factory):
    """A folder with a new plugin of each kind, what `plugins new` printed, and what pytest says of their tests."""
    folder = tmp_path_factory.mktemp("new")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = {kind: ["plugins", "new", f"own_{kind}", "--kind", kind] for kind in KINDS}
        results = {kind: CliRunner().invoke(app, given) for kind, given in words.items()}
    homes = [f"signvip-own_{kind}" for kind in KINDS]
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--rootdir=."]
    done = subprocess.run(
        [*command, *(f"{home}/tests" for home in homes)],
        cwd=folder,
        env={
            **ONE_THREAD,
            "PYTHONPATH": os.pathsep.join([*homes, os.environ.get("PYTHONPATH", "")]),
            "PATH": "",
        },
        capture_output=True,
        text=True,
    )
    return SimpleNamespace(folder=folder, results=results, told=done.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_own_test(signvip, new_plugins, kind):
    name, home = f"own_{kind}", Path(f"signvip-own_{kind}")
    result = new_plugins.results[kind]
    assert result.exit_code == 0
    assert result.stdout.split() == [
        str(home / path)
        for path in ("pyproject.toml", "README.md", f"signvip_{name}.py", f"tests/test_{name}.py")
    ]
    verdicts = re.findall(rf"^([A-Z]+) {home}/tests/test_{name}\.py::", new_plugins.told, flags=re.MULTILINE)
    assert verdicts and set(verdicts) == {"PASSED"}, new_plugins.told
    path = new_plugins.folder / home / f"signvip_{name}.py"
    assert json.loads(signvip("plugins", "show", name, "--plugin", path).stdout)["kind"] == kind


def test_new_overwrites_nothing_and_refuses_odd_names(signvip, tmp_path):
    (tmp_path / "signvip-mine").mkdir()
    (tmp_path / "signvip-mine" / "work.py").touch()
    result = signvip("plugins", "new", "mine", "--kind", "quantizer")
    assert result.stderr == "error: signvip-mine is not empty; choose another folder by --output.\n"
    for name in ("My-Plugin", "class", "../x"):
        assert signvip("plugins", "new", name, "--kind", "quantizer").exit_code == 1
    assert signvip("plugins", "new", "mine", "--kind", "quantizr").exit_code == 1
