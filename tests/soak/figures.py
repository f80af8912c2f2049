"""A market that is arithmetic: every trade and every book follows from its number.

Knows how the wire writes trades, book changes and tickers. Must not know sockets. `sender` sends by it, and
`flood` holds what the client shows against it: ten million messages need not be written down to be judged.
All numbers keep their width, so that a frame's header is the same for each of its kind.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

TRADED = ("BTC-PERPETUAL", "ETH-PERPETUAL")
BOOK = "BTC-PERPETUAL"
FIRST = 10_000_000  # the first trade_seq and change_id: eight digits for the next 90 million
EPOCH_MS = 1_795_348_800_000  # of trade_seq 0; each later one is a millisecond later
LEVELS = 20  # of each side of the book
BEST_BID, BEST_ASK = 60_000, 60_010
AMOUNT = 1_000_000  # USD; seven digits

ROUND = {TRADED[0]: 40, TRADED[1]: 24}  # trades written at once, one a message; with them
ROUND_CHANGES, ROUND_TICKERS = 20, 16
ROUND_MESSAGES = sum(ROUND.values()) + ROUND_CHANGES + ROUND_TICKERS
PAGE = 1000  # trades, the most that one answer of history gives

TRADE_CHANNELS = {name: f"trades.{name}.100ms" for name in TRADED}
BOOK_CHANNEL = f"book.{BOOK}.100ms"
TICKER_CHANNEL = f"ticker.{BOOK}.100ms"

_NOTICE = '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"%s","data":%s}}'
_TRADE = (
    '{"timestamp":%%d,"price":60000.5,"amount":10.0,"direction":"buy","index_price":60000.1,'
    '"instrument_name":"%s","trade_seq":%%d,"mark_price":60000.2,"tick_direction":1,"contracts":1.0,'
    '"trade_id":"%%d"}'
)
_CHANGE = (
    '{"timestamp":%%d,"type":"change","change_id":%%d,"instrument_name":"%s","prev_change_id":%%d,'
    '"bids":[%%s],"asks":[%%s]}'
)
_TICKER = (
    '{"timestamp":%%d,"state":"open","stats":{"high":61000.0,"low":59000.0,"price_change":1.5,'
    '"volume":1000.0,"volume_usd":6e7},"index_price":60000.1,"instrument_name":"%s","last_price":60000.5,'
    '"mark_price":60000.2,"best_ask_price":60010.0,"best_ask_amount":10.0,"best_bid_price":60000.0,'
    '"best_bid_amount":10.0}'
)


def framed(text: bytes) -> bytes:
    """Give a server's text frame (RFC 6455, 5.2)."""
    if len(text) < 126:
        return bytes((0x81, len(text))) + text
    if len(text) < 65_536:
        return b"\x81\x7e" + len(text).to_bytes(2) + text
    return b"\x81\x7f" + len(text).to_bytes(8) + text


def _template(channel: str, data: str, *example: Any) -> bytes:
    """Give a frame with places for numbers; `example` are some of the width that all will have."""
    text = (_NOTICE % (channel, data)).encode()
    size = len(text % example)
    return framed(b"x" * size)[:-size].replace(b"%", b"%%") + text


_TRADE_FRAMES = {
    name: _template(channel, f"[{_TRADE % name}]", EPOCH_MS + FIRST, FIRST, FIRST)
    for name, channel in TRADE_CHANNELS.items()
}
_LEVEL = b'["change",%d.0,%d.0]'
_CHANGE_FRAME = _template(
    BOOK_CHANNEL, _CHANGE % BOOK, EPOCH_MS, FIRST, FIRST, _LEVEL % (BEST_BID, AMOUNT), b""
)
_TICKER_FRAME = _template(TICKER_CHANNEL, _TICKER % BOOK, EPOCH_MS)


def trade_frames(name: str, first: int, count: int) -> bytes:
    """Give one frame for each of so many trades in a row."""
    template = _TRADE_FRAMES[name]
    return b"".join([template % (EPOCH_MS + seq, seq, seq) for seq in range(first, first + count)])


def ticker_frame(at: int) -> bytes:
    """Give a ticker; `at` is a number like a trade_seq."""
    return _TICKER_FRAME % (EPOCH_MS + at)


def change_frame(change_id: int) -> bytes:
    """Give the change that leads to a change_id: it sets one level."""
    place = change_id % (2 * LEVELS)
    level = _LEVEL % (_price(place), _amount(change_id))
    bids, asks = (level, b"") if place < LEVELS else (b"", level)
    return _CHANGE_FRAME % (EPOCH_MS + change_id, change_id, change_id - 1, bids, asks)


def book_at(change_id: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Give bids and asks, best first, as they are at a change_id."""
    last = [change_id - (change_id - place) % (2 * LEVELS) for place in range(2 * LEVELS)]
    levels = [(float(_price(place)), float(_amount(last[place]))) for place in range(2 * LEVELS)]
    return levels[:LEVELS], levels[LEVELS:]


def _price(place: int) -> int:
    return BEST_BID - place if place < LEVELS else BEST_ASK + place - LEVELS


def _amount(change_id: int) -> int:
    return AMOUNT + change_id % AMOUNT


def snapshot_frame(change_id: int) -> bytes:
    """Give the first message of the book's channel."""
    bids, asks = ([["new", *level] for level in side] for side in book_at(change_id))
    data = {
        "timestamp": EPOCH_MS + change_id,
        "type": "snapshot",
        "change_id": change_id,
        "instrument_name": BOOK,
        "bids": bids,
        "asks": asks,
    }
    notice: dict[str, Any] = {
        "jsonrpc": "2.0",
        "method": "subscription",
        "params": {"channel": BOOK_CHANNEL, "data": data},
    }
    return framed(json.dumps(notice).encode())


def trades_json(name: str, seqs: Iterable[int]) -> list[Any]:
    """Give trades as history answers with them."""
    template = _TRADE % name
    return [json.loads(template % (EPOCH_MS + seq, seq, seq)) for seq in seqs]


def is_book(change_id: int | None, bids: Sequence[Any], asks: Sequence[Any]) -> bool:
    """Tell whether a book is what it is at its change_id."""
    return change_id is not None and (list(bids), list(asks)) == book_at(change_id)


class Market:
    """What was made so far, sent or not."""

    def __init__(self) -> None:
        self.next_seq = dict.fromkeys(TRADED, FIRST)
        self.change_id = FIRST
        self.messages = 0

    def round(self) -> bytes:
        """Make the next hundred messages; two kinds of trades, changes of a book, tickers."""
        written = []
        for name in TRADED:
            written.append(trade_frames(name, self.next_seq[name], ROUND[name]))
            self.next_seq[name] += ROUND[name]
        for _ in range(ROUND_CHANGES):
            self.change_id += 1
            written.append(change_frame(self.change_id))
        written += [ticker_frame(self.change_id)] * ROUND_TICKERS
        self.messages += ROUND_MESSAGES
        return b"".join(written)

    def history(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer public/get_last_trades_by_instrument."""
        last, count = self.next_seq[name] - 1, min(params.get("count", 10), PAGE)
        if params.get("sorting") != "asc":
            return {
                "trades": trades_json(name, range(last, max(FIRST, last - count + 1) - 1, -1)),
                "has_more": last - FIRST >= count,
            }
        first = max(FIRST, params["start_seq"])
        until = min(last, first + count - 1)
        return {"trades": trades_json(name, range(first, until + 1)), "has_more": until < last}
