"""Every link within the project leads somewhere, and every page can be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.blocks import ROOT

DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not (DOCS / "conf.py").is_file(), reason="the documentation is not here: wheel run")

TOP = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
PAGES = [*(ROOT / name for name in TOP), *(p for p in sorted(DOCS.rglob("*.md")) if "_build" not in p.parts)]
_CODE = re.compile(r"^(`{3,}).*?^\1$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]\[]*(?:\[[^\]]*\][^\]\[]*)*\]\(([^()\s]+(?:\([^()]*\))?)(?: \"[^\"]*\")?\)")
_TARGET = re.compile(r"^\(([a-z0-9-]+)\)=$", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.+?)$", re.MULTILINE)


def _anchors(page: Path) -> set[str]:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    return {*(_slug(title) for title in _HEADING.findall(text)), *_TARGET.findall(text)}


def _slug(title: str) -> str:
    """Name a heading as GitHub and MyST do."""
    plain = re.sub(r"[`*]", "", title).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def _links(page: Path) -> Iterator[tuple[str, str]]:
    for link in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        if "://" not in link and not link.startswith("mailto:"):
            path, _, anchor = link.partition("#")
            yield path, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    """A relative link names a file that exists, an anchor a heading of it."""
    for path, anchor in _links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {path} is not there"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"{page.name}: {path}#{anchor} is no heading"


def test_every_decision_is_listed() -> None:
    """The index of the decisions names each of them, in order, and they are numbered without gaps."""
    names = sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md"))
    assert [name[:4] for name in names] == [f"{number:04d}" for number in range(1, len(names) + 1)]
    index = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    assert [f"{name}.md" for name in re.findall(r"^([0-9]{4}-[a-z0-9-]+)$", index, re.MULTILINE)] == names
