"""The live view: a snapshot as one screen, whatever the size of the terminal.

Knows: rich, and what stands where. Must not know: the client, terminals. It is a renderable: rich asks it to
draw itself at the size there is, in a thread of rich's own, so it reads nothing but the snapshot.
"""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from deribit_ws.client.lifecycle import State
from deribit_ws.journal import counted
from deribit_ws.monitor.figures import NONE, ms, price, rate, signed, span
from deribit_ws.monitor.layout import grid, shares
from deribit_ws.monitor.lines import drop_line, lag
from deribit_ws.monitor.panels import Signs, line, panel
from deribit_ws.monitor.snapshot import Chart, Health, Ladder, Row, Snapshot
from deribit_ws.shown import printable
from deribit_ws.tally import Drop

WIDEST = 120  # columns of a line with something at its right end: beyond it the eye has too far to go
NAME = 30  # columns that the name of a channel has at least, before figures are shown of it
_STYLES = {
    Health.OK: "green",
    Health.QUIET: "dim",
    Health.STALE: "bold yellow",
    Health.INVALID: "bold red",
    Health.DOWN: "red",
    Health.REFUSED: "red",
}
# Figures, and their columns with the margin before them; the first are those a narrow terminal shows.
_COLUMNS = {"state": 9, "msg/s": 8, "age": 10, "lag": 9, "gaps": 6, "price": 14, "messages": 13}
# What nearly all requests cost, and the words for it; other pools are of single methods.
_POOLS = {"non_matching_engine": "credits", "trading": "trading credits"}


