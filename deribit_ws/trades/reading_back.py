"""Asking history what flows want to know: one call at a time for each, a few at a time for all.

Knows: how a try can fail, and how long to wait before the next. Must not know: what is missing, or who
reads. `room` has `begin` called on entering, and `tend` run for each open flow while a link lives.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from deribit_ws.errors import (
    CallError,
    CallTimeout,
    ProtocolError,
    RateLimited,
    RequestNotSent,
    RpcError,
)
from deribit_ws.journal import counted, note
from deribit_ws.methods.calls import TypedCall
from deribit_ws.tally import Tally
from deribit_ws.tradeflow import Flow, Request
from deribit_ws.trades.life import Life
from deribit_ws.trades.live import LiveTrades
from deribit_ws.wire.errors import is_passing
from deribit_ws.wire.market_results import TradesPage

logger = logging.getLogger("deribit_ws.trades")

# Before asking again what brought nothing: history is tens of milliseconds behind the channels, rarely
# seconds; what fails for longer is not helped by asking more often.
_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 2.0)
_ANSWER_SECONDS = 10.0  # for one page; as for the other calls that rebuild a link
_TRIES_WITHIN_HOLD = 3  # an answer that never comes must leave time to ask again
_INVALID_PARAMS = -32602  # the one answer that says that there is no such instrument; all others may pass
_REFUSALS = 6  # in a row, some 3 s: one alone may be a slip of the exchange's, and would cost trades
_FIRST_TRIES = 4  # at the newest trades, on entering
# What was traded just before a new link may not be in history yet when it is asked at once, and no live trade
# shows the hole while its instrument is quiet: so history is asked again, each so long after the last.
_LOOKS_SECONDS = (2.0, 8.0)
_CONFIRMED_SECONDS = 1.0  # between looks whether a channel that was refused on this link is there by now

_FAILURES = (CallError, ProtocolError)  # of a read: refused, unanswered, or answered with something else


async def begin(flow: Flow, ask: TypedCall) -> None:
    """Read where a flow begins.

    Raises:
        CallError, ProtocolError: history can't tell; of many currencies some may be unknown to it.
    """
    beginnings = flow.beginnings()
    for key, (method, params) in beginnings.items():
        try:
            page = await _read(method, params, ask)
        except RpcError as error:
            if flow.has_begun:  # a live trade has told
                return
            if len(beginnings) == 1 or is_passing(error.code):
                raise
            logger.debug("no trades of %s: %s", key, error)
        else:
            flow.begin(key, page.trades)


async def _read(method: str, params: dict[str, Any], ask: TypedCall) -> TradesPage:
    """Read the newest trades; what may pass is tried again."""
    for pause in _PAUSES[: _FIRST_TRIES - 1]:
        try:
            return await _page(method, params, ask, None)
        except _FAILURES as error:
            if isinstance(error, RpcError) and not is_passing(error.code):
                raise
            logger.debug("asking again: %s", error)
            await asyncio.sleep(pause)
    return await _page(method, params, ask, None)


async def _page(method: str, params: dict[str, Any], ask: TypedCall, seconds: float | None) -> TradesPage:
    page: TradesPage = await ask(method, params, TradesPage, seconds)
    return page


async def tend(
    live: LiveTrades[Any],
    ask: TypedCall,
    seats: asyncio.Semaphore,
    life: Life,
    is_confirmed: Callable[[], bool],
    tally: Tally,
) -> None:
    """Ask history whatever a flow wants to know, while a link lives; never ends by itself.

    Args:
        live: whose flow it is.
        ask: makes a call.
        seats: how many may ask at once.
        life: tells whether the link lives, where history does not answer.
        is_confirmed: tells whether the exchange has confirmed the channel on this link.
        tally: counts the readings, and what they gave.
    """
    back_fill = _BackFill(live, tally)
    try:
        await _tend(live, ask, seats, life, is_confirmed, back_fill)
    finally:
        back_fill.end()


async def _tend(
    live: LiveTrades[Any],
    ask: TypedCall,
    seats: asyncio.Semaphore,
    life: Life,
    is_confirmed: Callable[[], bool],
    back_fill: "_BackFill",
) -> None:
    vain = 0
    was_confirmed, looks = is_confirmed(), list(_LOOKS_SECONDS)
    while True:
        request = live.wanted()
        if request is not None:
            back_fill.begin()
            vain = 0 if await _asked(live, request, ask, seats, life) else vain + 1
            if vain:
                await asyncio.sleep(_PAUSES[min(vain, len(_PAUSES)) - 1])
            continue
        back_fill.end()
        vain = 0
        if not was_confirmed:
            await live.news(_CONFIRMED_SECONDS)
            if was_confirmed := is_confirmed():
                live.flow.doubt()
        elif not await live.news(looks[0] if looks else None):
            del looks[0]
            live.flow.look_again()


class _BackFill:
    """One run of reading history, from the first call until nothing more is wanted or the link is gone."""

    def __init__(self, live: LiveTrades[Any], tally: Tally) -> None:
        self._live = live
        self._tally = tally
        self._began: tuple[float, int] | None = None  # on the loop's clock, and what was recovered by then

    def begin(self) -> None:
        """A call is made; the first of a run begins it."""
        if self._began is None:
            self._began = asyncio.get_running_loop().time(), self._live.recovered
            self._tally.back_fills += 1

    def end(self) -> None:
        """Count and say what the run brought, at INFO where it is something."""
        if self._began is None:
            return
        (at, before), self._began = self._began, None
        count, seconds = self._live.recovered - before, asyncio.get_running_loop().time() - at
        self._tally.recovered += count
        text = f"back-fill of %(channel)s: {counted(count, 'trade')} in %(seconds).2f s"
        level = logging.INFO if count else logging.DEBUG
        note(logger, level, "back_fill", text, channel=self._live.channel, count=count, seconds=seconds)


async def _asked(
    live: LiveTrades[Any], request: Request, ask: TypedCall, seats: asyncio.Semaphore, life: Life
) -> bool:
    """Ask once; tell whether that brought it on."""
    flow, hold = live.flow, live.hold
    seconds = _ANSWER_SECONDS if hold is None else min(_ANSWER_SECONDS, hold / _TRIES_WITHIN_HOLD)
    is_further = False
    try:
        async with seats:
            page = await _page_or_life(request, ask, seconds, life)
        live.tried()
        live.refusals = 0
        if page is not None:
            is_further = flow.answer(request, page.trades, page.has_more)
    except _FAILURES as error:
        logger.debug("history: %s", error)
        if not isinstance(error, RequestNotSent | RateLimited):  # those are no word of history's
            live.tried()
        is_final = isinstance(error, RpcError) and error.code == _INVALID_PARAMS
        live.refusals = live.refusals + 1 if is_final else 0
        is_further = live.refusals >= _REFUSALS and flow.refuse(request)
    live.noticed()
    return is_further


async def _page_or_life(request: Request, ask: TypedCall, seconds: float, life: Life) -> TradesPage | None:
    """Read a page; None where there was no answer, though the link lives."""
    try:
        return await _page(request.method, request.params, ask, seconds)
    except CallTimeout as error:
        logger.debug("history: %s", error)
        await life.shown()  # in its seat: on a dead link nobody need ask more
        return None


async def let_go(waiting: asyncio.Queue[LiveTrades[Any]], life: Life) -> None:
    """Have those that waited for too long give up, once the link is known to live; never ends by itself."""
    while True:
        several = [await waiting.get()]
        while not waiting.empty():
            several.append(waiting.get_nowait())
        await life.shown()
        for live in several:
            live.give_up()
