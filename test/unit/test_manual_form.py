"""The form of the manual: its size, its lines, its links. No server is needed."""

import re

import pytest

from harness import manual

PAGES = manual.all_pages()
NAMES = [str(page.relative_to(manual.README.parent)) for page in PAGES]


def test_the_readme_is_short():
    assert manual.README.stat().st_size <= 10 * 1024


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_line_is_long(page):
    """A row of a table is one line in Markdown, whatever its length."""
    long = [number for number, line, inside in manual.lines(page) if len(line) > 120 and (inside or not line.startswith("|"))]
    assert not long, f"over 120 characters: lines {long}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_resolves(page):
    broken = []
    for link in manual.links(page):
        target, _, anchor = link.partition("#")
        named = (page.parent / target) if target else page
        if re.match(r"https?:", link):
            continue
        if not named.exists() or (anchor and anchor not in manual.anchors(named)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_says_what_it_is(page):
    assert {block.language for block in manual.blocks(page)} <= manual.LANGUAGES


def test_the_readme_names_every_page():
    folder = manual.README.parent / "docs"
    assert set(manual.pages()[1:]) == set(folder.glob("*.md"))


def test_the_targets_of_make_exist():
    makefile = (manual.README.parent / "Makefile").read_text()
    for page in PAGES:
        for block in manual.blocks(page):
            commands = re.sub(r"#.*", "", block.text) if block.language == "console" else ""
            for target in re.findall(r"\bmake ([a-z][a-z-]*)", commands):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"
