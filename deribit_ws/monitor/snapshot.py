"""A feed at one moment, as values: what every way of showing it starts from.

Knows: nothing but shapes. Must not know: who measures them, or how they are shown. `monitor` makes one
several times a second; being frozen, it may be drawn by another thread.
"""

from dataclasses import dataclass
from enum import Enum

from deribit_ws.client.stats import ClientStats

FRESH_SECONDS = 5.0  # a lag seen longer ago says nothing of now

Levels = tuple[tuple[float, float], ...]  # price and amount, best first


class Health(Enum):
    """How a channel is doing, in the word that is shown."""

    OK = "ok"
    QUIET = "quiet"  # nothing has come on this link so far
    STALE = "STALE"  # silent, though it should speak
    INVALID = "INVALID"  # an order book that is not right at the moment
    DOWN = "down"  # there is no link
    REFUSED = "refused"  # the exchange does not give it


@dataclass(frozen=True, slots=True)
class Row:
    """One channel.

    `rate` is in messages a second, of the last seconds. `age` is in seconds since the last message, None
    before the first; `lag` in seconds from the exchange's time in it to its receipt, None where it has none.
    `gaps` is None where the channel has nothing to tell them by. `price` is the last one it carried.
    """

    channel: str
    health: Health
    messages: int
    rate: float
    age: float | None
    lag: float | None
    gaps: int | None
    price: float | None


@dataclass(frozen=True, slots=True)
class Ladder:
    """The top of one order book; no levels while it is not valid."""

    channel: str
    valid: bool
    bids: Levels
    asks: Levels


@dataclass(frozen=True, slots=True)
class Chart:
    """One channel's price, a point a second, the newest last; None where there was no link or no price."""

    channel: str
    points: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it. `time` is in ns since the epoch, `elapsed` in seconds since the monitor was made."""

    url: str
    time: int
    elapsed: float
    stats: ClientStats
    rate: float
    rows: tuple[Row, ...]
    ladders: tuple[Ladder, ...]
    charts: tuple[Chart, ...]
    notes: tuple[str, ...]

    def having(self, health: Health) -> int:
        """How many channels are doing so."""
        return sum(row.health is health for row in self.rows)

    @property
    def gaps(self) -> int:
        """All gaps together."""
        return sum(row.gaps or 0 for row in self.rows)

    @property
    def lag(self) -> float | None:
        """The longest lag of the channels that spoke just now; None where none has a time."""
        speaking = (row.lag for row in self.rows if row.age is not None and row.age <= FRESH_SECONDS)
        return max((lag for lag in speaking if lag is not None), default=None)
