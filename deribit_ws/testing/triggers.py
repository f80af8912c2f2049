"""When orders that wait for a price, or only until a time, have their moment.

Knows: trigger prices, the day's end. Must not know: books, matching, who asks. `exchange` has it
look after each market step; it tells `engine`. Source: trading pages of docs.deribit.com.
"""

from dataclasses import replace

from deribit_ws.testing.book import Direction
from deribit_ws.testing.engine import Engine
from deribit_ws.testing.instruments import DAY, EXPIRY_HOUR
from deribit_ws.testing.market import Line, Market
from deribit_ws.testing.own_orders import OwnOrder, Reason, State, is_market
from deribit_ws.testing.terms import LIMIT, MARKET, Terms, Trigger


class Triggers:
    """Looks at the orders that wait."""

    def __init__(self, market: Market, engine: Engine) -> None:
        self._market = market
        self._engine = engine

    def stepped(self) -> None:
        """Start what has reached its price, and cancel what was good for a day that is over."""
        for order in tuple(self._engine.store.waiting.values()):
            if not order.alive:  # one before it in the list has ended it
                continue
            if order.state is State.UNTRIGGERED:
                self._look(order)
            elif self._market.now_ms() >= day_end(order.created):
                self._engine.cancel(order, Reason.SETTLEMENT)

    def _look(self, order: OwnOrder) -> None:
        trigger = order.terms.trigger
        assert trigger is not None, "only an order with a trigger waits for one"
        price = self._price(trigger, self._market[order.instrument.name])
        if price is None:
            return
        if trigger.offset is not None:
            trigger = self._trail(order, trigger, trigger.offset, price)
        if reached(order.terms, trigger, price):
            self._engine.trigger(order, begun(order.terms))

    def _trail(self, order: OwnOrder, trigger: Trigger, offset: float, price: float) -> Trigger:
        """Let a trailing stop follow the best price there was."""
        sells = order.direction is Direction.SELL
        extreme = price if order.extreme is None else (max if sells else min)(order.extreme, price)
        order.extreme = extreme
        moved = replace(trigger, price=round(extreme - offset if sells else extreme + offset, 8))
        order.change(trigger=moved)
        return moved

    def _price(self, trigger: Trigger, line: Line) -> float | None:
        match trigger.source:
            case "index_price":
                return self._market.indices[line.instrument.price_index]
            case "mark_price":
                return line.mark_price
            case _:
                return line.last_price


def reached(terms: Terms, trigger: Trigger, price: float) -> bool:
    """Whether a price starts an order: a stop runs after the price, a take waits for a better one."""
    rising = (terms.direction is Direction.BUY) != terms.order_type.startswith("take")
    return price >= trigger.price if rising else price <= trigger.price


def begun(terms: Terms) -> Terms:
    """What a trigger order is from its trigger on."""
    return replace(terms, order_type=MARKET if is_market(terms.order_type) else LIMIT, trigger=None)


def day_end(created: int) -> int:
    """The next 08:00 UTC after a time; both in ms."""
    day, hour = DAY * 1000, EXPIRY_HOUR * 3_600_000
    return ((created - hour) // day + 1) * day + hour
