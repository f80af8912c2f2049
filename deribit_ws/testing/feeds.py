"""What each kind of channel says, and what it gathers between two messages.

Knows: one channel's subject and what was last said on it. Must not know: who subscribes, how
messages are sent, how time passes. `channels` builds feeds from names; `hub` has them hear the
market and takes what they have to say.

A feed lives as long as somebody is subscribed. `take` is called after each event on raw channels,
else once an interval, and just before somebody joins: so all subscribers of a channel share one
chain of messages, and `first` continues it.
"""

from collections.abc import Sequence
from enum import Enum
from random import Random
from typing import Any, Protocol

from deribit_ws.testing import payloads
from deribit_ws.testing.book import Side, SideName
from deribit_ws.testing.events import BookEvent, Trade
from deribit_ws.testing.ledger import Mark
from deribit_ws.testing.market import Line, Market


class Pace(Enum):
    """How often a channel speaks, in seconds; RAW: at each event."""

    RAW = 0.0
    FAST = 0.1  # 100ms
    SLOW = 1.0  # agg2: documented as two seconds, measured as one


class Feed(Protocol):
    """One channel's content."""

    pace: Pace
    subjects: frozenset[str]  # the instruments whose events it hears

    def hear(self, event: BookEvent) -> None:
        """Remember an event of a subject."""

    def second(self) -> None:
        """Remember that a second of market time has passed."""

    def take(self) -> Any:
        """What there is to say since the last time, None if nothing."""

    def first(self) -> Any:
        """What a new subscriber gets, None if nothing."""

    def mark(self, said: Any) -> Mark:
        """What identifies something this feed said."""


class StillFeed:
    """A channel without data; also the base of the others."""

    pace = Pace.RAW
    subjects: frozenset[str] = frozenset()

    def hear(self, event: BookEvent) -> None:
        """Nothing to remember."""

    def second(self) -> None:
        """Nothing happens with time alone."""

    def take(self) -> Any:
        """Nothing to say."""
        return None

    def first(self) -> Any:
        """Nothing to begin with."""
        return None

    def mark(self, said: Any) -> Mark:
        """Counted only."""
        return None


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


class TickerFeed(StillFeed):
    """ticker.{instrument}.{interval}: the whole ticker, after each event and each second."""

    def __init__(self, market: Market, line: Line, pace: Pace) -> None:
        self._market = market
        self._line = line
        self._changed = False
        self.pace = pace
        self.subjects = frozenset({line.instrument.name})

    def hear(self, event: BookEvent) -> None:
        """Any event of the instrument may move its ticker."""
        self._changed = True

    def second(self) -> None:
        """The mark has moved; an instrument nobody quotes stays silent all the same."""
        self._changed = self._changed or self._line.change_id > 0

    def take(self) -> Any:
        """The ticker, if it may have moved."""
        changed, self._changed = self._changed, False
        return self.first() if changed else None

    def first(self) -> Any:
        """The ticker as it is now."""
        return payloads.ticker(self._market, self._line)


class QuoteFeed(StillFeed):
    """quote.{instrument}: the top of the book, each time it differs."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._last = payloads.best(line)
        self.subjects = frozenset({line.instrument.name})

    def take(self) -> Any:
        """The top, if it is another one."""
        now = payloads.best(self._line)
        if now == self._last:
            return None
        self._last = now
        return payloads.quote(self._line)

    def first(self) -> Any:
        """The top as it is now."""
        return payloads.quote(self._line)


class TradesFeed(StillFeed):
    """trades.*: each trade once; no first message."""

    def __init__(self, subjects: frozenset[str], pace: Pace) -> None:
        self._pending: list[Trade] = []
        self.pace = pace
        self.subjects = subjects

    def hear(self, event: BookEvent) -> None:
        """Keep its trades."""
        self._pending += event.trades

    def take(self) -> Any:
        """The trades since the last time, together."""
        pending, self._pending = self._pending, []
        return pending or None

    def mark(self, said: Any) -> Mark:
        """The number of each trade."""
        return tuple((trade.instrument_name, trade.trade_seq) for trade in said)


class IndexFeed(StillFeed):
    """deribit_price_index.{index}: once a second."""

    pace = Pace.SLOW

    def __init__(self, market: Market, name: str) -> None:
        self._market = market
        self._name = name
        self._due = False

    def second(self) -> None:
        """The index has moved."""
        self._due = True

    def take(self) -> Any:
        """The index, if a second has passed."""
        due, self._due = self._due, False
        return self.first() if due else None

    def first(self) -> Any:
        """The index as it is now."""
        return payloads.index(self._market, self._name)


class PlatformFeed(StillFeed):
    """platform_state: index locks toggling, as chatty as the real one; no first message."""

    pace = Pace.SLOW

    def __init__(self, market: Market, rng: Random) -> None:
        self._market = market
        self._rng = rng
        self._due = False

    def second(self) -> None:
        """Some index or other has just been unlocked."""
        self._due = True

    def take(self) -> Any:
        """One index, unlocked."""
        due, self._due = self._due, False
        if not due:
            return None
        return {"price_index": self._rng.choice(sorted(self._market.indices)), "locked": False, "reasons": []}
