"""The code blocks of README and docs: where each stands, its language, and whether it is to be run.

Knows Markdown's fences, and two marks: `title="bot.py"` beside the language makes a block a file that the
blocks after it find beside them, on later pages of the folder too; a comment `<!-- not run: why -->` before a
block says why it can't be run. Must not know how anything is run.
"""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)``` *$", re.DOTALL | re.MULTILINE
)
NOT_RUN = re.compile(r"<!-- not run:(?P<why>(?:(?!-->).)*)-->\s*\Z", re.DOTALL)
TITLE = re.compile(r'title="(?P<title>[^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    Attributes:
        page: its path below the repository.
        line: the number of its first line of code.
        language: the word after the fence, "" where there is none.
        title: the name of the file that it is, if it is one.
        why_not: the reason it gives for not being run; None where it is run.
    """

    page: str
    line: int
    language: str
    code: str
    title: str | None = None
    why_not: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """README and every page of docs, by path below the repository, chapters in their order."""
    found = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    return [str(page.relative_to(ROOT)) for page in found]


def blocks_of(page: str) -> list[Block]:
    """The blocks of a page, in order."""
    return blocks_in(page, (ROOT / page).read_text())


def blocks_in(page: str, text: str) -> list[Block]:
    """The blocks of a page that has this text."""
    return [_block(page, text, fence) for fence in FENCE.finditer(text)]


def _block(page: str, text: str, fence: re.Match[str]) -> Block:
    language, _, rest = fence["info"].strip().partition(" ")
    title, mark = TITLE.search(rest), NOT_RUN.search(text[: fence.start()])
    return Block(
        page,
        text.count("\n", 0, fence.start("code")) + 1,
        language,
        textwrap.dedent(fence["code"]),
        title and title["title"],
        mark and " ".join(mark["why"].split()),
    )


def files_before(page: str) -> list[Block]:
    """The blocks that are files, of the page and of those before it in its folder."""
    folder = str(Path(page).parent)
    earlier = [p for p in pages() if p <= page and str(Path(p).parent) == folder]
    return [block for p in earlier for block in blocks_of(p) if block.title]
