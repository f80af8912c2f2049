"""One channel under watch: what is counted at each message, and what is made of it now and then.

Knows: counts, moments on one monotonic clock, the last message. Must not know: the client, how anything is
shown. `monitor` registers `receive` as a callback and looks several times a second; at a message as little
is done as can be, for there may be 20,000 a second.
"""

from collections import deque
from collections.abc import Callable
from typing import cast, get_args

import msgspec

from deribit_ws.channels.names import Interval, parse
from deribit_ws.monitor.gist import Gist, reader_of
from deribit_ws.wire.channels import family_of
from deribit_ws.wire.market import BookChange, GroupedBook, Trade

RATE_SECONDS = 5.0  # over which a rate is taken: channels that speak every second still show a steady one
CHART_SECONDS = 600  # points kept of a price, one a second: two braille dots to a column, 300 columns


class Rate:
    """How fast a count grows, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def of(self, now: float, count: int) -> float:
        """The rate a second; 0 at the first look."""
        seen = self._seen
        seen.append((now, count))
        while now - seen[0][0] > RATE_SECONDS and len(seen) > 2:
            seen.popleft()
        since, before = seen[0]
        return (count - before) / (now - since) if now > since else 0.0


class _Numbered(msgspec.Struct, gc=False):
    instrument_name: str
    trade_seq: int


_numbered = msgspec.json.Decoder(list[_Numbered], strict=False).decode


class Watch:
    """One channel.

    Args:
        channel: its name.
        clock: seconds of a clock that never steps.
        missed: told of the instrument and number of trades that were left out.
    """

    def __init__(self, channel: str, clock: Callable[[], float], missed: Callable[[str, int], None]) -> None:
        family = family_of(channel)
        self.channel = channel
        self.is_trades = family.payload == list[Trade]
        values = parse(channel).values
        self.book: tuple[str, Interval] | None = None  # the instrument, where a live book can be kept
        if family.payload is BookChange and values["interval"] in get_args(Interval):
            self.book = values["instrument_name"], cast(Interval, values["interval"])
        self.is_grouped = family.payload is GroupedBook
        self.messages = 0
        self.heard: float | None = None  # when the last message came
        self.gaps = 0
        self.gist = Gist()
        self.lag: float | None = None  # of the last message that was read, by this machine's clock
        self.points: deque[float | None] = deque(maxlen=CHART_SECONDS)
        self.rate = Rate()
        self.stale_at: float | None = None
        self.refused_at: float | None = None
        self._clock = clock
        self._missed = missed
        self._read = reader_of(family)
        self._last = b""
        self._seqs: dict[str, int] = {}
        self._point_due = clock()

    def receive(self, data: bytes) -> None:
        """Take a message."""
        self.messages += 1
        self.heard = self._clock()
        self._last = data

    def receive_trades(self, data: bytes) -> None:
        """Take a message of trades, which are numbered without a hole."""
        self.receive(data)
        try:
            trades = _numbered(data)
        except msgspec.DecodeError:
            return
        for trade in trades:
            self._follow(trade.instrument_name, trade.trade_seq)

    def _follow(self, instrument: str, seq: int) -> None:
        last = self._seqs.get(instrument, seq - 1)
        if seq > last + 1:
            self.gaps += 1
            self._missed(instrument, seq - last - 1)
        self._seqs[instrument] = max(seq, last)

    def spoke_since(self, moment: float | None) -> bool:
        """Whether a message has come since a moment; a moment that never was is before all."""
        return self.heard is not None and (moment is None or self.heard >= moment)

    def read(self, wall: float) -> None:
        """Read the last message, if it was not read before; `wall` is now, in seconds since the epoch."""
        if not self._last or self.heard is None:
            return
        gist = self._read(self._last)
        self._last = b""
        received = wall - (self._clock() - self.heard)
        if gist.timestamp is not None:
            self.lag = received - gist.timestamp / 1000
        self.gist = gist if gist.price is not None else gist._replace(price=self.gist.price)

    def keep(self, now: float, price: float | None) -> None:
        """Keep a price for the chart, one a second."""
        if now >= self._point_due:
            self.points.append(price)
            self._point_due = max(self._point_due + 1.0, now)
