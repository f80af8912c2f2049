"""The history of trades that a recording has so far, for the methods that read it.

Knows: trades as they came on the channels, and what the methods are asked. Must not know: when they were
said. `playback` has it hear them. What the recording missed is not there: history can't give it back.
"""

from collections import defaultdict, deque
from typing import Any

import msgspec

from deribit_ws.testing.calls import Call, Method
from deribit_ws.testing.market_methods import DEFAULT_TRADES, MOST_TRADES, SORTINGS, number_of
from deribit_ws.testing.playback_hub import UNREADABLE

KEPT = 50_000  # trades of each instrument: what the simulated exchange keeps of its own
RecordedTrade = dict[str, Any]


class RecordedTrades:
    """Trades by instrument, each once, as far as they were said."""

    def __init__(self) -> None:
        self._trades: defaultdict[str, deque[RecordedTrade]] = defaultdict(lambda: deque(maxlen=KEPT))

    @property
    def answers(self) -> dict[str, Method]:
        """The methods that are answered from here."""
        return {
            "public/get_last_trades_by_instrument": self._by_instrument,
            "public/get_last_trades_by_instrument_and_time": self._by_instrument,
            "public/get_last_trades_by_currency": self._by_currency,
            "public/get_last_trades_by_currency_and_time": self._by_currency,
        }

    def hear(self, channel: str, data: bytes) -> None:
        """Keep the trades of a message, if it has any; several channels may tell of the same."""
        if not channel.startswith("trades."):
            return
        try:
            trades = msgspec.json.decode(data, type=list[RecordedTrade])
            for trade in trades:
                kept = self._trades[trade["instrument_name"]]
                if not kept or trade["trade_seq"] > kept[-1]["trade_seq"]:
                    kept.append(trade)
        except (*UNREADABLE, KeyError, TypeError):
            return  # as it was recorded: a client may make of it what it can

    def forget(self) -> None:
        """Begin anew."""
        self._trades.clear()

    def _by_instrument(self, call: Call) -> dict[str, Any]:
        name = call.params.text("instrument_name")
        first, last = call.params.integer("start_seq"), call.params.integer("end_seq")
        found = [t for t in self._trades.get(name, ()) if _is_within(t["trade_seq"], first, last)]
        return _page(call, found)

    def _by_currency(self, call: Call) -> dict[str, Any]:
        currency, kind = call.params.text("currency"), call.params.optional("kind") or "any"
        first, last = (_number(call.params.optional(name)) for name in ("start_id", "end_id"))
        found = [
            trade
            for name, trades in self._trades.items()
            if _currency_of(name) == currency and kind in (_kind_of(name), "any")
            for trade in trades
            if _is_within(number_of(trade["trade_id"]), first, last)
        ]
        return _page(call, sorted(found, key=lambda trade: number_of(trade["trade_id"])))


def _page(call: Call, trades: list[RecordedTrade]) -> dict[str, Any]:
    params = call.params
    first, last = params.integer("start_timestamp"), params.integer("end_timestamp")
    found = [trade for trade in trades if _is_within(trade["timestamp"], first, last)]
    count = min(params.integer("count", DEFAULT_TRADES, least=1) or DEFAULT_TRADES, MOST_TRADES)
    oldest_first = params.optional("sorting", among=SORTINGS) == "asc"
    return {"trades": (found if oldest_first else found[::-1])[:count], "has_more": len(found) > count}


def _is_within(value: int, first: int | None, last: int | None) -> bool:
    return (first is None or value >= first) and (last is None or value <= last)


def _number(trade_id: str | None) -> int | None:
    return None if trade_id is None else number_of(trade_id)


def _currency_of(name: str) -> str:
    """What an instrument is settled in: BTC-PERPETUAL in BTC, BTC_USDC-PERPETUAL in USDC."""
    return name.partition("-")[0].rpartition("_")[2]


def _kind_of(name: str) -> str:
    """The kind that an instrument's name tells."""
    if "-" not in name:
        return "spot"
    return "option" if name.endswith(("-C", "-P")) else "future"
