"""What really happened, written down by the exchange itself, so that no test need assume it.

Knows: trades made, book changes, users' orders and fills (`own_records`), and per connection what
was sent, asked and ended. Must not know: how any of it was decided. The market, the engine, the
sessions and the listener write; tests read.
Times are seconds on the event loop's clock. Everything is bounded; the constants say how far back
it reaches.
"""

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias, assert_never

from deribit_ws.testing.book import SideName
from deribit_ws.testing.events import BookEvent, Trade
from deribit_ws.testing.faults import Drop
from deribit_ws.testing.market import Market
from deribit_ws.testing.own_events import OwnEvent
from deribit_ws.testing.own_records import OwnRecords

CHANGES_KEPT = 10_000  # book events per instrument: minutes at the usual pace
TRADES_KEPT = 50_000  # per instrument, at least
FRAMES_KEPT = 200_000  # marks per connection and channel; beyond it the older half goes
RECORDS_KEPT = 100_000  # requests, refusals, handshakes and ends of connections, each
CONNECTIONS_KEPT = 2_000  # whose frames are remembered
SECRETS = frozenset({"client_secret", "refresh_token", "access_token", "signature"})

# What identifies a notification: a book's change_id, or the (instrument, trade_seq) of its trades.
Mark: TypeAlias = int | tuple[tuple[str, int], ...] | None
Levels: TypeAlias = list[tuple[float, float]]


class Outcome(StrEnum):
    """What became of a TCP connection or an upgrade."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    STALLED = "stalled"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Handshake:
    """A client came; `status` is the HTTP status of the answer, if there was one."""

    time: float
    outcome: Outcome
    connection: int | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived, secrets left out; `connection` None for plain HTTP."""

    time: float
    connection: int | None
    method: str
    id: int | str | None
    params: dict[str, Any]

    @classmethod
    def made(
        cls,
        time: float,
        connection: int | None,
        method: str,
        request_id: int | str | None,
        params: dict[str, Any],
    ) -> "Request":
        """A request without its secrets."""
        shown = {key: value for key, value in params.items() if key not in SECRETS}
        return cls(time, connection, method, request_id, shown)


@dataclass(frozen=True, slots=True)
class Dropped:
    """The exchange ended a connection; a rule of its own is written as the Drop it amounts to."""

    time: float
    connection: int
    fault: Drop


@dataclass(frozen=True, slots=True)
class Farewell:
    """A connection is gone; `code` is the client's close code, None if it left without a close frame.

    `cancels_orders` tells whether its end is one on which cancel-on-disconnect acts.
    """

    time: float
    connection: int
    code: int | None
    cancels_orders: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """An error answer was given; `method` and `id` None where the request could not be read."""

    time: float
    connection: int | None
    method: str | None
    id: int | str | None
    code: int


Record: TypeAlias = Handshake | Request | Refused | Dropped | Farewell


