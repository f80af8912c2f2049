"""The pictures of a monitor's screen: an order book's ladder, a price's chart.

Knows: rich, and the values they show. Must not know: the rest of the screen. Each gives exactly the lines and
columns it is asked for, so that `view` can stand them beside each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text

from deribit_ws.monitor.chart import drawn, points_across
from deribit_ws.monitor.figures import aligned, axis, compact, price, span
from deribit_ws.monitor.snapshot import Chart, Ladder, Levels
from deribit_ws.shown import printable

_MARGIN = 2  # columns between two panels
_LEAST_PLOT = 8  # columns below which a chart says nothing
_LEAST_LINES = 3  # the same: two of the line, one of the time
_NOW = "now"


@dataclass(frozen=True, slots=True)
class Signs:
    """What is drawn beyond letters and digits, as far as the terminal's encoding goes."""

    up: str = "●"
    down: str = "○"
    rule: str = "─"
    more: str = "…"
    is_ascii: bool = False


ASCII = Signs("*", "o", "-", "~", is_ascii=True)


def signs_for(encoding: str | None) -> Signs:
    """The signs that an encoding has; braille stands for itself."""
    signs = Signs()
    try:
        f"{signs.up}{signs.down}{signs.rule}{signs.more}\u28ff".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return signs


def line(text: Text, width: int, signs: Signs) -> Text:
    """Cut or fill a text to exactly one line of this width."""
    if text.cell_len > width:
        text.truncate(max(0, width - 1))
        text.append(signs.more if width > 0 else "")
    text.no_wrap = True
    text.pad_right(width - text.cell_len)
    return text


def panel(what: Ladder | Chart, width: int, height: int, signs: Signs) -> list[Text]:
    """Draw one of them."""
    inner = max(1, width - _MARGIN)
    texts = (
        _ladder(what, inner, height - 1)
        if isinstance(what, Ladder)
        else _chart(what, inner, height - 1, signs)
    )
    lines = [line(text, inner, signs) for text in texts][:height]
    lines += [Text(" " * inner) for _ in range(height - len(lines))]
    for text in lines:
        text.pad_right(width - inner)
    return lines


def _title(channel: str, width: int, end: Text) -> Text:
    """The channel's name, cut where it would push the end out, and the end at the right."""
    name = Text(printable(channel), style="bold")
    name.truncate(max(0, width - end.cell_len - 1))
    name.pad_right(max(1, width - end.cell_len - name.cell_len))
    return Text.assemble(name, end)


def _ladder(ladder: Ladder, width: int, depth: int) -> Iterator[Text]:
    if not ladder.valid:
        yield _title(ladder.channel, width, Text("INVALID", style="bold red"))
        yield Text("no levels until the next snapshot", style="dim")
        return
    yield _title(ladder.channel, width, Text("valid", style="green"))
    bids, asks = ladder.bids[:depth], ladder.asks[:depth]
    prices = aligned([at for at, _ in (*bids, *asks)])
    column = (width - 1) // 2
    left = list(_side(bids, prices[: len(bids)], column, "green", price_first=False))
    right = list(_side(asks, prices[len(bids) :], column, "red", price_first=True))
    for row in range(max(len(left), len(right))):
        bid = left[row] if row < len(left) else Text(" " * column)
        ask = right[row] if row < len(right) else Text()
        yield Text.assemble(bid, " ", ask)


def _side(levels: Levels, prices: list[str], width: int, style: str, *, price_first: bool) -> Iterator[Text]:
    """One side's levels: the prices of both stand next to each other in the middle."""
    longest = max(map(len, prices), default=0)
    for (_, amount), shown in zip(levels, prices, strict=True):
        room = max(0, width - longest - 1)
        figures = compact(amount)[:room].rjust(room)
        cells = (shown.rjust(longest), style), " ", (figures, "dim")
        yield Text.assemble(*(cells if price_first else reversed(cells)))


def _chart(chart: Chart, width: int, height: int, signs: Signs) -> Iterator[Text]:
    points = chart.points[-points_across(width, is_ascii=signs.is_ascii) :]
    there = [point for point in points if point is not None]
    yield _title(chart.channel, width, Text(price(there[-1] if there else None), style="bold"))
    if not there or height < _LEAST_LINES:
        return
    low, high = min(there), max(there)
    bottom, top = axis(low, high)
    labels = max(len(bottom), len(top))
    plot = width - labels - 1
    if plot < _LEAST_PLOT:
        return
    lines = drawn(points, low, high, plot, height - 1, is_ascii=signs.is_ascii)
    shown = {0: top, len(lines) - 1: bottom}
    for row, dots in enumerate(lines):
        yield Text.assemble((dots, "cyan"), " ", (shown.get(row, "").rjust(labels), "dim"))
    seconds = min(len(points), points_across(plot, is_ascii=signs.is_ascii))
    yield Text(f"-{span(seconds)}".ljust(plot - len(_NOW)) + _NOW, style="dim")
