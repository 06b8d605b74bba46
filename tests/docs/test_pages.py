"""The pages of the documentation, without building the site: links, tables, words for pictures, generated pages."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

import pytest

from signvip.config import RunConfig, load_config
from signvip.settings import keys_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))
from check_site import faults_of  # noqa: E402
from generators import PAGES, write_reference  # noqa: E402
from generators.commands import all_commands  # noqa: E402

GENERATED = DOCS / "reference" / "generated"
WIDEST = 140  # of a line of a table
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")


@cache
def written() -> dict[Path, str]:
    """Return the text of every page by its path; the reference's are made here."""
    built = DOCS / "_build"
    found = [path for path in DOCS.rglob("*.md") if built not in path.parents and path.parent != GENERATED]
    beside = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
    found += beside + sorted((ROOT / "plugins").glob("*/README.md"))
    pages = {path: path.read_text(encoding="utf-8") for path in found}
    return pages | {GENERATED / f"{name}.md": PAGES[name]() for name in PAGES}


def prose(text: str) -> str:
    """Return a page without its code."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]+`", "code", text)


def anchors(text: str) -> set[str]:
    """Return what a link may name in a page: its headings as GitHub writes them, and its labels."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^\((.+)\)=$", text, re.MULTILINE)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", LINK.sub(r"\2", heading).lower())
        found.append(plain.replace(" ", "-"))
    return set(found)


def fault_of_link(page: Path, target: str) -> str | None:
    """Return what is wrong with a link of a page, if anything."""
    if re.match(r"(https?|mailto):", target):
        return None
    path, _, anchor = target.partition("#")
    there = (page.parent / path).resolve() if path else page
    if there not in written() and not there.exists():
        return f"there is no {path}"
    if there.is_dir():
        return f"{path} is a folder, which a page cannot be"
    if anchor and there in written() and anchor not in anchors(written()[there]):
        return f"{path} has no #{anchor}"
    return None


def test_every_link_leads_somewhere():
    faults = [
        f"{page.relative_to(ROOT)}: [{words}]({target}): {fault}"
        for page, text in written().items()
        for _, words, target in LINK.findall(prose(text))
        if (fault := fault_of_link(page, target))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("how-to/data.md#poses-out", None),
        ("https://example.org", None),
        ("how-to/dat.md", "there is no how-to/dat.md"),
        ("how-to/data.md#poses-in", "has no #poses-in"),
        ("how-to", "is a folder"),
        ("reference/generated/commands.md#command-generate", None),
    ],
)
def test_a_broken_link_is_found(target, fault):
    found = fault_of_link(DOCS / "index.md", target)
    assert found == fault or fault in found


def test_every_page_of_the_site_is_in_a_table_of_contents():
    listed = {DOCS / "index.md"}
    for page, text in written().items():
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            names = [
                line.split("<")[-1].rstrip(">") for line in block.splitlines() if line and line[0] != ":"
            ]
            listed |= {page if name == "self" else page.parent / f"{name}.md" for name in names}
    pages = {page for page in written() if DOCS in page.parents and page.name != "table.md"}
    assert listed == pages


def test_every_picture_has_words():
    bare = [
        page
        for page, text in written().items()
        for mark, words, _ in LINK.findall(text)
        if mark and not words
    ]
    assert not bare


def test_no_line_of_a_table_is_wide():
    wide = [
        f"{page.relative_to(ROOT)}: {line[:60]}... has {len(line)} characters"
        for page, text in written().items()
        for line in text.splitlines()
        if line.startswith("|") and len(line) > WIDEST
    ]
    assert not wide, "\n".join(wide)


def test_files_that_the_pages_name_are_there():
    named = re.compile(r"`((?:docs|tests|benchmarks|plugins|signvip\w*)/[\w./-]+\.(?:py|toml|md|json))`")
    gone = [
        f"{page.relative_to(ROOT)}: {path}"
        for page, text in written().items()
        for path in named.findall(text)
        if not (ROOT / path).exists()
    ]
    assert not gone, "\n".join(gone)


def test_every_command_and_option_has_its_place():
    page = PAGES["commands"]()
    assert len(list(all_commands())) > 15
    for name, command in all_commands():
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            assert all(f"`{word}" in section for word in parameter.opts if word.startswith("--"))


def test_every_key_of_the_configuration_has_its_default_and_the_presets_sources():
    page = PAGES["configuration"]()
    assert all(f"\n`{key}`\n" in page for key in keys_of(RunConfig) if not _is_section(key))
    entry = page.split("\n`stage1.augmentation`\n")[1].split("\n(key-")[0]
    assert "p, a condition frame comes from another clip" in entry.replace("P, a", "p, a")
    assert "default: `0.001`" in entry and "`rwth`" in entry and "(section 4.1)" in entry
    assert f"`{load_config('rwth').stage3.learning_rate}` (the authors' code. Section 4.1 prints 1e-6" in page


def _is_section(key):
    return any(other.startswith(f"{key}.") for other in keys_of(RunConfig))


def test_a_page_that_has_not_changed_keeps_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr("generators.PAGES", {"shards": PAGES["shards"]})
    write_reference(tmp_path)
    before = (tmp_path / "shards.md").stat().st_mtime_ns
    write_reference(tmp_path)
    assert (tmp_path / "shards.md").stat().st_mtime_ns == before
    assert "`tokens.npy`" in (tmp_path / "shards.md").read_text()


def test_a_built_page_that_asks_the_network_or_has_a_silent_picture_is_found(tmp_path):
    good = '<html lang="en"><script src="a.js"></script><a href="https://example.org">x</a><img alt="x" src="a.png">'
    (tmp_path / "a.html").write_text(good)
    (tmp_path / "a.css").write_text("@font-face { src: url('font.woff2') }")
    assert list(faults_of(tmp_path)) == []
    (tmp_path / "b.html").write_text('<html><script src="//cdn.example.org/a.js"></script><img src="a.png">')
    (tmp_path / "b.css").write_text("@import 'https://fonts.example.org/a'; a { color: red }")
    assert [fault.split(": ")[1] for fault in faults_of(tmp_path)] == [
        "<script> asks //cdn.example.org/a.js",
        "the picture a.png has no words",
        "it names no language",
        "asks https://fonts.example.org/a",
    ]
    assert list(faults_of(tmp_path / "none")) == [f"{tmp_path / 'none'}: there are no pages"]
