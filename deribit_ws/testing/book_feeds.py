"""The two kinds of book channel: chained changes, and grouped windows.

Knows: how a book's levels become messages, and the chain of change_ids. Must not know: who
subscribes. `channels` builds these feeds; their contract is in `feeds`.
"""

from collections.abc import Sequence
from typing import Any

from deribit_ws.testing import payloads
from deribit_ws.testing.book import Side, SideName
from deribit_ws.testing.events import BookEvent
from deribit_ws.testing.feeds import Pace, StillFeed
from deribit_ws.testing.ledger import Mark
from deribit_ws.testing.market import Line


class BookFeed(StillFeed):
    """book.{instrument}.{interval}: a snapshot, then what changed, chained by change_id."""

    def __init__(self, line: Line, pace: Pace) -> None:
        self._line = line
        self._before: dict[tuple[SideName, int], int] = {}
        self._last = line.change_id
        self.pace = pace
        self.subjects = frozenset({line.instrument.name})

    def hear(self, event: BookEvent) -> None:
        """Note what each touched level held when this channel last spoke."""
        for change in event.changes:
            self._before.setdefault((change.side, change.ticks), change.before)

    def take(self) -> Any:
        """The net change; none if every level is back where it was."""
        bids, asks = self._net("bids"), self._net("asks")
        self._before.clear()
        if not bids and not asks:
            return None
        previous, self._last = self._last, self._line.change_id
        return self._body("change", bids, asks) | {"prev_change_id": previous}

    def first(self) -> Any:
        """All levels, under the change_id the next change will point back to."""
        bids, asks = (
            [("new", price, amount) for price, amount in payloads.levels(self._line.instrument, side)]
            for side in (self._line.book.bids, self._line.book.asks)
        )
        return self._body("snapshot", bids, asks)

    def mark(self, said: Any) -> Mark:
        """Its change_id."""
        change_id: int = said["change_id"]
        return change_id

    def _net(self, name: SideName) -> list[tuple[str, float, float]]:
        side, instrument = self._line.book.side(name), self._line.instrument
        net = []
        for (touched, ticks), before in self._before.items():
            if touched == name and (after := side.lots(ticks)) != before:
                action = "delete" if not after else "change" if before else "new"
                net.append((action, instrument.price(ticks), instrument.amount(after)))
        return net

    def _body(self, kind: str, bids: Sequence[Any], asks: Sequence[Any]) -> dict[str, Any]:
        return {
            "timestamp": self._line.timestamp,
            "type": kind,
            "change_id": self._last,
            "instrument_name": self._line.instrument.name,
            "bids": bids,
            "asks": asks,
        }


class WindowFeed(StillFeed):
    """book.{instrument}.{group}.{depth}.{interval}: the best levels, whole each time.

    `group` is how many ticks fall into one level, rounded away from the middle.
    """

    def __init__(self, line: Line, pace: Pace, *, group: int, depth: int) -> None:
        self._line = line
        self._group = group
        self._depth = depth
        self._changed = False
        self.pace = pace
        self.subjects = frozenset({line.instrument.name})

    def hear(self, event: BookEvent) -> None:
        """Any change calls for a new window, even one outside it."""
        self._changed = True

    def take(self) -> Any:
        """The window, if the book changed."""
        changed, self._changed = self._changed, False
        return self.first() if changed else None

    def first(self) -> Any:
        """The window as it is now."""
        line = self._line
        return {
            "timestamp": line.timestamp,
            "change_id": line.change_id,
            "instrument_name": line.instrument.name,
            "bids": self._window(line.book.bids),
            "asks": self._window(line.book.asks),
        }

    def mark(self, said: Any) -> Mark:
        """Its change_id."""
        change_id: int = said["change_id"]
        return change_id

    def _window(self, side: Side) -> list[tuple[float, float]]:
        grouped: dict[int, int] = {}
        up = side.name == "asks"
        for ticks, lots in side.levels():
            level = -(-ticks // self._group) * self._group if up else ticks // self._group * self._group
            if level not in grouped and len(grouped) == self._depth:
                break
            grouped[level] = grouped.get(level, 0) + lots
        instrument = self._line.instrument
        return [(instrument.price(ticks), instrument.amount(lots)) for ticks, lots in grouped.items()]
