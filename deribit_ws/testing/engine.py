"""The matching engine for users' orders: they are placed, edited, cancelled and filled here.

Knows: orders, their place in the books, the rules by which they match. Must not know: requests,
connections beyond their number, channels. `order_methods` asks it; it hears the market's events for
fills of what rests, and tells each new version of an order as an `OwnEvent`. Source: order
management page of docs.deribit.com.

No order meets one of the same user: those it would meet are cancelled first, as an account that
says self_trading_reject_mode cancel_maker has it.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Literal

from deribit_ws.testing.book import Direction
from deribit_ws.testing.envelope import Refusal
from deribit_ws.testing.events import BookEvent, Trade
from deribit_ws.testing.fills import user_trade
from deribit_ws.testing.instruments import Instrument
from deribit_ws.testing.level_queue import Resting
from deribit_ws.testing.market import Line, Market
from deribit_ws.testing.numbering import Numbering
from deribit_ws.testing.order_rules import check_open, check_price, priced, reduced, rests, slid
from deribit_ws.testing.order_store import OrderStore
from deribit_ws.testing.own_events import OwnEvent
from deribit_ws.testing.own_orders import OwnOrder, Reason, State
from deribit_ws.testing.positions import Positions
from deribit_ws.testing.terms import FOK, Terms

NOT_OPEN = 11044
ALREADY_FILLED = 11008
Fills = list[dict[str, Any]]


class Engine:
    """All users' orders; `tell` hears each new version of each."""

    def __init__(
        self, market: Market, positions: Positions, *, rng: Random, tell: Callable[[OwnEvent], None]
    ) -> None:
        self._market = market
        self._numbers = Numbering(rng)
        self._tell = tell
        self.positions = positions
        self.store = OrderStore()
        market.listen(self._hear)

    # --- what users ask

    def place(
        self, user_id: int, terms: Terms, *, connection: int | None = None, origin: OwnOrder | None = None
    ) -> tuple[OwnOrder, Fills]:
        """Put in an order, and tell its first version and its fills so far; raises Refusal.

        `origin` is the trigger order it comes from.
        """
        line = self._line(terms.instrument)
        check_open(line)
        check_price(line, terms)
        terms = reduced(terms, self.positions.lots(user_id, terms.instrument))
        if terms.trigger is None:
            terms = slid(line, terms)
        order = self._new(user_id, terms, connection, origin)
        if order.state is State.UNTRIGGERED:
            self._say(order)
            return order, []
        return order, self._enter(line, order)

    def edit(self, order: OwnOrder, **changes: Any) -> Fills:
        """Change terms of an order (`lots` is the new total), and tell its fills; raises Refusal.

        It keeps its place in the queue if only its size falls.
        """
        line = self._line(order.instrument)
        self._check_alive(order)
        check_open(line)
        terms = order.edited(**changes)
        if terms.lots <= order.filled:
            raise Refusal(ALREADY_FILLED)
        position = self.positions.lots(order.user_id, order.instrument)
        terms = reduced(terms, position, filled=order.filled)
        if order.state is State.UNTRIGGERED:
            order.terms = terms
            self._replaced(order)
            return []
        if terms.ticks == order.terms.ticks and terms.lots <= order.terms.lots:
            self._shrink(line, order, order.terms.lots - terms.lots)
            order.terms = terms
            self._replaced(order)
            return []
        return self._moved(line, order, terms)

    def cancel(self, order: OwnOrder, reason: Reason | None = Reason.USER_REQUEST) -> None:
        """Take an order away; raises Refusal where it is over already."""
        self._check_alive(order)
        if order.resting is not None:
            self._shrink(self._line(order.instrument), order, order.left)
        self._end(order, State.CANCELLED, reason)
        self._say(order)

    # --- what happens by itself

    def disconnected(self, connection: int) -> None:
        """Cancel the orders that were created on a connection."""
        for order in self.store.alive():
            if order.connection == connection:
                self.cancel(order, Reason.CANCEL_ON_DISCONNECT)

    def expire(self, line: Line) -> None:
        """An instrument settles: its orders are cancelled, its positions end."""
        for order in self.store.alive():
            if order.instrument.name == line.instrument.name:
                self.cancel(order, Reason.SETTLEMENT)
        self.positions.settle(line)

    def trigger(self, order: OwnOrder, terms: Terms) -> None:
        """A trigger order has begun: it is over, and the order it stood for is placed."""
        self._end(order, State.TRIGGERED, None)
        self._say(order)
        try:
            self.place(order.user_id, terms, connection=order.connection, origin=order)
        except Refusal:
            return  # what can't be placed then is not placed: nobody waits for an answer

    def _hear(self, event: BookEvent) -> None:
        """Fill the resting orders that an event has met, the market's own trades being public already."""
        if not any(event.makers):
            return
        touched = []
        for trade, maker in zip(event.trades, event.makers, strict=True):
            if maker is not None and maker.order_id is not None:
                order = self.store[maker.order_id]
                self._fill(order, [trade], "M")
                touched.append(order)
        for order in touched:
            self._keep_reducing(order)

    # ---

    def _line(self, instrument: Instrument) -> Line:
        return self._market[instrument.name]

    def _new(self, user_id: int, terms: Terms, connection: int | None, origin: OwnOrder | None) -> OwnOrder:
        now = self._market.now_ms()
        order = OwnOrder(
            self._numbers.order_id(terms.instrument, terms.id_kind),
            user_id,
            connection,
            terms,
            now,
            now,
            state=State.UNTRIGGERED if terms.trigger else State.OPEN,
            trigger_order_id=origin.order_id if origin else None,
        )
        self.store.add(order)
        return order

    def _enter(self, line: Line, order: OwnOrder) -> Fills:
        """Match an order that is not in the book, and let the rest of it wait there if it may."""
        waits = rests(line, order.terms)
        order.terms = terms = priced(line, order.terms)
        own, missing = self._ahead(line, order)
        if terms.time_in_force == FOK and missing:
            self._end(order, State.CANCELLED, None)
            self._say(order)
            return []
        for maker in own:
            self.cancel(maker, None)
        resting = Resting(order.order_id, 0)
        event = self._market.enter(line, order.direction, terms.ticks, order.left, resting, rests=waits)
        order.resting = resting if resting.lots else None
        return self._fill(order, event.trades, "T")

    def _ahead(self, line: Line, order: OwnOrder) -> tuple[list[OwnOrder], int]:
        """The user's own orders that an order would meet, and how many lots it would not find."""
        own, left = [], order.left
        for resting in line.book.ahead(order.direction, order.terms.ticks):
            if left <= 0:
                break
            maker = self.store[resting.order_id] if resting.order_id is not None else None
            if maker is not None and maker.user_id == order.user_id:
                own.append(maker)
            else:
                left -= resting.lots
        return own, max(0, left)

    def _fill(self, order: OwnOrder, trades: Sequence[Trade], liquidity: Literal["M", "T"]) -> Fills:
        instrument = order.instrument
        sign = 1 if order.direction is Direction.BUY else -1
        booked = []
        for trade in trades:
            lots = round(trade.amount / instrument.min_trade_amount)
            order.fill(lots, trade.price)
            booked.append(
                self.positions.trade(
                    order.user_id, instrument, sign * lots, trade.price, maker=liquidity == "M"
                )
            )
        order.updated = self._market.now_ms()
        if not order.left:
            self._end(order, State.FILLED, None)
        elif order.resting is None:
            self._end(order, State.CANCELLED, None)
        fills = [user_trade(order, trade, liquidity, one) for trade, one in zip(trades, booked, strict=True)]
        self.store.fills(order.user_id, fills)
        self._say(order, fills)
        if liquidity == "T" and fills:
            self._keep_reducing(order)
        return fills

    def _moved(self, line: Line, order: OwnOrder, terms: Terms) -> Fills:
        """Take an order out of the book and put it in with other terms, at the end of the queue."""
        check_price(line, terms)
        self._shrink(line, order, order.left)
        order.resting, order.replaced = None, True
        try:
            order.terms = slid(line, terms)
        except Refusal:
            self._end(order, State.CANCELLED, Reason.EDIT_POST_ONLY_REJECT)
            self._say(order)
            return []
        return self._enter(line, order)

    def _replaced(self, order: OwnOrder) -> None:
        order.replaced = True
        order.updated = self._market.now_ms()
        self._say(order)

    def _shrink(self, line: Line, order: OwnOrder, lots: int) -> None:
        if lots and order.resting is not None and order.terms.ticks is not None:
            side = order.direction.rests_in
            self._market.shrink(line, side, order.terms.ticks, order.resting, lots)

    def _keep_reducing(self, filled: OwnOrder) -> None:
        """After a fill, no order that may only reduce is left larger than the position."""
        position = self.positions.lots(filled.user_id, filled.instrument)
        for order in self.store.alive(filled.user_id):
            if not order.terms.reduce_only or order.instrument != filled.instrument:
                continue
            most = max(0, -position if order.direction is Direction.BUY else position)
            if order.state is State.OPEN and order.left > most:
                self._reduce(order, most)

    def _reduce(self, order: OwnOrder, most: int) -> None:
        if not most:
            self.cancel(order, None)
            return
        self._shrink(self._line(order.instrument), order, order.left - most)
        order.change(lots=order.filled + most)
        self._replaced(order)

    def _check_alive(self, order: OwnOrder) -> None:
        if not order.alive:
            raise Refusal(NOT_OPEN)

    def _end(self, order: OwnOrder, state: State, reason: Reason | None) -> None:
        order.state, order.reason, order.resting = state, reason, None
        order.updated = self._market.now_ms()
        self.store.over(order)

    def _say(self, order: OwnOrder, fills: Fills | None = None) -> None:
        line = self._line(order.instrument)
        position = self.positions.shown(order.user_id, line) if fills else None
        self._tell(OwnEvent(order.user_id, order.instrument, order.shown(), tuple(fills or ()), position))
