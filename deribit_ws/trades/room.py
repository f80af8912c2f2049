"""All live trades of one client: how they are opened, and what each new connection means to them.

Knows: channels to hold, flows to feed, and one call that reads. Must not know: sockets, or how a
connection is rebuilt. `client` owns one; its restorer tells of connections, as of any recovery.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, get_args

from deribit_ws import words
from deribit_ws.channels import trades, trades_by_kind
from deribit_ws.channels.names import Interval
from deribit_ws.errors import UsageError, require_positive, require_whole
from deribit_ws.handlers.registrations import Registration
from deribit_ws.handlers.registry import Registry
from deribit_ws.marks import Gap
from deribit_ws.methods.calls import TypedCall
from deribit_ws.tradeflow import Flow, InstrumentFlow, KindFlow
from deribit_ws.trades.life import Life
from deribit_ws.trades.live import LiveTrades
from deribit_ws.trades.reading_back import begin, let_go, tend
from deribit_ws.wire.channels import Pattern
from deribit_ws.wire.methods import Call

# Some 5 MB of trades, and minutes of the busiest instrument; a reader that is further behind is given
# them from history as it catches up.
DEFAULT_MAXSIZE = 10_000
# Flows that ask history at once: enough to keep the exchange busy, and few enough that a hundred flows
# don't take all the credits of others in one moment.
_SEATS = 8
_GAPS = 1000  # remembered, so that a gap is told once to handlers; its readers meet it at about the same time

_Opened = Callable[[Sequence[str]], Awaitable[None]]


class Trades:
    """The live trades of a client.

    Args:
        registry: routes channels, and hears of gaps.
        ask: makes a call whose result is decoded; asks reads again across drops.
    """

    def __init__(self, registry: Registry, ask: TypedCall) -> None:
        self._registry = registry
        self._ask = ask
        self._registrations: dict[LiveTrades[Any], Registration] = {}  # of those entered
        self._open: dict[LiveTrades[Any], None] = {}  # of those, whoever has its beginning
        self._tenders: dict[LiveTrades[Any], asyncio.Task[None]] = {}  # while a link lives
        self._told: dict[Gap, None] = {}  # the last gaps told, oldest first
        self._start: Callable[[LiveTrades[Any]], None] | None = None

    def open(
        self,
        instrument: str | None,
        opened: _Opened,
        *,
        kind: words.KindOrGroup | None = None,
        currency: str | None = None,
        interval: Interval = "100ms",
        hold: float | None = 5.0,
        marks: bool = False,
        maxsize: int = DEFAULT_MAXSIZE,
    ) -> LiveTrades[Any]:
        """Make live trades; entering subscribes, and reads where they begin.

        Args:
            instrument: its name; or None, for all of a kind and currency.
            opened: waits for the exchange's word on channels; raises what keeps them from being opened.
            kind: "future", "option", …, "any"; with a currency alone, any.
            currency: "BTC", "ETH", …, "any"; with a kind alone, any.
            interval: of the channel; "raw" needs a login.
            hold: seconds that live trades wait at most for missing ones, counted while a link is up and
                from the last of the missing ones that came; None: for as long as it takes.
            marks: give `Disconnected`, `Connected` and `Gap` among the trades.
            maxsize: trades ready for a slow reader; later ones are read from history when it catches up.

        Raises:
            UsageError: neither an instrument nor a kind or currency, or both, or a value is none.
        """
        if (instrument is None) == (kind is None and currency is None):
            raise UsageError("trades of one instrument, or of a kind and currency: one of the two")
        if hold is not None:
            require_positive(hold=hold)
        require_whole(maxsize, 1, "maxsize")
        channel, flow = (
            _of_instrument(instrument, interval, maxsize, marks)
            if instrument is not None
            else _of_kind(kind or "any", currency or "any", interval, maxsize, marks)
        )
        return LiveTrades(
            channel,
            flow,
            partial(self._enter, opened),
            self._leave,
            self._tell,
            self._registry.events.report,
            hold=hold,
            marks=marks,
        )

    def _tell(self, gap: Gap) -> None:
        """Tell of a gap once, however many read the same trades."""
        if gap not in self._told:
            self._told[gap] = None
            if len(self._told) > _GAPS:
                del self._told[next(iter(self._told))]
            self._registry.tell(gap)

    # --- as a recovery

    async def prepare(self, call: Call) -> None:
        """Nothing is needed before channels are subscribed."""

    async def keep(self, call: Call) -> None:
        """Ask history, at once and whenever something is missing; ends with the connection."""
        life, seats = Life(self._ask), asyncio.Semaphore(_SEATS)
        waiting: asyncio.Queue[LiveTrades[Any]] = asyncio.Queue()  # each is in it once at most
        async with asyncio.TaskGroup() as group:
            group.create_task(let_go(waiting, life), name="deribit_ws patience of trades")
            self._start = partial(self._tend, group, seats, life, waiting)
            try:
                for live in self._open:
                    self._start(live)
                await asyncio.get_running_loop().create_future()  # for as long as the link lives
            finally:  # before the group ends, which takes no more from then on
                self._start = None
                self._tenders.clear()

    def disconnected(self) -> None:
        """The link is gone: all may have missed something from now on."""
        for live in list(self._registrations):
            live.unlinked()

    def doubt(self, channel: str | None) -> None:
        """A message can't be read: trades of this channel may be lost; None: of any."""
        for live in list(self._registrations):
            if channel in (None, live.channel):
                live.spoiled()

    def end(self, error: Exception) -> None:
        """No other link will come: hand out what waits, and say what is missing."""
        for live in list(self._registrations):
            live.finish()

    # --- inside

    async def _enter(self, opened: _Opened, live: LiveTrades[Any]) -> None:
        self._registrations[live] = self._registry.attach(Pattern(live.channel), {}, live)
        self._registry.enter(live)
        await opened([live.channel])
        await begin(live.flow, self._ask)
        self._open[live] = None
        if self._start is not None:
            self._start(live)

    def _leave(self, live: LiveTrades[Any]) -> None:
        self._registry.leave(live)
        self._open.pop(live, None)
        if tender := self._tenders.pop(live, None):
            tender.cancel()
        if registration := self._registrations.pop(live, None):
            registration.cancel()

    def _tend(
        self,
        group: asyncio.TaskGroup,
        seats: asyncio.Semaphore,
        life: Life,
        waiting: asyncio.Queue[LiveTrades[Any]],
        live: LiveTrades[Any],
    ) -> None:
        channel = live.channel
        is_confirmed = partial(self._registry.subscriptions.is_confirmed, channel)
        work = tend(live, self._ask, seats, life, is_confirmed, self._registry.tally)
        self._tenders[live] = group.create_task(work, name=f"deribit_ws history of {channel}")
        live.linked(partial(waiting.put_nowait, live))


def _of_instrument(instrument: str, interval: Interval, maxsize: int, marks: bool) -> tuple[str, Flow]:
    flow = InstrumentFlow(instrument, maxsize=maxsize, shows_gaps=marks)
    return trades(instrument, interval=interval), flow


def _of_kind(
    kind: words.KindOrGroup, currency: str, interval: Interval, maxsize: int, marks: bool
) -> tuple[str, Flow]:
    currencies = get_args(words.Currency) if currency == "any" else (currency,)
    flow = KindFlow(kind, currencies, maxsize=maxsize, shows_gaps=marks)
    return trades_by_kind(kind, currency, interval=interval), flow
