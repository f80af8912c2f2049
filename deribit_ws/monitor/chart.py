"""A line of prices drawn with characters: braille dots, or stars where a terminal has none.

Knows: geometry. Must not know: prices, colours, terminals. `panels` puts its lines beside the figures.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

_BLANK = 0x2800  # U+2800, the braille character without a dot
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a dot, by its column and row


def points_across(width: int, *, is_ascii: bool) -> int:
    """How many points so many columns show."""
    return width * (1 if is_ascii else 2)


def drawn(
    points: Sequence[float | None], low: float, high: float, width: int, height: int, *, is_ascii: bool
) -> list[str]:
    """Draw the newest points that fit, the last at the right edge; give the lines from the top.

    Args:
        points: one for each step in time; None is a hole.
        low: the price at the bottom, at most the lowest point.
        high: the price at the top.
        width: columns, at least 1; braille shows two points in each, ASCII one.
        height: lines, at least 1.
        is_ascii: draw stars.
    """
    across, down = (1, 1) if is_ascii else (2, 4)
    shown = points[-width * across :]
    cells: defaultdict[tuple[int, int], int] = defaultdict(int)
    for x, y in _dots(shown, low, high, rows=height * down, first=width * across - len(shown)):
        cells[x // across, y // down] |= _BITS[x % across][y % down]
    sign = _star if is_ascii else _braille
    return ["".join(sign(cells.get((x, y), 0)) for x in range(width)) for y in range(height)]


def _dots(
    points: Sequence[float | None], low: float, high: float, *, rows: int, first: int
) -> Iterator[tuple[int, int]]:
    """Give the dots of a line through the points, as column and row from the top left."""
    before: int | None = None
    for column, point in enumerate(points, first):
        if point is None:
            before = None
            continue
        share = (point - low) / (high - low) if high > low else 0.5
        row = rows - 1 - round(share * (rows - 1))
        yield column, row
        if before is not None:  # close the line up to where the last point stood
            yield from ((column, between) for between in range(min(before, row) + 1, max(before, row)))
        before = row


def _star(bits: int) -> str:
    return "*" if bits else " "


def _braille(bits: int) -> str:
    return chr(_BLANK + bits) if bits else " "
