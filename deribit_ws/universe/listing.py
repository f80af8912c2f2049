"""What the exchange lists of one kind and currency: what was read, and what was told since, made one.

Knows: instruments, their states, and which of two words about one is the newer. Must not know: calls,
channels, clocks, or who chooses among the instruments. Pure. `universe` feeds it.

There is no snapshot on the channels, and no order between them and an answer. So a read counts from when
it was asked for: whatever is told while it is under way goes on top of its answer, and an instrument that
was told to have ended is not brought back by an older word. Source: docs.deribit.com,
public/get_instruments, instrument.creation and instrument.state.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from deribit_ws.wire.instruments import Instrument, InstrumentState

# States that end an instrument; the last three are what they were called before January 2026. All others
# (open, locked, settlement, halted, and any that nobody knows yet) keep it.
ENDED = frozenset({"delivered", "inactive", "archivized", "closed", "terminated", "deactivated"})

_MOST_ENDED = 10_000  # names remembered as ended: some days of all of Deribit's expiries


@dataclass(frozen=True, slots=True)
class Change:
    """What has become of instruments: those that are new or as they are now, and those gone."""

    news: Mapping[str, Instrument] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)  # name → the state that ended it, "" if not told


class Listing:
    """The instruments of one kind and currency."""

    def __init__(self) -> None:
        self.instruments: dict[str, Instrument] = {}
        self.is_read = False  # at some time, in full
        self.missed: set[str] = set()  # told to be alive, but not listed: only a read can say more
        self._given_up: set[str] = set()  # missed, and no read has listed them
        self._told: dict[str, Instrument | None] | None = None  # while a read is under way; None: ended
        self._ended: dict[str, int] = {}  # name → when, in ms of the exchange's clock

    def begin(self) -> None:
        """A read is asked for: what is told from here on is at least as new as its answer.

        One asked for before that has no answer yet has failed, and changes nothing.
        """
        self._told = {}

    def complete(self, listed: Iterable[Instrument]) -> Change:
        """The read that was asked for has its answer."""
        told, self._told = self._told or {}, None
        now = {one.instrument_name: one for one in listed if self._is_alive(one)}
        for name, instrument in told.items():
            if instrument is None:
                now.pop(name, None)
            else:
                now[name] = instrument
        gone = {name: "" for name in self.instruments if name not in now}
        self.instruments, self.is_read = now, True
        self.missed -= now.keys()
        return Change(now, gone)

    def give_up(self) -> None:
        """Ask for no more reads because of those missed now, until `forgive`."""
        self._given_up |= self.missed
        self.missed.clear()

    def forgive(self) -> None:
        """Those given up may be missed again."""
        self._given_up.clear()

    def created(self, instrument: Instrument) -> Change:
        """A new instrument was told."""
        name = instrument.instrument_name
        ended = self._ended.get(name)
        if instrument.state in ENDED or (ended is not None and _told_at(instrument) <= ended):
            return Change()  # the word of its end has overtaken this one
        self._given_up.discard(name)
        return self._put(instrument)

    def state(self, told: InstrumentState) -> Change:
        """A new state of an instrument was told."""
        name, known = told.instrument_name, self.instruments.get(told.instrument_name)
        if told.state in ENDED:
            return self._end(told)
        if known is not None:
            return self._put(msgspec.structs.replace(known, state=told.state))
        if name not in self._given_up and told.timestamp > self._ended.get(name, -1):
            self.missed.add(name)
        return Change()

    def _put(self, instrument: Instrument) -> Change:
        name = instrument.instrument_name
        self.instruments[name] = instrument
        self.missed.discard(name)
        if self._told is not None:
            self._told[name] = instrument
        return Change({name: instrument})

    def _end(self, told: InstrumentState) -> Change:
        name = told.instrument_name
        self._ended[name] = told.timestamp
        if len(self._ended) > _MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        self.missed.discard(name)
        if self._told is not None:
            self._told[name] = None
        if self.instruments.pop(name, None) is None:
            return Change()
        return Change(gone={name: told.state})

    def _is_alive(self, instrument: Instrument) -> bool:
        """Tell whether a read may bring an instrument: not what expired before its end was told."""
        ended = self._ended.get(instrument.instrument_name, -1)
        has_expired = 0 < (instrument.expiration_timestamp or 0) <= ended  # the answer lags
        return instrument.state not in ENDED and not has_expired


def _told_at(created: Instrument) -> int:
    return created.timestamp or created.creation_timestamp or 0
