"""Audits: a kept book against what the exchange answers when asked for it.

Knows: how two pictures of a book, taken at different moments, are compared. Must not know: readers,
subscriptions. `books` lets it run while a link lives; audits are made one after the other.

The answer is ahead of the channel or behind it, so the changes of that time are kept: one of them must
have led to the very change_id of the answer. On a busy book of 100 ms most are within two messages; then
it is inconclusive, and tried again soon.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from math import inf

from deribit_ws.books.kept_book import KeptBook
from deribit_ws.errors import DeribitError, ProtocolError
from deribit_ws.journal import note
from deribit_ws.methods.calls import TypedCall
from deribit_ws.orderbook import OrderBook
from deribit_ws.wire.market import BookChange
from deribit_ws.wire.market_results import OrderBookSnapshot

logger = logging.getLogger("deribit_ws.books")

_DEPTH = 10_000  # levels of a side: the most that public/get_order_book gives
_ANSWER_SECONDS = 10.0  # for the answer; a link that is slower is about to be replaced
_BEHIND_SECONDS = 2.0  # for the channel to get to where the answer was: 1.6 s were seen
_AGAIN_SECONDS = 1.0  # after an audit that told nothing
_TRIES = 5  # of which one should tell something, before the next is due in its own time


class Auditor:
    """Audits the books that want it.

    Args:
        kept: all books by channel; read again at each look.
        ask: makes a call.
        report: told of a book that was found wrong.
    """

    def __init__(
        self, kept: Mapping[str, KeptBook], ask: TypedCall, report: Callable[[Exception], None]
    ) -> None:
        self._kept = kept
        self._ask = ask
        self._report = report
        self._changed = asyncio.Event()

    def look(self) -> None:
        """Look again what is to be audited."""
        self._changed.set()

    async def keep(self) -> None:
        """Audit what is due; ends with the connection."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            kept = min(self._kept.values(), key=lambda kept: kept.audit_due, default=None)
            due = kept.audit_due if kept is not None else inf
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due if due < inf else None):
                    await self._changed.wait()
                    continue
            if kept is not None:
                told = await self._until_told(kept)
                kept.audit_due = loop.time() + kept.audit_seconds
                logger.debug("audit of %s: %s", kept.channel, "done" if told else "inconclusive")

    async def _until_told(self, kept: KeptBook) -> bool:
        for _ in range(_TRIES):
            if await self._audit(kept):
                return True
            await asyncio.sleep(_AGAIN_SECONDS)
        return False

    async def _audit(self, kept: KeptBook) -> bool:
        """Compare once; False when that told nothing."""
        if not kept.book.valid:
            return False
        record = kept.record = [_snapshot(kept.book)]
        try:
            answer = await self._answer(kept)
            is_told = answer is not None and kept.record is record and self._judge(kept, record, answer)
        finally:
            kept.record = None
        return is_told

    async def _answer(self, kept: KeptBook) -> OrderBookSnapshot | None:
        """Give the exchange's own picture, once the channel has had the time to get there."""
        params = {"instrument_name": kept.book.instrument, "depth": _DEPTH}
        try:
            answer = await self._ask("public/get_order_book", params, OrderBookSnapshot, _ANSWER_SECONDS)
        except DeribitError as error:
            text = "no audit of %(channel)s: %(why)s"
            note(logger, logging.INFO, "no_audit", text, channel=kept.channel, why=str(error))
            return None
        assert isinstance(answer, OrderBookSnapshot)
        if (kept.book.change_id or 0) < (answer.change_id or 0):
            await asyncio.sleep(_BEHIND_SECONDS)
        return answer

    def _judge(self, kept: KeptBook, record: list[BookChange], answer: OrderBookSnapshot) -> bool:
        book = OrderBook(kept.book.instrument)
        for change in record:
            book.apply(change)
            if book.change_id == answer.change_id:
                break
        else:
            return False
        if book.bids[:_DEPTH] == answer.bids and book.asks[:_DEPTH] == answer.asks:
            kept.audits += 1
            return True
        kept.doubt(f"an audit found another book at change_id {answer.change_id}")
        self._report(ProtocolError(f"{kept.channel}: {kept.why}"))
        return True


def _snapshot(book: OrderBook) -> BookChange:
    """Say a book as the exchange would on its channel."""
    assert book.change_id is not None and book.timestamp is not None, "only a valid book is audited"
    return BookChange(
        timestamp=book.timestamp,
        type="snapshot",
        change_id=book.change_id,
        instrument_name=book.instrument,
        bids=[("new", *level) for level in book.bids],
        asks=[("new", *level) for level in book.asks],
    )
