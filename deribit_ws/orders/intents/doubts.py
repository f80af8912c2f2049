"""What became of an order, when the call that was to place, change or cancel it ended without saying so.

Knows: what the exchange's reads prove, and when. Must not know: how a call is made, or what users ask
for beyond it. `intents` comes here with each call of unknown outcome; nothing is ever placed from here.

An order that is found is there. One that is not found may still come, until the exchange's clock has
passed its `valid_until`: from then on, two reads that don't find it prove that it does not exist.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deribit_ws.errors import (
    CallError,
    CallTimeout,
    DuplicateOrder,
    OrderNotPlaced,
    OutcomeUnknown,
    RequestNotSent,
    RpcError,
    WireError,
)
from deribit_ws.journal import note
from deribit_ws.methods import PrivateMethods
from deribit_ws.orders.intents.edits import is_ended, is_unproven, may_show, shows
from deribit_ws.orders.intents.reads import Reads, Unanswerable
from deribit_ws.orders.intents.time import ExchangeTime
from deribit_ws.wire.errors import is_passing
from deribit_ws.wire.trading import Order

logger = logging.getLogger("deribit_ws.orders")

_APART_SECONDS = 2.0  # between the last two looks: an order's fill was seen to show up 1-2 s late
_RECENT_MS = 25 * 60_000  # what ended is kept 30 minutes among the recent; then it is in the archive alone
_ARCHIVE_SECONDS = 300.0  # how late that may be: it is said to be, and not by how much
_AGAIN_SECONDS = 1.0  # between two cancels of one order, and after a refusal that passes
_CANCELS = 300  # so many: an order that stays open through them can't be cancelled from here
# The exchange answers, and yet it is not known what it did: it failed inside, or says nothing more.
_UNCLEAR = frozenset({10001, 11094, 13028})
_NOT_OPEN = frozenset({10004, 10010, 11008, 11044})  # what a cancel says of an order that has ended


def had_ended(error: Exception) -> bool:
    """Tell whether a cancel was refused because the order was over."""
    return isinstance(error, RpcError) and error.code in _NOT_OPEN


def leaves_doubt(error: Exception) -> bool:
    """Tell whether a call that acts may have acted although it ended so."""
    if isinstance(error, RpcError):
        return error.code in _UNCLEAR
    return isinstance(error, CallTimeout | OutcomeUnknown | WireError)


@dataclass
class Intent:
    """One thing that is to happen once at the most.

    Args:
        method: e.g. "private/buy".
        label: of an order to be placed, as the next.
        instrument_name: what it is for.
        order_id: of an order to be changed or cancelled.
        asked: what an edit asks for.
        sent: when it was sent, by the clock's ticks; `sent_ms` where it is known, ms of the exchange's clock.
        valid_until: when it can't happen any more, ms of the exchange's clock.
    """

    method: str
    label: str = ""
    instrument_name: str = ""
    order_id: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    sent: float = 0.0
    sent_ms: float = 0.0
    valid_until: int = 0

    def __str__(self) -> str:
        return f"{self.method}: order {self.label or self.order_id!r}"


class Doubts:
    """Finds out what became of intents.

    Args:
        reads: asks the exchange.
        time: tells when an intent is over.
        private: makes calls; only cancels are made, of orders that are to be cancelled.
        report: told of two orders where there should be one.
    """

    def __init__(
        self,
        reads: Reads,
        time: ExchangeTime,
        private: PrivateMethods,
        report: Callable[[Exception], None],
    ) -> None:
        self._reads = reads
        self._time = time
        self._private = private
        self._report = report

    async def placed(self, intent: Intent, cause: Exception) -> Order:
        """Give the order of an intent.

        Raises:
            OrderNotPlaced: there is none, and there will be none.
            DuplicateOrder: there are two.
            OutcomeUnknown: the client was closed first.
        """
        return await _settled(intent, cause, self._placed(intent, cause))

    async def edited(self, intent: Intent, cause: Exception) -> Order:
        """Give an order as it is after an edit.

        Raises:
            OrderNotPlaced: it was not edited, and won't be; with the order as it is.
            OutcomeUnknown: the client was closed first, or the order was changed since by others too.
        """
        return await _settled(intent, cause, self._edited(intent, cause))

    async def cancelled(self, intent: Intent, cause: Exception) -> Order:
        """Give an order that was to be cancelled, once it is over: cancelled, or filled before that.

        Raises:
            RpcError: the order is open, and the exchange refuses to cancel it.
            OutcomeUnknown: the client was closed first.
        """
        return await _settled(intent, cause, self._cancelled(intent))

    # --- an order to be placed

    async def _placed(self, intent: Intent, cause: Exception) -> Order:
        found = await self._looked_up(intent) or await self._looked_up_after(intent)
        if not found:
            said = f"{intent} was not made, and won't be"
            raise OrderNotPlaced(said, method=intent.method, label=intent.label) from cause
        if len(found) > 1:
            raise self._alarm(intent, found) from cause
        return found[0]

    async def _looked_up_after(self, intent: Intent) -> list[Order]:
        await self._time.wait_past(intent.valid_until)
        if found := await self._looked_up(intent):
            return found
        await self._reads.pause(_ARCHIVE_SECONDS if self._is_long_ago(intent) else _APART_SECONDS)
        return await self._looked_up(intent)

    async def _looked_up(self, intent: Intent) -> list[Order]:
        found = await self._reads.by_label(intent.instrument_name, intent.label)
        if not found and self._is_long_ago(intent):
            about = {"instrument_name": intent.instrument_name}
            found = await self._reads.archived(
                about, intent.sent_ms, lambda order: order.label == intent.label
            )
        return _asked_for(found)

    def _is_long_ago(self, intent: Intent) -> bool:
        return self._time.now_ms - intent.sent_ms > _RECENT_MS

    def _alarm(self, intent: Intent, found: list[Order]) -> DuplicateOrder:
        ids = ", ".join(order.order_id for order in found)
        said = f"{intent} is there {len(found)} times: {ids}"
        alarm = DuplicateOrder(said, method=intent.method, label=intent.label, orders=found)
        note(logger, logging.CRITICAL, "order_twice", "%(alarm)s", alarm=said, order=str(intent))
        self._report(alarm)
        return alarm

    # --- an order to be changed

    async def _edited(self, intent: Intent, cause: Exception) -> Order:
        order = await self._state(intent)
        if order is None or not (shows(order, intent.asked) or is_ended(order)):
            await self._time.wait_past(intent.valid_until)
            order = await self._state(intent)
            if order is None or not _is_edited(order, intent):
                await self._reads.pause(_APART_SECONDS)
                order = await self._state(intent)
        if order is not None and _is_edited(order, intent):
            return order
        if order is not None and is_unproven(order, intent.sent_ms):
            said = f"{intent} was changed since, and does not show what was asked: by this edit first, or not"
            raise OutcomeUnknown(said, method=intent.method, order=order) from cause
        real = f"it is {order.order_state}" if order is not None else "the exchange knows no such order"
        said = f"{intent} was not changed, and won't be: {real}"
        raise OrderNotPlaced(said, method=intent.method, order=order) from cause

    async def _state(self, intent: Intent) -> Order | None:
        order = await self._reads.state(intent.order_id)
        if order is not None:
            return order
        intent.sent_ms = intent.sent_ms or await self._time.then_ms(intent.sent)
        if not self._is_long_ago(intent):
            return None
        if (order := await self._archived(intent)) is None:
            await self._reads.pause(_ARCHIVE_SECONDS)
            order = await self._archived(intent)
        return order

    async def _archived(self, intent: Intent) -> Order | None:
        about = {"order_id": intent.order_id}
        found = await self._reads.archived(
            about, intent.sent_ms, lambda order: order.order_id == intent.order_id
        )
        return found[0] if found else None

    # --- an order to be cancelled

    async def _cancelled(self, intent: Intent) -> Order:
        for _ in range(_CANCELS):
            order = await self._state(intent)
            if order is not None and is_ended(order):
                return order
            try:
                return await self._private.cancel(order_id=intent.order_id)  # the same order to the same end
            except (CallError, WireError) as error:
                if not _is_unsettled(error, order):
                    raise
            except Exception as closed:
                raise Unanswerable from closed
            await self._reads.pause(_AGAIN_SECONDS)
        raise Unanswerable from OutcomeUnknown(f"{intent} stays open through {_CANCELS} cancels")


def _is_unsettled(error: Exception, order: Order | None) -> bool:
    """Tell whether, after a cancel that ended so, the order must be read again."""
    if isinstance(error, RpcError):
        is_closing = error.code in _NOT_OPEN and order is not None  # the read was just before its end
        return is_closing or leaves_doubt(error) or is_passing(error.code)
    return leaves_doubt(error) or isinstance(error, RequestNotSent)


async def _settled(intent: Intent, cause: Exception, finding: Awaitable[Order]) -> Order:
    """Tell of a doubt and its end; a client that is closed meanwhile leaves it a doubt."""
    text = "%(order)s: outcome unknown (%(why)s); asking the exchange"
    note(logger, logging.INFO, "order_in_doubt", text, order=str(intent), why=str(cause))
    try:
        order = await finding
    except Unanswerable as end:
        said = f"{intent}: what became of it can't be found out: {end.__cause__}"
        _note_settled(intent, said)
        raise OutcomeUnknown(said, method=intent.method) from end.__cause__
    except CallError as error:
        _note_settled(intent, str(error))
        raise
    _note_settled(intent, f"{intent}: {order.order_id}, {order.order_state}")
    return order


def _note_settled(intent: Intent, outcome: str) -> None:
    text = "settled: %(outcome)s"
    note(logger, logging.INFO, "order_settled", text, order=str(intent), outcome=outcome)


def _is_edited(order: Order, intent: Intent) -> bool:
    return shows(order, intent.asked) or may_show(order, intent.asked, intent.sent_ms)


def _asked_for(orders: list[Order]) -> list[Order]:
    """Leave out what others among them brought about: a trigger's order, the second of a linked pair."""
    ids = {order.order_id for order in orders}
    first = [
        order
        for order in orders
        if not (order.trigger_order_id in ids or order.primary_order_id in ids or order.is_secondary_oto)
    ]
    return first or orders  # where the one asked for is not among them it was there all the same
