"""Reads that are made until they are answered, however often the link goes.

Knows: which failures of a read are worth another try, and for how long. Must not know: intents, or what
an answer means for them. `doubts` reads with it. A read gives up only when the client is closed,
or when the exchange refuses it for a reason that does not pass.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import TypeVar, get_args

from deribit_ws.errors import CallError, RpcError, UsageError, WireError
from deribit_ws.limits.currencies import concern_of
from deribit_ws.methods import PrivateMethods
from deribit_ws.methods.calls import TypedCall
from deribit_ws.types import OrdersPage
from deribit_ws.wire.errors import is_passing
from deribit_ws.wire.trading import Order
from deribit_ws.words import Currency

T = TypeVar("T")

_WAITS = (0.5, 1.0, 2.0, 5.0)  # seconds between tries; the last for all later ones. A read waits for the link
_REFUSED_SECONDS = 300.0  # a refused login is tried anew every minute: several chances for who mends a key
_AT_ONCE = 4  # reads of all that is in doubt: after a drop the user's own must have their turn too
_PAGE = 1_000  # orders in one read of the archive: the most there are
_NOT_FOUND = 10004
_CURRENCIES: tuple[Currency, ...] = get_args(Currency)


class Unanswerable(Exception):
    """A read that will never be answered; the cause tells why."""


class Reads:
    """Makes reads of orders that end with an answer, or with the client.

    Args:
        ask: makes calls.
    """

    def __init__(self, ask: TypedCall) -> None:
        self._private = PrivateMethods(ask)
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._over = asyncio.Event()
        self._ended_by: Exception | None = None

    def end(self, error: Exception) -> None:
        """Take it that the client is closed: nothing will be answered any more."""
        self._ended_by = error
        self._over.set()

    async def pause(self, seconds: float) -> None:
        """Wait; raises Unanswerable as soon as the client is closed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
                raise Unanswerable from self._ended_by

    async def by_label(self, instrument_name: str, label: str) -> list[Order]:
        """Read the recent orders that have a label, open or ended, each as it is now."""
        found: dict[str, Order] = {}
        for currency in _currencies({"instrument_name": instrument_name}):
            for read in (self._private.get_order_state_by_label, self._private.get_open_orders_by_label):
                orders = await self.answer(partial(read, currency=currency, label=label))
                found |= {order.order_id: order for order in orders if order.label == label}
        return list(found.values())

    async def state(self, order_id: str) -> Order | None:
        """Read an order; None where the exchange knows none of this id."""
        try:
            return await self.answer(
                partial(self._private.get_order_state, order_id=order_id), told=(_NOT_FOUND,)
            )
        except RpcError:
            return None

    async def archived(
        self, about: dict[str, str], since_ms: float, is_sought: Callable[[Order], bool]
    ) -> list[Order]:
        """Look for orders that ended so long ago that only the archive has them, half an hour or more.

        Args:
            about: `instrument_name` or `order_id`: tells the currencies.
            since_ms: nothing that was last touched before then is looked at.
            is_sought: tells whether an order is one looked for.
        """
        found: dict[str, Order] = {}
        for currency in _currencies(about):
            mark: str | None = None
            while True:
                page = await self.answer(partial(self._page, currency, mark))
                found |= {order.order_id: order for order in page.orders if is_sought(order)}
                mark = page.continuation or None
                if mark is None or all(_touched(order) < since_ms for order in page.orders):
                    break
        return list(found.values())

    async def _page(self, currency: Currency, mark: str | None) -> OrdersPage:
        page = await self._private.get_order_history_by_currency(
            currency=currency,
            count=_PAGE,
            include_old=True,
            include_unfilled=True,
            historical=True,
            with_continuation=True,
            continuation=mark,
        )
        return page if isinstance(page, OrdersPage) else OrdersPage(orders=page)

    async def answer(self, read: Callable[[], Awaitable[T]], told: Collection[int] = ()) -> T:
        """Make a read until it is answered.

        Args:
            read: makes it once.
            told: codes of the exchange's that are an answer, and so are raised.

        Raises:
            RpcError: one of those.
            Unanswerable: the client is closed, or the exchange refuses it for good.
        """
        loop = asyncio.get_running_loop()
        refused_since: float | None = None
        for wait in itertools.chain(_WAITS, itertools.repeat(_WAITS[-1])):
            try:
                async with self._turns:
                    return await read()
            except Exception as error:
                if isinstance(error, RpcError) and error.code in told:
                    raise
                if _may_pass(error):
                    refused_since = None
                elif refused_since is None:
                    refused_since = loop.time()
                if _is_final(error) or (
                    refused_since is not None and loop.time() - refused_since > _REFUSED_SECONDS
                ):
                    raise Unanswerable from error
            await self.pause(wait)
        raise AssertionError("it tries for ever")


def _may_pass(error: Exception) -> bool:
    return is_passing(error.code) if isinstance(error, RpcError) else isinstance(error, CallError)


def _is_final(error: Exception) -> bool:
    """Tell whether the client is closed: then calls end with what closed it, or because of that."""
    return not isinstance(error, CallError | WireError) or isinstance(error.__cause__, UsageError)


def _currencies(about: dict[str, str]) -> tuple[Currency, ...]:
    """Give the currencies whose reads may know an order; every one where it can't be told."""
    named = concern_of(about).currencies
    return tuple(currency for currency in _CURRENCIES if currency in named) or _CURRENCIES


def _touched(order: Order) -> float:
    return order.last_update_timestamp or order.creation_timestamp or float("inf")
