"""The pages of the manual and the examples in them. A fence's language decides what the tests do with a block:

sql      run by psql, in the reader's order, all pages in one database
sh       run by sh, with libpq's variables set to that database
python, js, java   whole programs, run by test_drivers.py
console  commands for the reader's machine; only the targets of make are checked
(none)   shown only: output, configuration files, what needs a Kafka cluster or another server
"""

import dataclasses
import re

from .postgres import REPOSITORY

README = REPOSITORY / "README.md"
LANGUAGES = {"sql", "sh", "python", "js", "java", "console", ""}

_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclasses.dataclass
class Block:
    """A fenced block, the heading above it, and the number of its first line."""
    language: str
    heading: str
    text: str
    line: int


def pages():
    """The README, then the pages of docs/ in the order in which it names them."""
    named = [README.parent / target for target in links(README) if re.fullmatch(r"docs/[a-z-]+[.]md", target)]
    return [README, *dict.fromkeys(named)]


def all_pages():
    """Every page of the manual, the generated ones too."""
    return [README, *sorted((README.parent / "docs").rglob("*.md"))]


def lines(page):
    """Each line with its number, and whether it is inside a block."""
    inside = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = line.startswith("```")
        yield number, line, inside or fence
        inside ^= fence


def blocks(page):
    found, heading, block = [], "", None
    for number, line, inside in lines(page):
        if not inside:
            heading = line.lstrip("# ") if line.startswith("#") else heading
        elif not line.startswith("```"):
            block.text += line + "\n"
        elif block is None:
            block = Block(line[3:].strip(), heading, "", number + 1)
        else:
            found.append(block)
            block = None
    return found


def links(page):
    """The targets of a page's links, but for those in blocks."""
    return [target for _, line, inside in lines(page) if not inside for target in _LINK.findall(line)]


def anchors(page):
    """What a link may name behind #, as GitHub makes it of headings."""
    return {re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
            for _, line, inside in lines(page) if not inside and line.startswith("#")}
