"""Instruments that come and go while the exchange runs.

Knows: how an instrument is listed, changes its state and expires, and on which channels that is
told. Must not know: connections, or what trades. `exchange` asks it on behalf of tests, and lets it
look at the clock after each step. Source: the instrument channels of docs.deribit.com; the states
are those of January 2026.
"""

import itertools
from typing import Any

from deribit_ws.testing import payloads
from deribit_ws.testing.engine import Engine
from deribit_ws.testing.hub import Hub
from deribit_ws.testing.instruments import (
    Instrument,
    OptionType,
    expiry_after,
    inverse,
    named,
    option,
)
from deribit_ws.testing.market import Market

FIRST_NUMBER = 300_000  # instrument_id of what is listed while the exchange runs


class Universe:
    """The changing list of one exchange."""

    def __init__(self, market: Market, hub: Hub, engine: Engine) -> None:
        self._market = market
        self._engine = engine
        self._hub = hub
        self._numbers = itertools.count(FIRST_NUMBER)

    def add(self, name: str) -> str:
        """List an option or a dated future; raises ValueError for what can't be, or is listed already."""
        if name in self._market or name in self._market.expired:
            raise ValueError(f"{name}: listed before")
        market = self._market
        instrument = named(name, next(self._numbers), market.now_ms() / 1000)
        line = market.open(instrument)
        self._hub.listed(instrument)
        told = payloads.instrument(line) | {"timestamp": market.now_ms()}
        self._tell("creation", instrument, told)
        self._tell("state", instrument, self._state(name, line.state))
        return name

    def add_option(self, coin: str, strike: float, side: OptionType, fridays: int) -> str:
        """List the option of a strike that expires on the n-th Friday from now; else as `add`."""
        expiry = expiry_after(self._market.now_ms() / 1000, fridays)
        return self.add(option(inverse(coin), expiry, strike, side, 0).name)

    def set_state(self, name: str, state: str) -> None:
        """Change and tell the state of what is listed (else ValueError); nobody trades in any but `open`."""
        if name not in self._market:
            raise ValueError(f"{name}: not listed")
        line = self._market[name]
        line.state = state
        self._tell("state", line.instrument, self._state(name, state))

    def expire(self, name: str) -> None:
        """Settle an instrument that is listed (else ValueError), deliver it, and take it off the list."""
        self.set_state(name, "settlement")
        self._engine.expire(self._market[name])
        line = self._market.close(name)
        self._hub.expired(name)
        line.state = "delivered"
        self._tell("state", line.instrument, self._state(name, line.state))

    def stepped(self) -> None:
        """Expire what the clock has overtaken."""
        now = self._market.now_ms()
        due = [
            name for name, line in self._market.lines.items() if line.instrument.expiration_timestamp <= now
        ]
        for name in due:
            self.expire(name)

    def _state(self, name: str, state: str) -> dict[str, Any]:
        return {"timestamp": self._market.now_ms(), "state": state, "instrument_name": name}

    def _tell(self, what: str, instrument: Instrument, data: dict[str, Any]) -> None:
        for kind, currency in itertools.product((instrument.kind, "any"), (instrument.settlement, "any")):
            self._hub.announce(f"instrument.{what}.{kind}.{currency}", data)
