"""Snapshots to draw, and consoles to draw them on: what tests of the pictures share.

Knows the values of a snapshot. Must not know how any of it is measured.
"""

import io
from dataclasses import fields
from typing import Any

from deribit_ws import State
from deribit_ws.client.stats import ClientStats
from deribit_ws.monitor import Chart, Health, Ladder, Row, Snapshot
from deribit_ws.tally import Drop

NOW = 1_700_000_000_000_000_000  # ns since the epoch
BOOK, TICKER, INDEX = "book.BTC-PERPETUAL.100ms", "ticker.BTC-PERPETUAL.100ms", "deribit_price_index.btc_usd"
RESET = Drop(NOW, "reset", 1006, "connection reset by peer", healthy=61.0, recovered=0.25)
LATEST = Drop(NOW, "close_1001", 1001, "maintenance", healthy=4_000.0, recovered=None)


def stats(**changed: Any) -> ClientStats:
    """A client that is connected, and was dropped twice."""
    usual = {
        "state": State.CONNECTED,
        "connections": 3,
        "uptime": 754.0,
        "dials_failed": 4,
        "drops": {"reset": 1, "close_1001": 1},
        "last_drops": (RESET, LATEST),
        "channels": 3,
        "round_trip": 0.0123,
        "clock_offset": 0.25,
        "credits": {"non_matching_engine": 96.4, "trading": 19.2, "subscribe": 9.0},
    }
    nothing: dict[str, Any] = dict.fromkeys((field.name for field in fields(ClientStats)), 0)
    return ClientStats(**(nothing | usual | changed))


def row(channel: str, health: Health = Health.OK, **changed: Any) -> Row:
    """A channel that is well."""
    usual: dict[str, Any] = {
        "messages": 12_345,
        "rate": 10.0,
        "age": 0.1,
        "lag": 0.012,
        "gaps": None,
        "price": 50_123.5,
    }
    return Row(channel, health, **(usual | changed))


def ladder(channel: str = BOOK, *, levels: int = 20) -> Ladder:
    """A valid book."""
    bids = tuple((50_000.0 - n / 2, 10.0 * n + 10) for n in range(levels))
    asks = tuple((50_000.5 + n / 2, 1_000.0 * n + 10) for n in range(levels))
    return Ladder(channel, True, bids, asks)


def scene(**changed: Any) -> Snapshot:
    """A feed of a book, a ticker and an index."""
    usual: dict[str, Any] = {
        "url": "wss://www.deribit.com/ws/api/v2",
        "time": NOW,
        "elapsed": 3_725.0,
        "stats": stats(),
        "rate": 30.0,
        "rows": (row(BOOK, gaps=2), row(TICKER), row(INDEX, Health.STALE, age=12.0)),
        "ladders": (ladder(),),
        "charts": (Chart(TICKER, tuple(50_000.0 + (n % 17) for n in range(300))),),
        "notes": ("12:00:01 something happened",),
    }
    return Snapshot(**(usual | changed))


def drawn(snapshot: Snapshot, width: int, height: int, *, encoding: str = "utf-8") -> str:
    """The screen that a terminal of this size shows, as text; rich must be there."""
    from rich.console import Console

    from deribit_ws.monitor.panels import signs_for
    from deribit_ws.monitor.view import View

    console = Console(width=width, height=height, file=io.StringIO(), record=True, color_system=None)
    console.print(View(snapshot, signs_for(encoding)))
    return console.export_text()