class View:
    """Draws a snapshot."""

    def __init__(self, snapshot: Snapshot, signs: Signs) -> None:
        self._snapshot = snapshot
        self._signs = signs

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or options.size.height
        yield Text("\n").join(list(self._lines(options.max_width, height))[:height])

    def _lines(self, width: int, height: int) -> Iterator[Text]:
        snapshot, stats = self._snapshot, self._snapshot.stats
        panels = _panels(snapshot)
        share = shares(
            height,
            channels=len(snapshot.rows),
            panels=len(panels),
            drops=len(stats.last_drops),
            notes=len(snapshot.notes),
        )
        yield from (line(text, width, self._signs) for text in self._head(width))
        yield self._rule(width)
        yield from self._channels(width, share.channels)
        if share.panels:
            yield self._rule(width)
            yield from self._grid(panels, width, share.panels)
        if share.drops:
            yield self._rule(width)
            yield from self._drops(width, share.drops)
        for note in snapshot.notes[len(snapshot.notes) - share.notes :]:
            yield line(Text(printable(note), style="dim"), width, self._signs)

    # --- the head

    def _head(self, width: int) -> Iterator[Text]:
        snapshot, stats = self._snapshot, self._snapshot.stats
        title = Text.assemble(("deribit-ws monitor", "bold"), "  ", (printable(snapshot.url), "dim"))
        yield self._spread(title, Text(f"watching {span(snapshot.elapsed)}"), width)
        about = f"link {stats.connections}, {counted(stats.channels, 'channel')}, {rate(snapshot.rate)} msg/s"
        yield self._spread(self._state(), Text(about), width)
        figures = {
            "round trip": ms(stats.round_trip),
            "clock": signed(stats.clock_offset),
            "lag": lag(snapshot.lag, stats),
        }
        figures |= {
            word: f"{int(stats.credits[pool]):,}" for pool, word in _POOLS.items() if pool in stats.credits
        }
        troubles = {"queue": stats.queue_depth, "errors": stats.errors}
        figures |= {name: f"{count:,}" for name, count in troubles.items() if count}
        yield Text("  ").join(Text.assemble((f"{name} ", "dim"), figure) for name, figure in figures.items())

    def _state(self) -> Text:
        stats = self._snapshot.stats
        if stats.state is State.CONNECTED:
            return Text(f"{self._signs.up} connected {span(stats.uptime)}", style="green")
        return Text(f"{self._signs.down} {stats.state.value}", style="bold red")

    def _spread(self, left: Text, right: Text, width: int) -> Text:
        """One text at the left, the other at the right, but not too far from it."""
        left = line(left, max(0, min(width, WIDEST) - right.cell_len - 1), self._signs)
        return line(Text.assemble(left, " ", right), width, self._signs)

    def _rule(self, width: int) -> Text:
        return Text(self._signs.rule * width, style="dim")

    # --- the channels

    def _channels(self, width: int, lines: int) -> Iterator[Text]:
        rows = self._snapshot.rows
        columns = _fitting(width)
        longest = max((len(row.channel) for row in rows), default=0)
        room = max(0, min(longest, width - sum(columns.values())))
        heads = "".join(name.rjust(size) for name, size in columns.items())
        yield line(Text("channel".ljust(room) + heads, style="dim"), width, self._signs)
        shown = rows if len(rows) <= lines else _worst_first(rows)[: max(0, lines - 1)]
        for row in shown:
            name = line(Text(printable(row.channel)), room, self._signs)
            yield line(Text.assemble(name, *self._cells(row, columns)), width, self._signs)
        if len(shown) < len(rows) and lines:
            hidden = len(rows) - len(shown)
            yield line(Text(f"and {hidden} more channels", style="dim"), width, self._signs)

    def _cells(self, row: Row, columns: Mapping[str, int]) -> Iterator[Text]:
        figures = {
            "state": row.health.value,
            "msg/s": rate(row.rate),
            "age": span(row.age),
            "lag": lag(row.lag, self._snapshot.stats),
            "gaps": NONE if row.gaps is None else f"{row.gaps:,}",
            "price": price(row.price),
            "messages": f"{row.messages:,}",
        }
        styles = {"state": _STYLES[row.health], "gaps": "bold red" if row.gaps else ""}
        for name, size in columns.items():
            yield Text(figures[name].rjust(size), style=styles.get(name, ""))

    # --- ladders and charts

    def _grid(self, panels: Sequence[Ladder | Chart], width: int, lines: int) -> Iterator[Text]:
        across, down = grid(width, lines, len(panels))
        for row in range(down):
            height = lines // down + (1 if row < lines % down else 0)
            standing = panels[row * across : (row + 1) * across]
            columns = [panel(one, width // across, height, self._signs) for one in standing]
            for texts in zip(*columns, strict=True):
                yield Text.assemble(*texts)

    # --- drops

    def _drops(self, width: int, lines: int) -> Iterator[Text]:
        stats = self._snapshot.stats
        causes = ", ".join(f"{cause} {n}" for cause, n in stats.drops.items())
        about = f"drops {sum(stats.drops.values())}{f' ({causes})' if causes else ''}"
        about += f"  dials failed {stats.dials_failed}  gaps {self._snapshot.gaps}"
        yield line(Text(printable(about), style="dim"), width, self._signs)
        latest = stats.last_drops[len(stats.last_drops) - min(lines, len(stats.last_drops)) :]
        for drop in reversed(latest):
            yield self._spread(Text(printable(drop_line(drop))), _back(drop), width)


def _panels(snapshot: Snapshot) -> list[Ladder | Chart]:
    """Ladders and charts in turn, so that a narrow terminal shows one of each."""
    panels: list[Ladder | Chart] = []
    ladders, charts = list(snapshot.ladders), list(snapshot.charts)
    while ladders or charts:
        panels += [*ladders[:1], *charts[:1]]
        del ladders[:1], charts[:1]
    return panels


def _fitting(width: int) -> dict[str, int]:
    """The columns of figures that leave room for the names; the first in any case."""
    fitting: dict[str, int] = {}
    for name, size in _COLUMNS.items():
        if fitting and NAME + sum(fitting.values()) + size > width:
            break
        fitting[name] = size
    return fitting


def _worst_first(rows: Sequence[Row]) -> list[Row]:
    """Those in trouble before the others: where not all can be shown, these must be."""
    return sorted(rows, key=lambda row: row.health in (Health.OK, Health.QUIET, Health.DOWN))


def _back(drop: Drop) -> Text:
    if drop.recovered is None:
        return Text("recovering", style="yellow")
    return Text(f"back in {ms(drop.recovered)}", style="green")
