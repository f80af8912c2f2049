"""Every relative link of README and docs leads to a page or file that is there, and to a heading it has."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.docs.blocks import FENCE, ROOT, pages

LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
PATH_IN_WORDS = re.compile(r"`(?P<path>(?:docs|examples|tests|tools)/[\w./-]+)`")
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
DOCS = ROOT / "docs"


def prose(page: Path) -> str:
    """A page without its code."""
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """What the headings of a page can be linked by."""
    texts = [heading["text"] for heading in HEADING.finditer(prose(page))]
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text.lower()).strip()) for text in texts}


def broken(page: str) -> list[str]:
    """The links of a page that lead nowhere."""
    return [target for target in _targets(page) if not _is_there(ROOT / page, target)]


def _targets(page: str) -> list[str]:
    return [link["target"] for link in LINK.finditer(prose(ROOT / page)) if ":" not in link["target"]]


def _is_there(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    return file.exists() and (not anchor or anchor in anchors(file))


@pytest.mark.parametrize("page", pages())
def test_a_link_leads_somewhere(page: str) -> None:
    """No page has a link to a page, file or heading that is not there."""
    assert broken(page) == []


@pytest.mark.parametrize("page", pages())
def test_a_path_named_in_words_exists(page: str) -> None:
    """A path of the repository that a page names is there."""
    named = [found["path"].rstrip(".") for found in PATH_IN_WORDS.finditer(prose(ROOT / page))]

    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("picture", [picture.name for picture in DOCS.glob("**/*.svg")])
def test_a_picture_is_well_formed(picture: str) -> None:
    """Each drawing is XML that a browser shows, and draws with nothing but what is in it."""
    (found,) = DOCS.glob(f"**/{picture}")
    text = found.read_text()

    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "href" not in text


def test_the_navigation_has_every_page() -> None:
    """Each page of docs is in mkdocs.yml, and nothing else is."""
    listed = set(
        re.findall(r"^ *- (?:[\w .]+: )?([\w./-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    )

    assert listed == {str(page.relative_to(DOCS)) for page in DOCS.glob("**/*.md")}
