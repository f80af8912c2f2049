"""Marks: the rare things that happen to a feed, as frozen values.

Knows: what can be said about a link or a stream in plain words. Must not know: who says it or who
listens. Handlers get marks through their `on_*` methods, streams in order among the data. What
every message meets is not here: notifications are plain calls, never event objects.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connected:
    """A link is up and everything on it is rebuilt: heartbeat, login, subscriptions.

    `connection` counts the links of this client from 1; `channels` is how many channels the
    exchange confirmed on it.
    """

    connection: int = 1
    channels: int = 0


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The link is gone. `code` and `reason` as in `ConnectionLost`; it was up for `lived` seconds."""

    code: int
    reason: str
    lived: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Trades that nobody can give back: trade_seq `first` to `last` of `instrument`, both included."""

    instrument: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Lagged:
    """The consumer was too slow: `n` notifications of `channel` were dropped for newer ones."""

    channel: str
    n: int


@dataclass(frozen=True, slots=True)
class Stale:
    """Nothing was received for `seconds` where something should have been."""

    channel: str
    seconds: float


@dataclass(frozen=True, slots=True)
class InstrumentAdded:
    """A live set of the client has an instrument that none had before; its channels are asked for."""

    instrument_name: str


@dataclass(frozen=True, slots=True)
class InstrumentRemoved:
    """No live set of the client has the instrument any more; its channels are let go.

    `state` is the exchange's word for what became of it ("delivered", …), "" where the exchange just
    lists it no more.
    """

    instrument_name: str
    state: str


Mark = Connected | Disconnected | Gap | Lagged | Stale | InstrumentAdded | InstrumentRemoved
