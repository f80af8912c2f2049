"""What a message says of time and price, whatever its channel.

Knows: which field of each payload is its price. Must not know: channels watched, clocks. `watch` asks it of
the last message of a channel, a few times a second: to read every message would be too slow for a busy feed.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from deribit_ws.monitor.snapshot import Levels
from deribit_ws.wire.channels import Family
from deribit_ws.wire.market import (
    Candle,
    EstimatedExpirationPrice,
    GroupedBook,
    IndexPrice,
    PartialTicker,
    PerpetualInterest,
    Quote,
    Ticker,
    Trade,
    VolatilityIndex,
)


class Gist(NamedTuple):
    """The exchange's time in ms since the epoch, a price, and the two sides of a grouped book."""

    timestamp: int | None = None
    price: float | None = None
    bids: Levels = ()
    asks: Levels = ()


def reader_of(family: Family) -> Callable[[bytes], Gist]:
    """Give what reads the messages of a family; one that can't be read says nothing."""
    decode = family.decoder()

    def read(data: bytes) -> Gist:
        try:
            payload = decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Gist()
        if isinstance(payload, list):
            payload = payload[-1] if payload else None
        time = getattr(payload, "timestamp", None)
        levels = (tuple(payload.bids), tuple(payload.asks)) if isinstance(payload, GroupedBook) else ()
        return Gist(time if isinstance(time, int) else None, _price(payload), *levels)

    return read


def middle(bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]]) -> float | None:
    """The price between the best bid and ask; None while a side is empty."""
    return (bids[0][0] + asks[0][0]) / 2 if bids and asks else None


def _price(payload: Any) -> float | None:
    match payload:
        case Ticker() | PartialTicker():
            price = payload.mark_price
        case Trade() | IndexPrice() | EstimatedExpirationPrice():
            price = payload.price
        case Quote(best_bid_price=bid, best_ask_price=ask):
            price = (bid + ask) / 2 if bid and ask else None
        case GroupedBook():
            price = middle(payload.bids, payload.asks)
        case PerpetualInterest():
            price = payload.index_price
        case VolatilityIndex():
            price = payload.volatility
        case Candle():
            price = payload.close
        case _:
            price = None
    return price if isinstance(price, int | float) else None  # what was left out is UNSET
