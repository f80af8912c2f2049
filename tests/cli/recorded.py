"""Recordings made by hand, for the commands that read them.

Knows: the format, by the recorder's own words for it. Must not know: any command.
"""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deribit_ws.recorder.lines import Header, Record, header_line, record_line

SECOND = 1_000_000_000
NOON = 1_795_348_800 * SECOND  # 22 November 2026, 12:00 UTC
TICKER = "ticker.BTC-PERPETUAL.100ms"
TRADES = "trades.BTC-PERPETUAL.100ms"
BOOK = "book.BTC-PERPETUAL.100ms"


def at(seconds: float) -> int:
    return NOON + round(seconds * SECOND)


def said(seconds: float, channel: str, data: Any, n: int = 1) -> Record:
    """A notification, as the exchange writes one."""
    head = f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":{json.dumps(channel)},"data":'
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return Record(at(seconds), n, received=f"{head}{text}}}}}")


def event(seconds: float, event: str, n: int = 1, **more: Any) -> Record:
    return Record(at(seconds), n, event=event, **more)


def ticker(seconds: float, mark: float, **more: Any) -> dict[str, Any]:
    times = {"timestamp": at(seconds) // 1_000_000}
    return times | {"instrument_name": "BTC-PERPETUAL", "mark_price": mark} | more


def trade(seconds: float, seq: int, **more: Any) -> dict[str, Any]:
    body = {"timestamp": at(seconds) // 1_000_000, "instrument_name": "BTC-PERPETUAL", "direction": "buy"}
    return body | {"price": 90_000.5, "amount": 10.0, "trade_seq": seq, "trade_id": str(seq + 7)} | more


def snapshot(seconds: float, change_id: int, **sides: Any) -> dict[str, Any]:
    body = {"timestamp": at(seconds) // 1_000_000, "type": "snapshot", "change_id": change_id}
    return body | {"instrument_name": "BTC-PERPETUAL", "bids": [], "asks": []} | sides


# Two links: an answer, a book, tickers and trades; a drop; then one more trade, and the client's own end.
DAY = [
    event(0, "opened"),
    Record(at(0.1), 1, sent='{"jsonrpc":"2.0","id":1,"method":"public/test","params":{}}'),
    Record(at(0.2), 1, received='{"jsonrpc":"2.0","id":1,"result":{"version":"1"}}'),
    event(0.3, "live"),
    said(0.4, BOOK, snapshot(0.4, 1, bids=[("new", 90_000.0, 10.0)])),
    said(0.5, TICKER, ticker(0.5, 90_000.0)),
    said(0.6, TRADES, [trade(0.6, 1), trade(0.6, 2)]),
    event(1.5, "lost", code=4000, reason="bye"),
    event(1.7, "opened", 2),
    event(1.75, "live", 2),
    said(1.8, TRADES, [trade(1.8, 5)], 2),
    event(2.0, "lost", 2, code=1000, reason="closed by us"),
    Record(at(2.0), event="end"),
]


def write(path: Path, records: Iterable[Record] = tuple(DAY), *, part: int = 0) -> Path:
    """Write a recording, compressed if its name ends in .gz."""
    began = Header("deribit_ws", 1, "0123456789abcdef", part, "wss://www.deribit.com/ws/api/v2", NOON)
    text = header_line(began) + b"".join(map(record_line, records))
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path
