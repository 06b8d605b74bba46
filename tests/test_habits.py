"""What is stated once stays stated once: the version, the version of ruff; and a release is a release."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
import yaml

import signvip

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def fault_of_release(version: str, changes: str) -> str | None:
    """Return what keeps a tree from being released, or from being between two releases."""
    sections = re.findall(
        r"^## \[(.+?)\](?: - ([^\n]+))?\n(.*?)(?=^## |\Z)", changes, re.MULTILINE | re.DOTALL
    )
    (first, _, waiting), (newest, told, _) = sections[:2]
    if first != "Unreleased":
        return "the changelog does not begin with Unreleased"
    if newest != version.removesuffix(".dev0"):
        return f"the changelog's newest section is {newest}, the version is {version}"
    if version.endswith(".dev0"):
        return None if told == "not released yet" else f"{version} is not released, and {newest} has a date"
    if waiting.strip():
        return "lines are left in Unreleased"
    try:
        date.fromisoformat(told)
    except ValueError:
        return f"{newest} has no date, but {told!r}"
    return None


def test_the_version_is_that_of_the_changelog():
    assert fault_of_release(signvip.__version__, CHANGES) is None


BETWEEN = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - not released yet\n\n- Something.\n"
RELEASED = BETWEEN.replace("not released yet", "2026-12-01")


@pytest.mark.parametrize(
    ("version", "changes", "fault"),
    [
        ("0.2.0.dev0", BETWEEN, None),
        ("0.2.0", RELEASED, None),
        ("0.2.0", BETWEEN, "has no date"),
        ("0.2.0", RELEASED.replace("12-01", "13-01"), "has no date"),
        ("0.2.0.dev0", RELEASED, "has a date"),
        ("0.3.0", RELEASED, "newest section is 0.2.0"),
        ("0.2.0", RELEASED.replace("## [0.2.0]", "- Left.\n\n## [0.2.0]"), "left in Unreleased"),
    ],
)
def test_a_release_that_is_half_done_is_told(version, changes, fault):
    found = fault_of_release(version, changes)
    assert found == fault or fault in found


def test_the_version_stands_in_one_place():
    assert "version" in PROJECT["project"]["dynamic"] and "version" not in PROJECT["project"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "signvip.__version__"}
    assert not re.search(r"^version:", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)


def test_ruff_has_one_version_and_pre_commit_formats():
    (pinned,) = (
        need for need in PROJECT["project"]["optional-dependencies"]["dev"] if need.startswith("ruff")
    )
    (hooks,) = (repository for repository in HOOKS if repository["repo"].endswith("/ruff-pre-commit"))
    assert pinned == f"ruff=={hooks['rev'].removeprefix('v')}"
    assert [hook["id"] for hook in hooks["hooks"]] == ["ruff-check", "ruff-format"]
    assert "session.install(RUFF)" in (ROOT / "noxfile.py").read_text(encoding="utf-8")
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert "ruff" not in workflow and "nox -s" in workflow


def test_what_commands_leave_in_the_root_is_ignored():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/data/", "/runs/", "/outputs/", "/ref.png"} <= set(ignored)


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda form: form.stem
)
def test_issue_forms_are_what_github_reads(form):
    read = yaml.safe_load(form.read_text(encoding="utf-8"))
    if form.stem == "config":
        assert set(read) <= {"blank_issues_enabled", "contact_links"}
        return
    assert read["name"] and read["description"] and read["body"]
    names = [part["id"] for part in read["body"]]
    assert len(names) == len(set(names))
    for part in read["body"]:
        assert part["type"] in {"textarea", "input", "dropdown", "checkboxes"} and part["attributes"]["label"]
