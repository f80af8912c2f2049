"""What users read trades from.

Knows: one flow, its reader, and the timer of what waits. Must not know: connections, or how history is
asked; `room` makes it, tells it of links, and asks what it wants. Whatever its reader does, nobody else
on its channel is held up.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from deribit_ws.errors import ProtocolError
from deribit_ws.handlers.reading import Reading
from deribit_ws.journal import note
from deribit_ws.marks import Connected, Disconnected, Gap, Mark
from deribit_ws.router import Form, Receive
from deribit_ws.tradeflow import Flow, Request
from deribit_ws.wire.channels import Family
from deribit_ws.wire.market import Trade

logger = logging.getLogger("deribit_ws.trades")

T_co = TypeVar("T_co", covariant=True)  # what it gives: `Trade`, and marks where asked for


class LiveTrades(Reading[T_co]):
    """Trades, each once and in order, for an `async for`. Made by `Client.trades`.

    Use it as `async with client.trades(…) as trades: async for trade in trades: …`. Trades of one
    instrument come by `trade_seq`; of several, as they were received or as history lists them.
    """

    form = Form.TYPED

    def __init__(
        self,
        channel: str,
        flow: Flow,
        opener: Callable[[Any], Awaitable[None]],
        closer: Callable[[Any], None],
        tell: Callable[[Gap], None],
        report: Callable[[ProtocolError], None],
        *,
        hold: float | None,
        marks: bool,
    ) -> None:
        super().__init__("a stream of trades", opener, closer)
        self.channel = channel
        self.flow = flow
        self._tell = tell
        self._report = report
        self.hold = hold
        self.refusals = 0  # of what was asked, in a row and for good
        self._wants_marks = marks
        self._is_proving = False
        self._tried_at = -math.inf  # when history last had its chance, in loop time
        self._patience: asyncio.TimerHandle | None = None  # runs out when something waited for too long
        self._prove: Callable[[], object] | None = None  # has the link tried, then `give_up` called
        self._news = asyncio.Event()  # set when there may be something to ask

    def __repr__(self) -> str:
        state = "ended" if self.ended else "open" if self._entered else "not entered"
        return f"<LiveTrades {self.channel}: {state}>"

    # --- for users

    @property
    def lost(self) -> int:
        """Trades declared lost: history could not give them, or not in time. Each is in a `Gap`."""
        return self.flow.lost

    @property
    def recovered(self) -> int:
        """Trades that came from history, as they had not come live."""
        return self.flow.recovered

    @property
    def duplicates(self) -> int:
        """Trades that came live once more, and were dropped."""
        return self.flow.duplicates

    # --- told by the router

    def bind(
        self, channel: str, values: dict[str, str], family: Family, *, recovered: bool = False
    ) -> Receive:
        """Give what is to be called for each message."""
        flow = self.flow

        def receive(trades: list[Trade], _: int) -> None:
            flow.live(trades)
            if self._sleeper is not None:
                self._wake()
            if flow.is_troubled:
                self.noticed()

        return receive

    def spoiled(self) -> None:
        """A message can't be read: its trades are to be had from history."""
        self.flow.doubt()
        self.noticed()

    def mark(self, mark: Mark) -> None:
        """Put marks of the link among the trades; gaps are put there by the flow, each at its place."""
        if self._wants_marks and isinstance(mark, Connected | Disconnected):
            self.flow.ready.append(mark)  # beyond the bound: there is one pair a drop
            self._wake()

    # --- told by the room

    def linked(self, prove: Callable[[], object]) -> None:
        """A link is up, and its channels are confirmed or refused.

        `prove` is called where something has waited for too long: a link may be dead before that is known,
        and then the next one can ask for what is missing. If it lives, `give_up` is to be called.
        """
        self._prove = prove
        self.noticed()

    def unlinked(self) -> None:
        """The link is gone, and all it brought was taken in; the time without one counts as no waiting."""
        self._prove = None
        self._is_proving = False
        self._stop_patience()
        self.flow.suspend()
        self.flow.part()

    def finish(self) -> None:
        """Nothing more will come: hand out what waits, and say what is missing."""
        self._prove = None
        self._is_proving = False
        self._stop_patience()
        self.flow.finish()
        self.noticed()

    def give_up(self) -> None:
        """Give up what has waited too long: the link lives, and yet history does not give it."""
        self._is_proving = False
        if self.hold is not None and self._prove is not None:
            self.flow.give_up(asyncio.get_running_loop().time(), self.hold)
            self.noticed()

    def noticed(self) -> None:
        """See to what follows from a change of the flow: tell gaps, wake the reader, ask, be patient."""
        for gap in self._taken_gaps():
            _note_gap(gap)
            self._tell(gap)
        while self.flow.restarts:
            instrument, seq = self.flow.restarts.pop()
            self._report(ProtocolError(f"trades of {instrument} began to be numbered anew, at {seq}"))
        if self.flow.ready:
            self._wake()
        self._news.set()
        if self._patience is None or not self.flow.is_counted:
            self._be_patient()

    def tried(self) -> None:
        """History was asked: it answered, refused, or did not answer."""
        self._tried_at = asyncio.get_running_loop().time()

    def wanted(self) -> Request | None:
        """Give what to ask history for now, if anything."""
        self._news.clear()
        return self.flow.wanted()

    async def news(self, seconds: float | None) -> bool:
        """Wait until there may be something to ask; False when `seconds` went by without."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
                return True
        return False

    # --- inside

    def _taken_gaps(self) -> list[Gap]:
        gaps, self.flow.gaps = self.flow.gaps, []
        return gaps

    def _be_patient(self) -> None:
        """Wait for as long as what is missing may take; then have the link tried."""
        if self._prove is None or self._is_proving:
            return
        loop = asyncio.get_running_loop()
        self._stop_patience()
        due = self.flow.due(loop.time(), self.hold)
        if due is None:
            return
        if due > loop.time():
            self._patience = loop.call_at(due, self._be_patient)
        elif self.hold is not None and self._tried_at <= loop.time() - self.hold:
            self.flow.suspend()  # no read went out: for want of credits nothing is given up
            self._be_patient()
        else:
            self._is_proving = True
            self._prove()

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    @property
    def depth(self) -> int:
        """How many trades and marks wait to be read."""
        return len(self.flow.ready)

    def _has_next(self) -> bool:
        return bool(self.flow.ready)

    def _next(self) -> T_co:
        item = self.flow.take()
        if self.flow.is_troubled and self.flow.has_room:
            self.noticed()
        return cast(T_co, item)  # marks are there only where they are in the type

    def _forget(self) -> None:
        self._prove = None
        self._stop_patience()
        self.flow.ready.clear()


def _note_gap(gap: Gap) -> None:
    text = "lost: trades %(first)d to %(last)d of %(instrument)s"
    note(logger, logging.WARNING, "gap", text, instrument=gap.instrument, first=gap.first, last=gap.last)
