"""All live sets of one client: read on each connection, fed by two channels each, and told about.

Knows: the read and the channels that list instruments, when to read again, what is news. Must not know:
how a connection is rebuilt, who uses the sets. `client` owns one, and calls `restore` while it rebuilds
a link and `keep` while the link lives.
"""

import asyncio
import contextlib
import logging
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from deribit_ws.errors import (
    CallError,
    CallTimeout,
    OutcomeUnknown,
    ProtocolError,
    RequestNotSent,
    RpcError,
    SubscriptionRejected,
)
from deribit_ws.handlers.registry import Registry
from deribit_ws.journal import note
from deribit_ws.marks import InstrumentAdded, InstrumentRemoved, Mark
from deribit_ws.universe.instruments import Instruments
from deribit_ws.universe.listing import Change, Listing
from deribit_ws.wire.channels import Pattern
from deribit_ws.wire.errors import is_passing
from deribit_ws.wire.instruments import Instrument, InstrumentState
from deribit_ws.wire.methods import Call

logger = logging.getLogger("deribit_ws.universe")

_CREATION = Pattern("instrument.creation.{kind}.{currency}")
_STATE = Pattern("instrument.state.{kind}.{currency}")
_RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # before the next read, the more fail the longer
_EARLY = 0.02  # seconds; by a coarse clock a timer comes so early: finding nothing due would be to spin
_SUBSCRIBED_SECONDS = 30.0  # for the exchange's word on the channels of a set made while connected
_DOUBTS = 3  # reads that say that nothing is left of a set, before it is believed
_VAIN_READS = 3  # for an instrument that is told of but not listed, before it is given up


@dataclass(eq=False)
class _Source:
    """What the sets of one kind and currency share."""

    kind: str
    currency: str
    listing: Listing = field(default_factory=Listing)
    sets: list[Instruments] = field(default_factory=list)
    due: float = 0.0  # when to read next, in loop time
    failures: int = 0  # reads in a row that failed or were doubted
    doubts: int = 0  # reads in a row that said that nothing is left
    vain: int = 0  # reads in a row that did not list what was told of
    refusal: RpcError | None = None  # of the question itself: to ask again on this link would be in vain

    @property
    def params(self) -> dict[str, Any]:
        """What `public/get_instruments` is asked."""
        kind = {} if self.kind == "any" else {"kind": self.kind}
        return {"currency": self.currency, **kind, "expired": False}

    @property
    def values(self) -> dict[str, str]:
        """What stands for the placeholders of its channels."""
        return {"kind": self.kind, "currency": self.currency}

    @property
    def channels(self) -> list[str]:
        """The channels that feed it."""
        return [channel for pattern in (_CREATION, _STATE) for channel in pattern.channels(self.values) or ()]


