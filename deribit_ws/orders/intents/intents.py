"""Orders that never leave their user in doubt: placed, changed and cancelled whatever the link does.

Knows: what goes with each order so that it can be found again. Must not know: connections; calls come
from `ask`. `client.orders` is made of it. Nothing that could act twice is ever sent twice: after an
unknown outcome `doubts` asks the exchange what happened, until it is known.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from deribit_ws import words
from deribit_ws.errors import (
    CallError,
    DuplicateOrder,
    OrderNotPlaced,
    RequestNotSent,
    RpcError,
    UsageError,
    WireError,
    require_positive,
)
from deribit_ws.exchange_clock import ExchangeClock
from deribit_ws.methods import PrivateMethods
from deribit_ws.methods.calls import TypedCall
from deribit_ws.orders.intents.doubts import Doubts, Intent, had_ended, leaves_doubt
from deribit_ws.orders.intents.labels import unique_label
from deribit_ws.orders.intents.reads import Reads
from deribit_ws.orders.intents.time import ExchangeTime
from deribit_ws.types import OrderPlaced
from deribit_ws.wire.trading import Order, UserTrade

Number = float | Decimal
_Settle = Callable[[Intent, Exception], Awaitable[Order]]

_VALID_SECONDS = 5.0  # an order that takes longer to reach the book is for a market that is gone
_LONGEST_VALID = 600.0  # seconds; so long may it take to prove that there is no order
_TOO_LATE = 13888  # of an order whose valid_until was over: then our reading of the time may be off


class _OfBoth(TypedDict, total=False):
    post_only: bool | None
    reject_post_only: bool | None
    reduce_only: bool | None
    display_amount: Number | None
    trigger_price: Number | None
    trigger_offset: Number | None
    advanced: words.Advanced | None
    mmp: bool | None


class MoreOfOrder(_OfBoth, total=False):
    """Further parameters of `buy` and `sell`; they mean what they mean to `client.private.buy`."""

    time_in_force: words.TimeInForce | None
    trigger: words.Trigger | None
    linked_order_type: words.LinkedOrderType | None
    trigger_fill_condition: words.TriggerFillCondition | None
    otoco_config: Sequence[Mapping[str, Any]] | None


class MoreOfEdit(_OfBoth, total=False):
    """Further parameters of `edit`; they mean what they mean to `client.private.edit`."""


class Intents:
    """Places, changes and cancels orders, and finds out what became of each.

    Args:
        ask: makes calls; one that acts it sends at most once, reads it repeats across drops.
        clock: takes readings of the exchange's time.
        report: told of two orders where there should be one.
    """

    def __init__(self, ask: TypedCall, clock: ExchangeClock, report: Callable[[Exception], None]) -> None:
        self._ask = ask
        self._reads = Reads(ask)
        self._exchange_time = ExchangeTime(ask, self._reads, clock)
        self._private = PrivateMethods(ask)
        self._doubts = Doubts(self._reads, self._exchange_time, self._private, report)

    def _end(self, error: Exception) -> None:
        """Take it that the client is closed, by this error: what is in doubt stays so."""
        self._reads.end(error)

    def _learned(self, order: Order, trades: Sequence[UserTrade]) -> None:
        """Hear of an order as the exchange gave it, and of its fills so far; for the view to override."""

    async def buy(
        self,
        instrument_name: str,
        *,
        amount: Number | None = None,
        contracts: Number | None = None,
        price: Number | None = None,
        type: words.OrderType | None = None,
        label: str | None = None,
        valid_for: float = _VALID_SECONDS,
        timeout: float | None = None,
        **more: Unpack[MoreOfOrder],
    ) -> Order:
        """Place an order to buy; return it as the exchange has it, or raise because there is none.

        It is sent at most once, under a label of its own, and valid until a moment `valid_for` from now.
        Where the call ends without saying what became of it, the order is looked up by its label, once
        the link and the login are back; where it is not found, again after that moment. This takes as long as
        the link is away, however short `timeout` is.

        Cancelled by you while it does, it says nothing more: the order may exist. By your own `label`
        you find it (`label_of`) among the open orders.

        Args:
            instrument_name: e.g. "BTC-PERPETUAL".
            amount: size, in USD for inverse perpetuals and futures, else in base coin.
            contracts: size in contracts, in place of `amount`.
            price: limit price; an option's in its coin, or as `advanced` says.
            type: kind of order; limit when left out.
            label: words of your own, at most 51 characters. "~" and 12 random digits are added;
                `label_of(order)` gives your part back.
            valid_for: seconds from now in which the exchange may begin to match it, on its own clock; 600
                at most.
            timeout: seconds the call may take; the client's own deadline when None.
            more: as in `client.private.buy`.

        Returns:
            the order. It may have ended already: filled, cancelled or rejected, as `order_state` says.

        Raises:
            UsageError: a parameter is missing, unknown or not of its kind, or the client is not open.
            OrderNotPlaced: it is certain that there is no order; the cause tells why.
            RpcError: the exchange refused it; 13888 where `valid_for` was over when its turn came.
            DuplicateOrder: there are two orders of this label. Told to `on_error` as well.
            OutcomeUnknown: the client was closed before it was found out, or the exchange refused for
                five minutes to say; it names the label.
        """
        own = {"amount": amount, "contracts": contracts, "price": price, "type": type, "timeout": timeout}
        return await self._place("buy", instrument_name, label, valid_for, {**own, **more})

    async def sell(
        self,
        instrument_name: str,
        *,
        amount: Number | None = None,
        contracts: Number | None = None,
        price: Number | None = None,
        type: words.OrderType | None = None,
        label: str | None = None,
        valid_for: float = _VALID_SECONDS,
        timeout: float | None = None,
        **more: Unpack[MoreOfOrder],
    ) -> Order:
        """Place an order to sell; everything is as in `buy`."""
        own = {"amount": amount, "contracts": contracts, "price": price, "type": type, "timeout": timeout}
        return await self._place("sell", instrument_name, label, valid_for, {**own, **more})

    async def edit(
        self,
        order_id: str,
        *,
        amount: Number | None = None,
        contracts: Number | None = None,
        price: Number | None = None,
        valid_for: float = _VALID_SECONDS,
        timeout: float | None = None,
        **more: Unpack[MoreOfEdit],
    ) -> Order:
        """Change an order; return it as it is then, or raise because it was not changed.

        Its size is always said anew, by `amount` or `contracts`, also where only the price changes.

        It is sent at most once. Where the call ends without saying what became of it, the order is read,
        once the link and the login are back, until it shows what was asked, has ended, or can't be changed
        by this edit any more. An order that showed it before counts as changed.

        Args:
            order_id: the order, e.g. "ETH-584864807".
            amount: new whole size, the part already filled included; units as in `buy`.
            contracts: new whole size in contracts, in place of `amount`.
            price: new limit price.
            valid_for: seconds from now in which the exchange may begin to carry it out, on its own clock.
            timeout: seconds the call may take; the client's own deadline when None.
            more: as in `client.private.edit`.

        Raises:
            UsageError: a parameter is missing, unknown or not of its kind, or the client is not open.
            OrderNotPlaced: it is certain that it was not edited; `order` is the order as it really is.
            RpcError: the exchange refused it.
            OutcomeUnknown: the client was closed before it was found out; or the order was changed by
                others as well, so that nobody can tell: then `order` is the order as it is.
        """
        _require_name(order_id, "order_id")
        asked: dict[str, Any] = {"amount": amount, "contracts": contracts, "price": price, **more}
        shown = {name: value for name, value in asked.items() if value is not None}
        intent = Intent("private/edit", order_id=order_id, asked=shown)
        edit = self._timed(intent, valid_for).edit(order_id=order_id, timeout=timeout, **asked)
        return await self._ended(edit, intent, self._doubts.edited)

    async def cancel(self, order_id: str, *, timeout: float | None = None) -> Order:
        """Cancel an order; return it as it ended, which may be filled, or before this was called.

        Where the call ends without saying what became of it, the order is read, once the link and the
        login are back, and cancelled again until it is over: that can't meet any other order.

        Args:
            order_id: the order, e.g. "ETH-584864807".
            timeout: seconds the first call may take; the client's own deadline when None.

        Raises:
            UsageError: not an order's id, or the client is not open.
            RequestNotSent: nothing was sent; the order is as it was.
            RpcError: the exchange refused it, or knows no such order.
            OutcomeUnknown: the client was closed before it was found out.
        """
        _require_name(order_id, "order_id")
        intent = Intent("private/cancel", order_id=order_id, sent=self._exchange_time.ticks)
        try:
            order = await self._private.cancel(order_id=order_id, timeout=timeout)
        except (CallError, WireError) as error:
            if not (leaves_doubt(error) or had_ended(error)):
                raise
            return await self._learned_of(self._doubts.cancelled(intent, error))
        self._learned(order, ())
        return order

    # --- inside

    async def _place(
        self, side: str, instrument_name: str, label: str | None, valid_for: float, fields: dict[str, Any]
    ) -> Order:
        _require_name(instrument_name, "instrument_name")
        intent = Intent(f"private/{side}", label=unique_label(label), instrument_name=instrument_name)
        private = self._timed(intent, valid_for)
        place = private.buy if side == "buy" else private.sell
        call = place(instrument_name=instrument_name, label=intent.label, **fields)
        return await self._ended(call, intent, self._doubts.placed)

    def _timed(self, intent: Intent, valid_for: float) -> PrivateMethods:
        """Give methods whose call, once its parameters are found right, is sent with a valid_until."""
        require_positive(valid_for=valid_for)
        if valid_for > _LONGEST_VALID:
            raise UsageError(f"valid_for of {valid_for:g} s: at most {_LONGEST_VALID:g}")
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def call(method: str, params: dict[str, Any], result: Any, timeout: float | None) -> Any:
            if "valid_until" in params:
                raise UsageError(f"{method}: valid_for, in seconds, takes the place of valid_until")
            if timeout is not None:
                require_positive(timeout=timeout)
            now = await self._now(method, valid_for if timeout is None else min(timeout, valid_for))
            left = valid_for - (loop.time() - began)
            if left <= 0:
                raise RequestNotSent(f"{method}: its {valid_for:g} s were over before it went", method=method)
            # What follows is told from what came before by it: so it must not be too late.
            intent.sent_ms, intent.valid_until = self._exchange_time.least_ms, now + round(left * 1000)
            return await self._ask(method, {**params, "valid_until": intent.valid_until}, result, timeout)

        return PrivateMethods(call)

    async def _now(self, method: str, seconds: float) -> int:
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange_time.now(seconds)
        except (CallError, WireError, TimeoutError) as error:
            why = str(error) or f"no answer within {seconds:g} s"
            said = f"{method}: the exchange's time could not be read ({why})"
            raise RequestNotSent(said, method=method) from error

    async def _ended(self, call: Awaitable[OrderPlaced], intent: Intent, settled: _Settle) -> Order:
        try:
            placed = await call
        except RequestNotSent as error:
            said = f"nothing was sent: {error}"
            raise OrderNotPlaced(said, method=intent.method, label=intent.label) from error
        except (CallError, WireError) as error:
            if isinstance(error, RpcError) and error.code == _TOO_LATE:
                self._exchange_time.doubt()
            if not leaves_doubt(error):
                raise
            return await self._learned_of(settled(intent, error))
        self._learned(placed.order, placed.trades)
        return placed.order

    async def _learned_of(self, settled: Awaitable[Order]) -> Order:
        try:
            order = await settled
        except (OrderNotPlaced, DuplicateOrder) as end:
            for real in end.orders:
                self._learned(real, ())
            raise
        self._learned(order, ())
        return order


def _require_name(name: object, what: str) -> None:
    if not (isinstance(name, str) and name.strip()):
        raise UsageError(f"{what} must be a name, not {name!r}")
