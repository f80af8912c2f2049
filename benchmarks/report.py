"""What is found, for the eye: tables, goals beside figures, and both as Markdown.

Knows rows and words. Must not know how anything was measured.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; the first column is words, the others figures."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Write it."""
        lines = [self.head, ["---", *["---:"] * (len(self.head) - 1)], *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def text(self) -> str:
        """Write it for a terminal."""
        widths = [max(len(row[at]) for row in (self.head, *self.rows)) for at in range(len(self.head))]
        return "\n".join(_aligned(row, widths) for row in (self.head, *self.rows))


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = row
    return f"{first:{widths[0]}}" + "".join(
        f"  {cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)
    )


@dataclass(frozen=True, slots=True)
class Goal:
    """What was to be reached, and what was.

    Attributes:
        what: in words.
        sign: "≥" or "≤".
        goal: the figure to reach.
        figures: of each round; their median counts. None where it could not be measured.
        unit: after the figures.
    """

    what: str
    sign: str
    goal: float
    figures: Sequence[float]
    unit: str = ""

    def row(self) -> list[str]:
        """Give its row: what, goal, figure, verdict."""
        goal = f"{self.sign} {self.goal:g}{self.unit}"
        if not self.figures:
            return [self.what, goal, "not measured", "–"]
        found = median(self.figures)
        met = found >= self.goal if self.sign == "≥" else found <= self.goal
        return [self.what, goal, spread(self.figures) + self.unit, "met" if met else "**not met**"]


@dataclass(slots=True)
class Section:
    """One part of the page.

    Attributes:
        title: of it.
        words: what stands above the tables.
        tables: each with a caption.
        goals: those it answers.
        pictures: file names beside the page.
    """

    title: str
    words: str
    tables: list[tuple[str, Table]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Write it for a terminal."""
        parts = [self.title, "=" * len(self.title)]
        for caption, table in self.tables:
            parts += ["", caption, table.text()]
        return "\n".join([*parts, ""])

    def markdown(self) -> str:
        """Write it for the page."""
        parts = [f"## {self.title}", "", self.words]
        parts += [f"\n![{self.title}]({name})" for name in self.pictures]
        for caption, table in self.tables:
            parts += ["", caption, "", table.markdown()]
        return "\n".join([*parts, ""])


def goals_table(goals: Iterable[Goal]) -> Table:
    """Put goals beside figures."""
    return Table(["what", "goal", "median (least–most)", ""], [goal.row() for goal in goals])


def spread(figures: Sequence[float]) -> str:
    """Write the median, and the least and the most."""
    if not figures:
        return "–"
    return f"{median(figures):.3g} ({min(figures):.3g}–{max(figures):.3g})"
