"""What each kind of channel says, and what it gathers between two messages.

Knows: one channel's subject and what was last said on it. Must not know: who subscribes, how
messages are sent, how time passes. `channels` builds feeds from names; `hub` has them hear the
market and takes what they have to say.

A feed lives as long as somebody is subscribed. `take` is called after each event on raw channels,
else once an interval, and just before somebody joins: so all subscribers of a channel share one
chain of messages, and `first` continues it.
"""

from enum import Enum
from random import Random
from typing import Any, Protocol

from deribit_ws.testing import payloads
from deribit_ws.testing.events import BookEvent, Trade
from deribit_ws.testing.instruments import Instrument
from deribit_ws.testing.ledger import Mark
from deribit_ws.testing.market import Line, Market
from deribit_ws.testing.own_events import OwnEvent


class Pace(Enum):
    """How often a channel speaks, in seconds; RAW: at each event."""

    RAW = 0.0
    FAST = 0.1  # 100ms
    SLOW = 1.0  # agg2: documented as two seconds, measured as one


class Feed(Protocol):
    """One channel's content."""

    pace: Pace
    subjects: frozenset[str]  # the instruments whose events it hears

    def listed(self, instrument: Instrument) -> None:
        """Take a new instrument among the subjects, if it belongs there."""

    def hear(self, event: BookEvent) -> None:
        """Remember an event of a subject."""

    def hear_own(self, event: OwnEvent) -> None:
        """Remember an event of the user whose channel it is."""

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

    def listed(self, instrument: Instrument) -> None:
        """Its subjects are what they are."""

    def hear(self, event: BookEvent) -> None:
        """Nothing to remember."""

    def hear_own(self, event: OwnEvent) -> None:
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


class KindTradesFeed(TradesFeed):
    """trades.{kind}.{currency}.{interval}: those of all such instruments, later ones too."""

    def __init__(self, market: Market, kind: str, currency: str, pace: Pace) -> None:
        super().__init__(frozenset(), pace)
        self._kind = kind
        self._currency = currency
        for line in market.lines.values():
            self.listed(line.instrument)

    def listed(self, instrument: Instrument) -> None:
        """Hear it too, if it is of the kind and currency."""
        if self._kind in ("any", instrument.kind) and self._currency in ("any", instrument.settlement):
            self.subjects |= {instrument.name}


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
