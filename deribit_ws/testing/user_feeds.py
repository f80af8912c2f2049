"""What each kind of user channel says, and what it gathers between two messages.

Knows: one user's events, and the part of them a channel is about. Must not know: who subscribes,
how orders match. `channels` builds these feeds; their contract is in `feeds`. None has a first
message. Raw orders come one to a message; what has an interval leaves out versions in between.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from deribit_ws.testing.feeds import Pace, StillFeed
from deribit_ws.testing.instruments import Instrument
from deribit_ws.testing.own_events import OwnEvent, Payload

Concerns = Callable[[Instrument], bool]  # whether a channel is about an instrument


def of_instrument(name: str) -> Concerns:
    """One instrument."""
    return lambda instrument: instrument.name == name


def of_kind_and_currency(kind: str, currency: str) -> Concerns:
    """All of a kind and currency, either of which may be any."""
    return lambda instrument: kind in (instrument.kind, "any") and currency in (instrument.settlement, "any")


class OrdersFeed(StillFeed):
    """user.orders.*: raw, each version by itself; else the last version of each order, as a list."""

    def __init__(self, concerns: Concerns, pace: Pace) -> None:
        self._concerns = concerns
        self._pending: list[Payload] = []
        self.pace = pace

    def hear_own(self, event: OwnEvent) -> None:
        """Keep the order."""
        if self._concerns(event.instrument):
            self._pending.append(event.order)

    def take(self) -> Any:
        """The next version (raw), or all orders that changed."""
        if self.pace is Pace.RAW:
            return self._pending.pop(0) if self._pending else None
        pending, self._pending = self._pending, []
        return latest(pending) or None


class OwnTradesFeed(StillFeed):
    """user.trades.*: each fill once, always in a list."""

    def __init__(self, concerns: Concerns, pace: Pace) -> None:
        self._concerns = concerns
        self._pending: list[Payload] = []
        self.pace = pace

    def hear_own(self, event: OwnEvent) -> None:
        """Keep the fills."""
        if self._concerns(event.instrument):
            self._pending += event.trades

    def take(self) -> Any:
        """The fills since the last time, together."""
        pending, self._pending = self._pending, []
        return pending or None


class ChangesFeed(StillFeed):
    """user.changes.*: an instrument's fills, orders and position, one instrument to a message."""

    def __init__(self, concerns: Concerns, pace: Pace) -> None:
        self._concerns = concerns
        self._pending: defaultdict[str, list[OwnEvent]] = defaultdict(list)
        self.pace = pace

    def hear_own(self, event: OwnEvent) -> None:
        """Keep the event with those of its instrument."""
        if self._concerns(event.instrument):
            self._pending[event.instrument.name].append(event)

    def take(self) -> Any:
        """The changes of the next instrument."""
        if not self._pending:
            return None
        name = next(iter(self._pending))
        events = self._pending.pop(name)
        positions = [event.position for event in events if event.position is not None]
        return {
            "instrument_name": name,
            "trades": [trade for event in events for trade in event.trades],
            "orders": latest([event.order for event in events]),
            "positions": positions[-1:],
        }


class PortfolioFeed(StillFeed):
    """user.portfolio.{currency}: an account's sums, whenever an order or fill may have moved them."""

    pace = Pace.FAST

    def __init__(self, currency: str, summary: Callable[[str], Payload]) -> None:
        self._currency = currency
        self._summary = summary
        self._changed: dict[str, None] = {}  # in the order in which they changed

    def hear_own(self, event: OwnEvent) -> None:
        """Note the currency."""
        if self._currency in (event.instrument.settlement, "ANY"):
            self._changed[event.instrument.settlement] = None

    def take(self) -> Any:
        """The sums of the next currency that changed."""
        if not self._changed:
            return None
        currency = next(iter(self._changed))
        del self._changed[currency]
        return self._summary(currency)


def latest(orders: list[Payload]) -> list[Payload]:
    """The last version of each order, in order of those versions."""
    last = {order["order_id"]: order for order in orders}
    return [order for order in orders if last[order["order_id"]] is order]
