"""One message as one line for people.

Knows: what of each payload is worth a glance. Must not know: terminals, connections. Plain values
in, text out; whatever has an unexpected shape is shown as it came.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from deribit_ws.cli.printable import printable

_TICKER = (
    ("bid", "best_bid_price"),
    ("ask", "best_ask_price"),
    ("last", "last_price"),
    ("mark", "mark_price"),
    ("index", "index_price"),
)


def readable(channel: str, data: Any, received_at: int, width: int) -> str:
    """A line of at most `width` characters: time, channel, and the gist of the data."""
    moment = time.strftime("%H:%M:%S", time.localtime(received_at / 1e9))
    gist = _GISTS.get(channel.partition(".")[0], _compact)
    try:
        text = gist(data) or _compact(data)
    except (TypeError, KeyError, AttributeError, ValueError):
        text = _compact(data)
    line = printable(f"{moment}.{received_at // 1_000_000 % 1000:03d}  {channel}  {text}")
    return line if len(line) <= width else line[: width - 1] + "…"


def number(value: Any) -> str:
    """A price or amount with its thousands parted; – where there is none."""
    if not isinstance(value, int | float):
        return "–" if value is None else str(value)
    return f"{value:,}" if abs(value) < 1e15 else str(value)


def _ticker(data: Any) -> str:
    return "  ".join(f"{label} {number(data[key])}" for label, key in _TICKER if key in data)


def _quote(data: Any) -> str:
    bid, ask = (
        f"{number(data[f'best_{side}_amount'])} @ {number(data[f'best_{side}_price'])}"
        for side in ("bid", "ask")
    )
    return f"bid {bid}  ask {ask}"


def _trades(data: Any) -> str:
    return ", ".join(
        f"{trade['direction']} {number(trade['amount'])} @ {number(trade['price'])} #{trade['trade_seq']}"
        for trade in data
    )


def _book(data: Any) -> str:
    levels = f"{len(data['bids'])} bids  {len(data['asks'])} asks"
    kind = data.get("type")
    if kind is None:  # a grouped book shows its best levels
        best = [f"best {key[:3]} {number(data[key][0][0])}" for key in ("bids", "asks") if data[key]]
        return "  ".join([levels, *best])
    return f"{kind}  {levels}  change_id {data['change_id']}"


def _index(data: Any) -> str:
    return number(data["price"])


def _compact(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


_GISTS: dict[str, Callable[[Any], str]] = {
    "ticker": _ticker,
    "quote": _quote,
    "trades": _trades,
    "book": _book,
    "deribit_price_index": _index,
}
