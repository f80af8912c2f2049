"""The live view of the account's orders and positions, and whether it is true at the moment.

Knows: the channel it listens to, and the two reads that fill it. Must not know: drops; `recovery` tells when
the channel is whole, and calls `refresh` on each connection. `Orders` shows it. Until somebody asks for it,
it listens to nothing.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

from deribit_ws.errors import CallTimeout, ProtocolError, RpcError, UsageError
from deribit_ws.handlers.registry import Registry
from deribit_ws.orderflow import Standing
from deribit_ws.orders.reading import Reader
from deribit_ws.router import Form, Receive
from deribit_ws.wire.channels import Family, Pattern
from deribit_ws.wire.errors import is_passing
from deribit_ws.wire.trading import Order, Position, UserTrade

CHANNEL = "user.changes.any.any.raw"
_EXPIRED_MS = 1_000  # after the end of a position's instrument all is read anew: no channel tells of it
_STILL_SECONDS = 10.0  # before that is done again, while the exchange still lists it
_LOOK_SECONDS = 60.0  # before the positions are looked through again: others may have come


class View:
    """Orders and positions as they stand, fed by one channel; also its consumer.

    Args:
        registry: holds and routes the channel.

    Attributes:
        valid: whether it is true: False from a drop, or a doubt, until all is read again.
        standing: what it knows.
    """

    form = Form.TYPED

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.standing = Standing()
        self.valid = False
        self._is_followed = False
        self._is_whole = False  # the channel is
        self._is_read = False
        self._settled = asyncio.Event()  # it is valid, or will not be
        self._error: Exception | None = None

    def follow(self) -> None:
        """Listen from now on; may be repeated."""
        if not self._is_followed:
            self._is_followed = True
            self._registry.attach(Pattern(CHANNEL), {}, self)

    async def wait_valid(self, timeout: float) -> None:
        """Wait until it is true.

        Raises:
            SubscriptionRejected: the exchange does not give the channel to this login.
            RpcError: it refuses the reads.
            CallTimeout: it is not true within so many seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._registry.subscriptions.answered([CHANNEL], timeout)
                while not self.valid and self._error is None:
                    await self._settled.wait()
                    await asyncio.sleep(0)
        except TimeoutError:
            raise CallTimeout(f"orders: not known within {timeout:g} s", method=CHANNEL) from None
        if self._error is not None:
            raise self._error.with_traceback(None)  # shared: its traceback must not grow

    def learn(self, order: Order, trades: Iterable[UserTrade], now: float) -> None:
        """Take what the answer to a call told; ahead of the channel, if it comes to that."""
        if self._is_followed:
            self.standing.take_order(order, now)
            for trade in trades:
                self.standing.take_fill(trade)

    # --- told by recovery

    def joined(self, channel: str) -> None:
        """Hear that a channel is whole."""
        if channel == CHANNEL:
            self._is_whole = True

    def parted(self, channel: str) -> None:
        """Hear that a channel may lack something."""
        if channel == CHANNEL:
            self.valid = self._is_whole = self._is_read = False
            self._error = None
            self._settled.clear()

    def open_ids(self, channel: str) -> set[str]:
        """Give the orders open here that a channel must not leave open."""
        return set(self.standing.open) if channel == CHANNEL else set()

    def outdate(self, now: int) -> None:
        """Have all read anew where the instrument of a position has ended by `now`, the exchange's ms."""
        expiry = self.standing.first_expiry
        if expiry is not None and expiry + _EXPIRED_MS <= now:
            self._is_read = False

    def until_outdated(self, now: int) -> float | None:
        """Seconds until `outdate` is to be asked; None while nobody looks at the view."""
        if not self._is_followed:
            return None
        expiry = self.standing.first_expiry
        if expiry is None:
            return _LOOK_SECONDS
        left = (expiry + _EXPIRED_MS - now) / 1000
        return _STILL_SECONDS if left <= 0 else min(left, _LOOK_SECONDS)

    async def refresh(self, reader: Reader) -> None:
        """Read orders and positions, where the channel is whole and that was not done since.

        Raises:
            CallError, ProtocolError: it can't be done now.
        """
        if self._is_read or not self._is_whole or self._error is not None:
            return
        self.standing.begin()
        try:
            orders = _each(await reader.open_orders(), Order)
            positions = _each(await reader.positions(), Position)
            if self._is_whole:  # still
                self.standing.complete(orders, positions, asyncio.get_running_loop().time())
                self._settle(None)
        except RpcError as error:
            if is_passing(error.code):
                raise
            self._settle(error)
            self._registry.events.report(error)
        finally:
            self.standing.give_up()

    def end(self, error: Exception | None = None) -> None:
        """Be no more: as a consumer, or with the client, because of `error`."""
        self.valid = False
        self._error = error or self._error or UsageError("client.orders is followed no more")
        self._settled.set()

    def _settle(self, error: RpcError | None) -> None:
        self._error = error
        self.valid = self._is_read = error is None
        self._settled.set()

    # --- the consumer of its channel

    def bind(
        self, channel: str, values: dict[str, str], family: Family, *, recovered: bool = False
    ) -> Receive:
        """Give what is to be called for each message."""
        clock = asyncio.get_running_loop().time

        def receive(payload: Any, _: int) -> None:
            self.standing.take(payload, clock())

        return receive


def _each(values: list[Any], kind: Any) -> list[Any]:
    try:
        return [msgspec.convert(value, kind, strict=False) for value in values]
    except msgspec.ValidationError as error:
        raise ProtocolError(f"an unreadable {kind.__name__.lower()}: {error}") from error
