"""What users hold and what it has earned them.

Knows: sizes, entry prices, profit and fees, in each instrument's own arithmetic. Must not know:
orders, books, who is told. `engine` books every fill here; `portfolio` and the reads sum it up.
Amounts are USD (inverse) or coin; profit, fees and cash are in the settlement currency.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from deribit_ws.testing.instruments import Instrument
from deribit_ws.testing.market import Line, Market

TAKER_FEE = 0.0005  # of what is traded, as get_instruments tells; makers pay nothing
INITIAL_MARGIN = 0.02  # of a future's worth: the fifty-fold leverage that get_instruments tells
MAINTENANCE_MARGIN = 0.01


@dataclass(slots=True)
class Position:
    """One user's position in one instrument; `lots` below zero is short.

    `entry` is what the open part was worth when it was opened, as `worth` counts.
    """

    instrument: Instrument
    lots: int = 0
    entry: float = 0.0
    realized: float = 0.0

    @property
    def size(self) -> float:
        """In USD or coin, negative for a short."""
        return self.instrument.amount(self.lots)

    @property
    def average_price(self) -> float:
        """At which the open part was opened; 0 for none."""
        if not self.lots:
            return 0.0
        inverse = is_inverse(self.instrument)
        return round(-self.size / self.entry if inverse else self.entry / self.size, 8)

    def trade(self, lots: int, price: float) -> float:
        """Add lots (negative: sold) at a price, and tell the profit of what that closes."""
        closing = min(abs(lots), abs(self.lots)) if lots * self.lots < 0 else 0
        realized = 0.0
        if closing:
            part = closing if self.lots > 0 else -closing
            given_up = self.entry * part / self.lots
            realized = worth(self.instrument, part, price) - given_up
            self.lots -= part
            self.entry = self.entry - given_up if self.lots else 0.0
        opening = lots - (closing if lots > 0 else -closing)
        self.lots += opening
        self.entry += worth(self.instrument, opening, price)
        self.realized += realized
        return realized

    def floating(self, price: float) -> float:
        """The profit there would be at a price."""
        return worth(self.instrument, self.lots, price) - self.entry


class Positions:
    """All users' positions and cash; `market` gives the prices they are valued at."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._held: defaultdict[int, dict[str, Position]] = defaultdict(dict)
        self._cash: defaultdict[tuple[int, str], float] = defaultdict(float)
        self._earned: defaultdict[tuple[int, str], float] = defaultdict(float)

    def of(self, user_id: int) -> list[Position]:
        """Those of one user, closed ones included."""
        return list(self._held[user_id].values())

    def lots(self, user_id: int, instrument: Instrument) -> int:
        """How many lots a user is long, or (negative) short."""
        held = self._held[user_id].get(instrument.name)
        return held.lots if held else 0

    def trade(
        self, user_id: int, instrument: Instrument, lots: int, price: float, *, maker: bool
    ) -> "Booked":
        """Book a fill of so many lots (negative: sold); tells its fee and its profit."""
        held = self._held[user_id].setdefault(instrument.name, Position(instrument))
        currency = instrument.settlement
        fee = 0.0 if maker else TAKER_FEE * abs(notional(instrument, lots, price))
        profit = held.trade(lots, price)
        self._cash[user_id, currency] -= fee
        if instrument.kind == "option":
            self._cash[user_id, currency] -= instrument.amount(lots) * price  # the premium is paid at once
        else:
            self._earned[user_id, currency] += profit
        return Booked(fee, profit)

    def settle(self, line: Line) -> None:
        """The instrument has expired: everybody's position in it ends at the mark."""
        for user_id, held in self._held.items():
            position = held.pop(line.instrument.name, None)
            if position is not None and position.lots:
                key = user_id, line.instrument.settlement
                if line.instrument.kind == "option":
                    self._cash[key] += position.size * line.mark_price
                else:
                    self._earned[key] += position.floating(line.mark_price)

    def cash(self, user_id: int, currency: str) -> float:
        """What fees and premiums have changed in a user's balance."""
        return self._cash[user_id, currency]

    def earned(self, user_id: int, currency: str) -> float:
        """The realized profit of a user's futures in this session."""
        return self._earned[user_id, currency]

    def shown(self, user_id: int, line: Line) -> dict[str, Any]:
        """The position in an instrument as the wire shows it."""
        instrument = line.instrument
        held = self._held[user_id].get(instrument.name) or Position(instrument)
        mark, floating = line.mark_price, held.floating(line.mark_price)
        value = abs(notional(instrument, held.lots, mark))
        shown = {
            "instrument_name": instrument.name,
            "kind": instrument.kind,
            "average_price": held.average_price,
            "direction": "buy" if held.lots > 0 else "sell" if held.lots < 0 else "zero",
            "size": held.size,
            "mark_price": mark,
            "index_price": self._market.indices[instrument.price_index],
            "settlement_price": mark,
            "delta": round(delta(line, held), 8),
            "initial_margin": round(value * INITIAL_MARGIN, 8),
            "maintenance_margin": round(value * MAINTENANCE_MARGIN, 8),
            "floating_profit_loss": round(floating, 8),
            "realized_profit_loss": round(held.realized, 8),
            "total_profit_loss": round(floating + held.realized, 8),
        }
        if instrument.kind == "future":
            shown |= {"size_currency": round(size_currency(line, held), 8), "leverage": 50}
        return shown


@dataclass(frozen=True, slots=True)
class Booked:
    """What a fill cost, and what it earned."""

    fee: float
    profit: float


def is_inverse(instrument: Instrument) -> bool:
    """Whether amounts are in USD and profit is in the coin."""
    return instrument.quote == "USD"


def worth(instrument: Instrument, lots: int, price: float) -> float:
    """What so many lots are worth to who holds them, up to a constant that no profit depends on.

    Of an inverse future it is the coin still owed for the dollars, which grows as the price rises.
    """
    amount = instrument.amount(lots)
    return -amount / price if is_inverse(instrument) else amount * price


def notional(instrument: Instrument, lots: int, price: float) -> float:
    """What fees and margins are a part of: the coin an option is on, else the worth of the trade."""
    return instrument.amount(lots) if instrument.kind == "option" else worth(instrument, lots, price)


def size_currency(line: Line, held: Position) -> float:
    """A future's size in coin, at the mark."""
    return held.size / line.mark_price if is_inverse(held.instrument) else held.size


def delta(line: Line, held: Position) -> float:
    """How many coins the position moves as."""
    if held.instrument.kind == "option":
        return held.size * line.valuation.delta if line.valuation else 0.0
    return size_currency(line, held)