@dataclass(slots=True)
class Sent:
    """What one connection was sent on one channel, first messages included."""

    frames: int = 0
    marks: list[Mark] = field(default_factory=list)

    def add(self, mark: Mark) -> None:
        """Count a frame."""
        self.frames += 1
        if mark is not None:
            self.marks.append(mark)
            if len(self.marks) > FRAMES_KEPT:
                del self.marks[: FRAMES_KEPT // 2]

    @property
    def change_ids(self) -> list[int]:
        """The change_id of each book frame, in order."""
        return [mark for mark in self.marks if isinstance(mark, int)]

    @property
    def trades(self) -> list[tuple[str, int]]:
        """(instrument, trade_seq) of each trade, in order."""
        return [trade for mark in self.marks if isinstance(mark, tuple) for trade in mark]


class Ledger(OwnRecords):
    """The whole record of one exchange."""

    def __init__(self, market: Market) -> None:
        super().__init__()
        self._market = market
        self._changes: dict[str, deque[BookEvent]] = defaultdict(lambda: deque(maxlen=CHANGES_KEPT))
        kept = max(TRADES_KEPT, market.history)  # never less than can be asked for
        self.trades: defaultdict[str, deque[Trade]] = defaultdict(
            lambda: deque(maxlen=kept),
            {name: deque(line.trades, maxlen=kept) for name, line in market.lines.items()},
        )
        self.sent: dict[int, dict[str, Sent]] = {}
        self.handshakes: deque[Handshake] = deque(maxlen=RECORDS_KEPT)
        self.requests: deque[Request] = deque(maxlen=RECORDS_KEPT)
        self.refusals: deque[Refused] = deque(maxlen=RECORDS_KEPT)
        self.drops: deque[Dropped] = deque(maxlen=RECORDS_KEPT)
        self.farewells: deque[Farewell] = deque(maxlen=RECORDS_KEPT)
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        market.listen(self._hear)

    def begin(self, connection: int) -> dict[str, Sent]:
        """Open the account of a new connection: channel to what was sent on it."""
        self.sent[connection] = {}
        self.sent.pop(connection - CONNECTIONS_KEPT, None)
        return self.sent[connection]

    def note(self, record: Record) -> None:
        """Write down what happened."""
        match record:
            case Handshake():
                self.handshakes.append(record)
            case Request():
                self.requests.append(record)
            case Refused():
                self.refusals.append(record)
            case Dropped():
                self.drops.append(record)
            case Farewell():
                self.farewells.append(record)
            case _:
                assert_never(record)
        self._wake()

    def keep(self, event: OwnEvent) -> None:
        """Write down what happened to a user."""
        super().keep(event)
        self._wake()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something is so; asked again after each record and each event of the market."""
        if not happened():
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((happened, future))
            await future

    def _wake(self) -> None:
        if self._waiting:
            done = [waiting for waiting in self._waiting if waiting[1].done() or waiting[0]()]
            self._waiting = [waiting for waiting in self._waiting if waiting not in done]
            for _, future in done:
                if not future.done():
                    future.set_result(None)

    def _hear(self, event: BookEvent) -> None:
        self._changes[event.instrument_name].append(event)
        self.trades[event.instrument_name].extend(event.trades)
        self._wake()

    def trade_seqs_made(
        self, instrument_name: str, since: int | None = None, until: int | None = None
    ) -> list[int]:
        """The trade_seq of each trade made, in order, both bounds included."""
        return [
            trade.trade_seq
            for trade in self.trades[instrument_name]
            if (since is None or trade.trade_seq >= since) and (until is None or trade.trade_seq <= until)
        ]

    def trade_seqs_sent(
        self, channel: str, instrument_name: str | None = None, connection: int | None = None
    ) -> list[int]:
        """The trade_seq of each trade sent on a channel, in order of connection, then of time.

        `instrument_name` is needed for channels of a kind and currency, which mix sequences.
        """
        return [
            seq
            for sent in self._sent_on(channel, connection)
            for name, seq in sent.trades
            if instrument_name in (name, None)
        ]

    def change_ids_sent(self, channel: str, connection: int | None = None) -> list[int]:
        """The change_id of each book frame sent on a channel, snapshots included."""
        return [change_id for sent in self._sent_on(channel, connection) for change_id in sent.change_ids]

    def frames_sent(self, channel: str | None = None, connection: int | None = None) -> int:
        """How many notifications were sent, in all or of one channel or connection."""
        return sum(sent.frames for sent in self._sent_on(channel, connection))

    def requests_of(self, method: str, connection: int | None = None) -> list[Request]:
        """The calls of one method, in order."""
        return [r for r in self.requests if r.method == method and connection in (r.connection, None)]

    def refusals_of(self, code: int, connection: int | None = None) -> list[Refused]:
        """The error answers of one code, in order."""
        return [r for r in self.refusals if r.code == code and connection in (r.connection, None)]

    def book_at(self, instrument_name: str, change_id: int) -> tuple[Levels, Levels] | None:
        """The (bids, asks) of an instrument when its book had this change_id, best first.

        None if it never had, or too long ago (`CHANGES_KEPT`).
        """
        line = self._market.lines.get(instrument_name) or self._market.expired[instrument_name]
        sides = {side.name: dict(side.levels()) for side in (line.book.bids, line.book.asks)}
        current = line.change_id
        for event in reversed(self._changes[instrument_name]):
            if current <= change_id:
                break
            _undo(sides, event)
            current = event.prev_change_id
        if current != change_id:
            return None
        bids, asks = (
            [(line.instrument.price(ticks), line.instrument.amount(lots)) for ticks, lots in sorted(levels)]
            for levels in (sides["bids"].items(), sides["asks"].items())
        )
        return bids[::-1], asks

    def _sent_on(self, channel: str | None, connection: int | None) -> Iterator[Sent]:
        connections = self.sent.values() if connection is None else [self.sent.get(connection, {})]
        for channels in connections:
            yield from itertools.chain(
                channels.values() if channel is None else filter(None, [channels.get(channel)])
            )


def _undo(sides: dict[SideName, dict[int, int]], event: BookEvent) -> None:
    for change in reversed(event.changes):
        if change.before:
            sides[change.side][change.ticks] = change.before
        else:
            sides[change.side].pop(change.ticks, None)
