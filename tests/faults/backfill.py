"""Row 35: after a drop the missed trades are asked for, and that fails in its turn.

Knows: the ways in which history can fail, and for how long each may hold up the trades. Nothing but trades
may wait: books and all else are held to the time of a drop without trouble.
"""

import asyncio
from collections.abc import Callable
from math import ceil

from deribit_ws.testing import Cut, Drop, DropOnRequest, Ending, FailRequest, IgnoreRequest
from tests.faults.row import BOTH, MEMORY, row
from tests.faults.stage import (
    DETECT_SECONDS,
    HARD_SECONDS,
    RESTORE_SECONDS,
    STEP_SECONDS,
    Recovery,
    Stage,
    backoff_bound,
)
from tests.faults.staying import ours
from tests.faults.subject import BTC

TITLE = "back-fill that fails: timeout, 10028, pages, too old, another drop"
BY_SEQ = "public/get_last_trades_by_instrument"
BY_CURRENCY = "public/get_last_trades_by_currency"
READS = (BY_SEQ, BY_CURRENCY)
PASSING = (13028, 10040, 11051, 11094)  # refusals that will pass
TOO_MANY = 10028
HOLD_SECONDS = 5.0  # that trades wait at most, counted from the last that came: the client's default
TRY_SECONDS = HOLD_SECONDS / 3  # for one answer
PAUSES = (0.1, 0.2, 0.4, 0.8)  # between tries; the client's own
SIGN_SECONDS = 0.5  # for the sign of life that is asked for before anything is given up
FLOOR_SECONDS = 5.0  # after a 10028
HISTORY = 100  # trades that can be asked for, where there are few
SOME = 50  # trades that the market makes by itself before history is asked
PAGE = 1000
PAGE_SECONDS = 0.05


def _miss(stage: Stage, count: int) -> int:
    """Cut the link, and have at least so many trades made before anybody is back; give how many."""
    stage.links.inject(Cut(Ending.RST))
    market, line = stage.exchange.market, stage.exchange.market[BTC]
    began = line.next_trade_seq
    while line.next_trade_seq < began + count:
        price = line.instrument.price(line.instrument.ticks(line.mark_price))
        market.place(BTC, "sell", price=price, amount=line.instrument.min_trade_amount)
        market.take(BTC, "buy", amount=line.instrument.min_trade_amount)
    return line.next_trade_seq - began


async def _recovers(stage: Stage, bound: float, *, spared: Callable[[], bool] | None = None) -> None:
    """Hold everything to a bound, and what need not wait (all but trades) to that of a mere drop."""
    began, observed = asyncio.get_running_loop().time(), stage.subject.observed
    drops = observed.drops
    await stage.until(lambda: observed.drops > drops and (spared() if spared else stage.subject.is_sound))
    sound = asyncio.get_running_loop().time() - began
    assert sound <= HARD_SECONDS, f"more than the trades waited: {sound:.2f} s"
    streamed = observed.counts["stream"]
    await stage.recovers(bound, drops=0, since=began)
    is_long = asyncio.get_running_loop().time() - began - sound > 10 * STEP_SECONDS
    assert observed.counts["stream"] > streamed or not is_long, "the stream waited too"


@row(35, TITLE, BOTH)
async def refused(stage: Stage) -> None:
    """History that refuses for a moment is asked again, and nothing is lost."""
    times, code = 1 + stage.seed % 3, stage.choose(*PASSING)
    for method in READS:
        stage.exchange.inject(FailRequest(method, code, times))
    _miss(stage, 20)
    await _recovers(stage, HARD_SECONDS + 2 * sum(PAUSES[:times]))

    assert not stage.subject.observed.gaps


@row(35, TITLE, BOTH, most_seeds=20)
async def too_many(stage: Stage) -> None:
    """After a 10028 the next read waits for the floor; nothing is lost, and no book waits with it."""
    stage.exchange.inject(FailRequest(BY_SEQ, TOO_MANY))
    _miss(stage, 20)
    books = ours(stage).books  # the account's own reads are under the same limit
    await _recovers(stage, FLOOR_SECONDS + HARD_SECONDS, spared=lambda: all(book.valid for book in books))

    assert not stage.subject.observed.gaps


@row(35, TITLE, BOTH)
async def unanswered(stage: Stage) -> None:
    """A read that is never answered is asked again within the hold."""
    times = stage.choose(1, 2)
    stage.exchange.inject(IgnoreRequest(BY_SEQ, times))
    _miss(stage, 20)
    await _recovers(stage, HARD_SECONDS + times * (TRY_SECONDS + SIGN_SECONDS) + sum(PAUSES[:times]))

    assert not stage.subject.observed.gaps


@row(35, TITLE, BOTH)
async def in_pages(stage: Stage) -> None:
    """More trades than a page holds come page by page, each once."""
    made = _miss(stage, stage.choose(PAGE + 500, 3 * PAGE + 500))
    await _recovers(stage, HARD_SECONDS + 2 * ceil(made / PAGE) * PAGE_SECONDS)  # two readers

    assert not stage.subject.observed.gaps


@row(35, TITLE, BOTH, exchange={"history": HISTORY})
async def too_old(stage: Stage) -> None:
    """What history has no more is declared lost, in one gap; what it has comes behind it."""
    made = _miss(stage, 300)
    await _recovers(stage, HARD_SECONDS + 2 * sum(PAUSES[:2]))

    gaps = stage.subject.observed.gaps
    assert [gap.instrument for gap in gaps] == [BTC], gaps
    assert made - HISTORY <= gaps[0].last - gaps[0].first + 1 <= made - HISTORY + SOME, gaps


@row(35, TITLE, BOTH)
async def dropped_again(stage: Stage) -> None:
    """A drop while history is asked begins it anew on the next link; nothing is lost or comes twice."""
    how = stage.choose(Drop.rst(), Drop.fin(), Drop.close(1001))
    before_reply = stage.seed % 2 == 0
    stage.exchange.inject(DropOnRequest(BY_SEQ, how, before_reply=before_reply))
    _miss(stage, stage.choose(20, PAGE + 20))
    began, observed = asyncio.get_running_loop().time(), stage.subject.observed
    again = backoff_bound(2, stage.retry_seconds) + 2 * (DETECT_SECONDS + RESTORE_SECONDS) + 4 * PAGE_SECONDS
    await stage.recovers(again, drops=2, since=began)

    assert not observed.gaps


@row(35, TITLE, MEMORY)
async def for_good(stage: Stage) -> None:
    """History that fails for the whole hold costs one gap; live trades go on behind it."""
    code = stage.choose(13028, None)
    for method in READS:
        fault = IgnoreRequest(method, 1000) if code is None else FailRequest(method, code, None)
        stage.exchange.inject(fault)
    began, observed = asyncio.get_running_loop().time(), stage.subject.observed
    _miss(stage, 20)
    last = stage.last(BTC)
    await stage.until(lambda: observed.drops and stage.subject.is_sound, HARD_SECONDS)
    await stage.until(lambda: all(flow.reached(BTC) >= last for flow in observed.flows))
    waited = asyncio.get_running_loop().time() - began
    bound = HARD_SECONDS + HOLD_SECONDS + SIGN_SECONDS
    stage.recoveries.append(Recovery(waited, bound))

    assert [gap.instrument for gap in observed.gaps if gap.instrument == BTC] == [BTC], observed.gaps
