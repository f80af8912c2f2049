"""What an order must be, and is made to be, before it may enter a book.

Knows: a line's state, prices and best levels; the terms of an order. Must not know: queues, users,
positions beyond their size. `engine` asks it. Source: order management and errors pages of
docs.deribit.com.
"""

from dataclasses import replace

from deribit_ws.testing.book import Direction
from deribit_ws.testing.envelope import Refusal
from deribit_ws.testing.market import TRADED, Line
from deribit_ws.testing.payloads import PRICE_BAND
from deribit_ws.testing.terms import FOK, IOC, MARKET, MARKET_LIMIT, Terms

PRICE_TOO_LOW = 10005
PRICE_TOO_HIGH = 10007
SETTLEMENT_IN_PROGRESS = 10041
POST_ONLY_REJECT = 11054
BOOK_CLOSED = 13019


def check_open(line: Line) -> None:
    """Refuse what comes while an instrument is not traded."""
    if line.state != TRADED:
        raise Refusal(SETTLEMENT_IN_PROGRESS if line.state == "settlement" else BOOK_CLOSED)


def check_price(line: Line, terms: Terms) -> None:
    """Refuse to buy a future far above its mark, or to sell it far below: the message names the limit.

    Options have no limit here, so that a quiet one can be traded at any price.
    """
    instrument = line.instrument
    if terms.ticks is None or instrument.kind == "option":
        return
    furthest = _furthest(line, terms.direction)
    if terms.direction is Direction.BUY and terms.ticks > furthest:
        raise Refusal(PRICE_TOO_HIGH, message=f"price_too_high {instrument.price(furthest)}")
    if terms.direction is Direction.SELL and terms.ticks < furthest:
        raise Refusal(PRICE_TOO_LOW, message=f"price_too_low {instrument.price(furthest)}")


def _furthest(line: Line, direction: Direction) -> int:
    """The highest price at which a future may be bought, the lowest at which it may be sold, in ticks."""
    tick = line.instrument.tick_size
    if direction is Direction.BUY:
        return int(line.mark_price * (1 + PRICE_BAND) / tick) + 1
    return max(1, int(line.mark_price * (1 - PRICE_BAND) / tick))


def reduced(terms: Terms, position: int, *, filled: int = 0) -> Terms:
    """What is not yet filled of an order that may only reduce is no larger than the position; all in lots."""
    if not terms.reduce_only:
        return terms
    most = -position if terms.direction is Direction.BUY else position
    if most <= 0:
        raise Refusal.param("reduce_only", "no position to reduce")
    return replace(terms, lots=min(terms.lots, filled + most))


def slid(line: Line, terms: Terms) -> Terms:
    """A post-only order that would match stands one tick inside instead, or is refused if it says so."""
    best = line.book.against(terms.direction).best
    if not terms.post_only or terms.ticks is None or best is None:
        return terms
    buys = terms.direction is Direction.BUY
    if not (terms.ticks >= best if buys else terms.ticks <= best):
        return terms
    inside = best - 1 if buys else best + 1
    if terms.reject_post_only or inside < 1:
        raise Refusal(POST_ONLY_REJECT)
    return replace(terms, ticks=inside)


def priced(line: Line, terms: Terms) -> Terms:
    """A market order is a limit order at the furthest price it may take, and shows that as its price.

    market_limit takes the best price there is, and rests there with what is left.
    """
    if terms.ticks is not None:
        return terms
    other = line.book.against(terms.direction).prices()
    if not other:
        return replace(terms, ticks=line.instrument.ticks(line.mark_price))
    if terms.order_type == MARKET_LIMIT:
        return replace(terms, ticks=other[0])
    if line.instrument.kind == "option":
        return replace(terms, ticks=other[-1])
    return replace(terms, ticks=_furthest(line, terms.direction))


def rests(line: Line, terms: Terms) -> bool:
    """Whether what is not filled at once waits in the book, rather than being cancelled."""
    if terms.time_in_force in (FOK, IOC) or terms.order_type == MARKET:
        return False
    meets_nothing = terms.ticks is None and line.book.against(terms.direction).best is None
    return terms.order_type != MARKET_LIMIT or not meets_nothing
