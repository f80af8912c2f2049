"""The account as it stands: orders that are open, those closed lately, positions, and the last fills.

Knows: versions of orders, of which the newest counts, whichever way they come. Must not know: channels or
reads, or what time it is. `orders` feeds one with all it hears, and shows it to users.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from deribit_ws.orderflow.expiry import expiry_of
from deribit_ws.orderflow.keys import OrderKey
from deribit_ws.wire.absent import Maybe
from deribit_ws.wire.trading import Order, Position, UserChanges, UserTrade

CLOSED_SECONDS = 1800.0  # as long as the exchange itself can be asked for a closed order
_CLOSED = 10_000  # orders; some megabytes
_FILLS = 1_000  # the last ones: whoever wants them all listens to user.trades

T = TypeVar("T")


class Standing:
    """Orders and positions, each by its newest version."""

    def __init__(self) -> None:
        self._open: dict[str, Order] = {}
        self._closed: OrderedDict[str, tuple[float, Order]] = OrderedDict()
        self._positions: dict[str, Position] = {}
        self._fills: OrderedDict[tuple[str, str], UserTrade] = OrderedDict()
        self._touched: set[str] | None = None  # order ids and instruments told of while all is read

    @property
    def open(self) -> Mapping[str, Order]:
        """The open orders by id, trigger orders that wait among them."""
        return MappingProxyType(self._open)

    @property
    def positions(self) -> Mapping[str, Position]:
        """The positions by instrument, those of size 0 left out."""
        return MappingProxyType(self._positions)

    @property
    def first_expiry(self) -> int | None:
        """When the first of the positions' instruments ends, or has ended, in ms; None where none does."""
        expiries = (expiry_of(name) for name in self._positions)
        return min((expiry for expiry in expiries if expiry is not None), default=None)

    @property
    def fills(self) -> tuple[UserTrade, ...]:
        """The last fills, oldest first."""
        return tuple(self._fills.values())

    def get(self, order_id: str) -> Order | None:
        """Give an order that is open, or was closed lately."""
        closed = self._closed.get(order_id)
        return self._open.get(order_id) or (closed[1] if closed is not None else None)

    # --- what comes one by one

    def take(self, changes: UserChanges, now: float) -> None:
        """Take what one event did; `now` is in seconds of any clock."""
        for order in changes.orders or ():
            self.take_order(order, now)
        for trade in changes.trades or ():
            self.take_fill(trade)
        for position in changes.positions or ():
            self._take_position(position)
            self._touch(position.instrument_name)

    def take_order(self, order: Order, now: float) -> None:
        """Take a version of an order, unless a newer one is known."""
        known = self.get(order.order_id)
        key = key_of(order)
        if known is not None and key.is_older_than(key_of(known)):
            return
        self._touch(order.order_id)
        if key.is_open:
            self._open[order.order_id] = order
            self._closed.pop(order.order_id, None)
        else:
            self._open.pop(order.order_id, None)
            self._closed[order.order_id] = now, order
            self._closed.move_to_end(order.order_id)
        self._forget(now)

    def take_fill(self, trade: UserTrade) -> None:
        """Take a fill; one that is known already changes nothing."""
        self._fills.setdefault((trade.instrument_name, trade.trade_id), trade)
        if len(self._fills) > _FILLS:
            self._fills.popitem(last=False)

    def _take_position(self, position: Position) -> None:
        if position.size:
            self._positions[position.instrument_name] = position
        else:
            self._positions.pop(position.instrument_name, None)

    def _touch(self, name: str) -> None:
        if self._touched is not None:
            self._touched.add(name)

    def _forget(self, now: float) -> None:
        while self._closed:
            at, order = next(iter(self._closed.values()))
            if now - at < CLOSED_SECONDS and len(self._closed) <= _CLOSED:
                return
            del self._closed[order.order_id]

    # --- what is read as a whole

    def begin(self) -> None:
        """Note that all is about to be read: what comes from now on is newer than that."""
        self._touched = set()

    def give_up(self) -> None:
        """Note that it could not be read."""
        self._touched = None

    def complete(self, orders: Iterable[Order], positions: Iterable[Position], now: float) -> None:
        """Take all open orders and all positions, as read since `begin`."""
        told, self._touched = self._touched or set(), None
        before = set(self._open) - told
        listed = {order.order_id: order for order in orders}
        for order_id in before - listed.keys():
            del self._open[order_id]  # closed, nobody knows how
        for order in listed.values():
            self.take_order(order, now)
        for name in self._positions.keys() - told:
            del self._positions[name]
        for position in positions:
            if position.instrument_name not in told:
                self._take_position(position)


def key_of(order: Order) -> OrderKey:
    """Give what tells this version of an order from others."""
    return OrderKey(
        order_id=order.order_id,
        last_update_timestamp=_or_none(order.last_update_timestamp),
        order_state=order.order_state,
        filled_amount=_or_none(order.filled_amount),
        amount=_or_none(order.amount),
        price=order.price or None,
        replaced=_or_none(order.replaced),
        instrument_name=order.instrument_name,
    )


def _or_none(value: Maybe[T]) -> T | None:
    return value or None  # UNSET is false