class Universe:
    """The live sets of a client.

    Args:
        registry: routes and holds the channels of instruments, and tells handlers and streams.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._sources: dict[tuple[str, str], _Source] = {}
        self._holders: Counter[str] = Counter()  # name → sets that have it
        self._changed = asyncio.Event()

    def add(self, instruments: Instruments) -> Instruments:
        """Feed a set from now on; give it back. One whose kind is read already is filled at once.

        One whose kind the exchange has refused to list is settled with that refusal.
        """
        key = instruments.kind, instruments.currency
        source = self._sources.get(key) or self._open(*key)
        source.sets.append(instruments)
        instruments._ask_again = partial(self._review, source, instruments)
        if source.listing.is_read:
            self._tell(source, Change(source.listing.instruments), [instruments], are_news=False)
            instruments._settle()
        elif source.refusal is not None:
            instruments._settle(source.refusal)
        return instruments

    def end(self, error: Exception) -> None:
        """Let nobody wait for a set to be filled any more: no connection will come, because of `error`."""
        for source in self._sources.values():
            for instruments in source.sets:
                instruments._settle(error)

    async def restore(self, call: Call) -> None:
        """Read all sets on a new connection; raise what makes the connection useless.

        What is refused leaves its set as it was, is reported, and asked again by `keep`; but not what was
        never answered, and is refused for good: the next connection asks that again.
        """
        # Channels first: what is told after they are confirmed is on top of what is read then.
        sources = list(self._sources.values())
        channels = [channel for source in sources for channel in source.channels]
        await self._registry.subscriptions.settle(call, channels)
        for source in sources:
            source.listing.forgive()
        await asyncio.gather(*(self._read(source, call) for source in sources))

    async def keep(self, call: Call) -> None:
        """Read again what was put off or has been added; ends with the connection."""
        while True:
            self._changed.clear()
            for source in list(self._sources.values()):
                if source.due <= asyncio.get_running_loop().time() + _EARLY:
                    await self._catch_up(source, call)
            due = min((source.due for source in self._sources.values()), default=math.inf)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due if due < math.inf else None):
                    await self._changed.wait()

    # --- reading

    async def _catch_up(self, source: _Source, call: Call) -> None:
        if not source.listing.is_read:  # a new one: its channels may not be confirmed yet
            try:
                await self._registry.subscriptions.answered(source.channels, _SUBSCRIBED_SECONDS)
            except SubscriptionRejected as rejected:
                if source.failures == 0:
                    self._registry.events.report(rejected)
            except CallTimeout as error:
                self._put_off(source, error)
                return
        await self._read(source, call)

    async def _read(self, source: _Source, call: Call) -> None:
        source.due = math.inf
        source.listing.begin()
        try:
            answer = await call("public/get_instruments", source.params)
            self._complete(source, self._readable(answer, source.listing.instruments))
        except (CallError, ProtocolError) as error:
            self._put_off(source, error)

    def _complete(self, source: _Source, listed: list[Instrument]) -> None:
        listing = source.listing
        if not listed and listing.instruments and source.doubts < _DOUBTS:
            source.doubts += 1
            raise ProtocolError(f"public/get_instruments: no {source.kind} of {source.currency} is left")
        are_news = listing.is_read
        self._tell(source, listing.complete(listed), source.sets, are_news=are_news)
        source.failures = source.doubts = 0
        source.refusal = None
        for instruments in source.sets:
            instruments._settle()
        source.vain = source.vain + 1 if listing.missed else 0
        if source.vain > _VAIN_READS:
            listing.give_up()
            source.vain = 0
        self._look_for_missed(source)

    def _readable(self, answer: Any, known: Mapping[str, Instrument]) -> list[Instrument]:
        """Give the instruments of an answer; one that can't be understood is told, and no reason to lose all.

        One that was understood before is still listed: it stays as it was.

        Raises:
            ProtocolError: it is no list.
        """
        if not isinstance(answer, list):
            raise ProtocolError(f"public/get_instruments gave no list but {type(answer).__name__}")
        listed: list[Instrument] = []
        failures: list[msgspec.ValidationError] = []
        for one in answer:
            try:
                listed.append(msgspec.convert(one, Instrument, strict=False))
            except msgspec.ValidationError as error:
                failures.append(error)
                name = one.get("instrument_name") if isinstance(one, dict) else None
                if isinstance(name, str) and name in known:
                    listed.append(known[name])
        if failures:
            self._registry.events.report(
                ProtocolError(f"{len(failures)} of {len(answer)} instruments are unreadable: {failures[0]}")
            )
        return listed

    def _put_off(self, source: _Source, error: CallError | ProtocolError) -> None:
        # What was answered before is no wrong question, whatever it is refused for now.
        if isinstance(error, RpcError) and not is_passing(error.code) and not source.listing.is_read:
            self._refuse(source, error)
            return
        wait = _RETRY_SECONDS[min(source.failures, len(_RETRY_SECONDS) - 1)]
        source.due = asyncio.get_running_loop().time() + wait
        self._changed.set()
        if isinstance(error, RequestNotSent | OutcomeUnknown):
            return  # most likely the link is gone: that is told, and the next one reads at once
        if source.failures == 0:
            self._registry.events.report(error)
        source.failures += 1
        text = "instruments (%(why)s): to be read again in %(seconds)g s"
        note(logger, logging.WARNING, "instruments_unread", text, why=str(error), seconds=wait)

    def _refuse(self, source: _Source, error: RpcError) -> None:
        if source.refusal is None:  # told once, though each connection may hear it
            self._registry.events.report(error)
        source.refusal = error
        for instruments in source.sets:
            instruments._settle(error)

    # --- what is told

    def _open(self, kind: str, currency: str) -> _Source:
        source = self._sources[kind, currency] = _Source(kind, currency)
        self._registry.register(_CREATION, partial(self._created, source), source.values, None, None)
        self._registry.register(_STATE, partial(self._state, source), source.values, None, None)
        self._changed.set()
        return source

    def _created(self, source: _Source, instrument: Instrument) -> None:
        self._tell(source, source.listing.created(instrument), source.sets)

    def _state(self, source: _Source, state: InstrumentState) -> None:
        self._tell(source, source.listing.state(state), source.sets)
        self._look_for_missed(source)

    def _review(self, source: _Source, instruments: Instruments) -> None:
        self._tell(source, Change(source.listing.instruments), [instruments])

    def _look_for_missed(self, source: _Source) -> None:
        """Read soon, if an instrument is told of that is not listed: its creation may not have reached us."""
        if source.listing.missed and source.due == math.inf and source.refusal is None:
            source.due = asyncio.get_running_loop().time() + _RETRY_SECONDS[source.vain]
            self._changed.set()

    def _tell(
        self, source: _Source, change: Change, sets: list[Instruments], *, are_news: bool = True
    ) -> None:
        """Let sets follow a change, then tell what is new or gone for the client as a whole."""
        names = [*change.gone, *change.news]
        before = {name for name in names if self._holders[name]}
        states: dict[str, str] = {}
        for instruments in sets:
            added, removed = instruments._take(change, self._registry.events.report)
            self._holders.update(added)
            self._holders.subtract(removed.keys())
            states |= removed
        after = {name for name in names if self._holders[name]}
        for name in before - after:
            del self._holders[name]
        for mark in _marks(names, before, after, states) if are_news else ():
            self._registry.tell(mark)


def _marks(
    names: Sequence[str], before: Collection[str], after: Collection[str], states: Mapping[str, str]
) -> Iterator[Mark]:
    for name in names:
        if name in before and name not in after:
            yield InstrumentRemoved(name, states[name])
        elif name in after and name not in before:
            yield InstrumentAdded(name)
