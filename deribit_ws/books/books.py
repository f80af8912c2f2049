"""All live books of one client: opened, kept subscribed, and brought back to right when in doubt.

Knows: which channel has whose book, when a snapshot is to be asked for, and what to do when none comes.
Must not know: the rules of a book, sockets. `client` owns one: it opens books here, tells of drops and
doubts, and lets `keep` run while a link lives.

A snapshot comes only of leaving the channel and subscribing it again, which `subscriptions` does for all
that ask at the time in as few calls as can be. So one gap costs the other books nothing, and a storm of
gaps two calls per 500 of them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from math import inf

from deribit_ws.books.auditing import Auditor
from deribit_ws.books.kept_book import ANSWER_SECONDS, GATHER_SECONDS, SNAPSHOT_SECONDS, KeptBook, Need
from deribit_ws.books.live_book import LiveBook
from deribit_ws.channels.market import book
from deribit_ws.channels.names import Interval
from deribit_ws.errors import ProtocolError, require_positive
from deribit_ws.handlers import Registration, Registry
from deribit_ws.journal import note
from deribit_ws.methods.calls import TypedCall
from deribit_ws.subscriptions import check_name
from deribit_ws.wire.channels import Pattern
from deribit_ws.wire.methods import Call

logger = logging.getLogger("deribit_ws.books")

_TRIES = 3  # snapshots asked for anew in vain, before the link is replaced
_STUCK_SECONDS = 30.0  # between two more, where not even a new link gave one
_REPORTED_RELAPSES = 4  # doubts in a row that are no accident any more
_SHOWN = 3  # books named in one line of the log
_EARLY = 0.02  # seconds; by a coarse clock a timer comes so early: finding nothing due would be to spin


class Books:
    """The live books of a client.

    Args:
        registry: routes and holds their channels; told of errors.
        ask: makes a call, for audits.
    """

    def __init__(self, registry: Registry, ask: TypedCall) -> None:
        self._registry = registry
        self._kept: dict[str, KeptBook] = {}
        self._registrations: dict[str, Registration] = {}
        self._needed = asyncio.Event()
        self._auditor = Auditor(self._kept, ask, registry.events.report)
        self._is_live = False
        registry.subscriptions.on_left.append(self._left)
        registry.subscriptions.on_confirmed.append(self._begun)

    def open(
        self,
        instrument: str,
        interval: Interval,
        audit: float | None,
        opened: Callable[[Sequence[str]], Awaitable[None]],
    ) -> LiveBook:
        """Make a live book, for the caller to enter; it is kept from then until it is left.

        Args:
            instrument: its name.
            interval: "raw" (needs a login), "100ms" or "agg2".
            audit: seconds between two comparisons with public/get_order_book; None makes none.
            opened: awaited on entering: the exchange's word on the channel.

        Raises:
            UsageError: no channel can have such a name, or `audit` is no time.
        """
        if audit is not None:
            require_positive(audit=audit)
        channel = book(instrument, interval=interval)
        check_name(channel)

        async def enter(live: LiveBook) -> None:
            self._enter(live, channel, audit)
            await opened([channel])

        def leave(live: LiveBook) -> None:
            self._leave(live, channel)

        return LiveBook(instrument, interval, enter, leave)

    def _enter(self, live: LiveBook, channel: str, audit: float | None) -> None:
        kept = self._kept.get(channel)
        if kept is not None:
            self._registry.subscriptions.hold([channel])
        else:
            kept = self._keep(live, channel)
        kept.readers[live] = audit
        live.show(kept)
        self._registry.enter(live)
        if audit is not None:
            kept.audit_due = min(kept.audit_due, asyncio.get_running_loop().time() + audit)
            self._auditor.look()

    def _keep(self, live: LiveBook, channel: str) -> KeptBook:
        kept = KeptBook(channel, live.instrument, self._needed.set)
        self._registrations[channel] = self._registry.attach(Pattern(channel), {}, kept)
        self._kept[channel] = kept
        if self._is_live:
            kept.await_in(Need.SNAPSHOT, SNAPSHOT_SECONDS)
        return kept

    def _leave(self, live: LiveBook, channel: str) -> None:
        self._registry.leave(live)
        live.hide()
        kept = self._kept.get(channel)
        if kept is None or live not in kept.readers:
            return
        del kept.readers[live]
        if kept.readers:
            self._registry.subscriptions.release([channel])
        else:
            del self._kept[channel]
            self._registrations.pop(channel).cancel()

    # --- with the connection

    async def prepare(self, call: Call) -> None:
        """Nothing need be known before the channels are subscribed: a snapshot says all."""

    async def keep(self, call: Call) -> None:
        """See to it that each book gets its snapshot, and audit; ends with the connection."""
        self._is_live = True
        for kept in self._kept.values():
            if kept.need is Need.SNAPSHOT:
                kept.await_in(Need.SNAPSHOT, SNAPSHOT_SECONDS)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._mend(), name="deribit_ws books mending")
            group.create_task(self._auditor.keep(), name="deribit_ws books audit")

    def disconnected(self) -> None:
        """The link is gone: no book is right until the next one's snapshot."""
        self._is_live = False
        for kept in self._kept.values():
            kept.forget()

    def doubt(self, channel: str | None) -> None:
        """A message can't be read: a change of this book may be lost; None: of any."""
        for kept in [*self._kept.values()] if channel is None else filter(None, [self._kept.get(channel)]):
            kept.doubt("a message that may have been its own can't be read")

    def end(self, error: Exception) -> None:
        """No other link will come; the registry ends the readers."""

    def _begun(self, channels: Iterable[str]) -> None:
        for kept in filter(None, map(self._kept.get, channels)):
            kept.is_begun = True

    def _left(self, channels: Iterable[str]) -> None:
        for kept in filter(None, map(self._kept.get, channels)):
            kept.lapse()

    # --- bringing them back

    async def _mend(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._needed.clear()
            now = loop.time()
            if self._first_due() <= now + _EARLY:  # what will be due in a moment shares its calls
                self._attend([kept for kept in self._kept.values() if kept.due <= now + GATHER_SECONDS])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due if (due := self._first_due()) < inf else None):
                    await self._needed.wait()

    def _first_due(self) -> float:
        return min((kept.due for kept in self._kept.values()), default=inf)

    def _attend(self, due: Iterable[KeptBook]) -> None:
        """Do what is due for each book."""
        asked: list[KeptBook] = []
        stuck: list[KeptBook] = []
        for kept in due:
            is_confirmed = self._registry.subscriptions.is_confirmed(kept.channel)
            if kept.need is Need.RESYNC:
                asked.append(kept)
            elif not is_confirmed:  # asked for by `subscriptions`, which also tells of a refusal
                kept.await_in(Need.ANSWER, ANSWER_SECONDS)
            elif kept.need is Need.ANSWER:
                kept.await_in(Need.SNAPSHOT, SNAPSHOT_SECONDS)
            else:
                kept.missed += 1
                if kept.is_begun:
                    kept.why = f"no snapshot within {SNAPSHOT_SECONDS:g} s"
                (stuck if self._is_last_resort(kept) else asked).append(kept)
        if asked:
            self._resync(asked)
        if stuck:
            self._replace_link(stuck)

    def _is_last_resort(self, kept: KeptBook) -> bool:
        # Once: the other channels of the link must not pay for one that gets no snapshot on any.
        return kept.missed > _TRIES and not kept.has_cost_a_link

    def _resync(self, asked: Sequence[KeptBook]) -> None:
        text = "asking for new snapshots: %(books)s"
        note(logger, logging.WARNING, "resync", text, books=_shown(asked), count=len(asked))
        self._registry.tally.resyncs += len(asked)
        for kept in asked:
            kept.resyncs += 1
            kept.is_begun = False
            kept.await_in(Need.SNAPSHOT, _STUCK_SECONDS if kept.has_cost_a_link else SNAPSHOT_SECONDS)
        if relapsed := [kept for kept in asked if kept.relapses == _REPORTED_RELAPSES]:
            report = f"books that are in doubt again and again: {_shown(relapsed)}"
            self._registry.events.report(ProtocolError(report))
        self._registry.subscriptions.resync([kept.channel for kept in asked])

    def _replace_link(self, stuck: Sequence[KeptBook]) -> None:
        for kept in stuck:
            kept.has_cost_a_link = True
            kept.await_in(Need.SNAPSHOT, _STUCK_SECONDS)
        error = ProtocolError(f"asked for {_TRIES} times more, and still not: {_shown(stuck)}")
        self._registry.events.report(error)
        if self._registry.link is not None:
            self._registry.link.lose(1008, f"no snapshot of {stuck[0].channel}")


def _shown(several: Sequence[KeptBook]) -> str:
    shown = ", ".join(f"{kept.channel} ({kept.why})" for kept in several[:_SHOWN])
    more = len(several) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
