"""The methods that read the market and the exchange's own state.

Knows: parameters and results of public reads. Must not know: connections or subscriptions.
`methods` lists them by name. Source: API reference of docs.deribit.com.
"""

import heapq
import math
import re
from collections.abc import Iterator
from itertools import dropwhile, islice, takewhile
from typing import Any

from deribit_ws.testing import payloads
from deribit_ws.testing.calls import Call, Method
from deribit_ws.testing.channels import CURRENCIES, KINDS
from deribit_ws.testing.envelope import Refusal
from deribit_ws.testing.events import Trade
from deribit_ws.testing.faults import HistoryLag
from deribit_ws.testing.market import Line, Market
from deribit_ws.testing.params import Params

VERSION = "1.2.26"
MOST_TRADES = 1000  # a page of get_last_trades_*
DEFAULT_TRADES = 10
SORTINGS = ("asc", "desc", "default")
TRADING_CURRENCIES = CURRENCIES - {"any"}  # these reads want one, unlike the channels
TRADE_ID = re.compile(r"(?:(?P<prefix>[A-Z0-9]+(?:_[A-Z0-9]+)?)-)?(?P<number>[0-9]{1,18})")


def get_time(call: Call) -> int:
    """Milliseconds since the epoch."""
    return call.venue.market.now_ms()


def test(call: Call) -> dict[str, str]:
    """The version, or an error if one is asked for."""
    if call.params.optional("expected_result") == "exception":
        raise Refusal(11029, "exception")
    if call.connection:
        call.connection.tested()
    return {"version": VERSION}


def hello(call: Call) -> dict[str, str]:
    """The version, for a client's name and version."""
    call.params.text("client_name")
    call.params.text("client_version")
    return {"version": VERSION}


def status(call: Call) -> dict[str, Any]:
    """Nothing is locked here."""
    return {"locked": "false", "locked_indices": []}


def get_currencies(call: Call) -> list[dict[str, Any]]:
    """The currencies anything settles in."""
    names = {"BTC": "Bitcoin", "ETH": "Ethereum", "USDC": "USD Coin"}
    return [
        {
            "coin_type": "ETHER" if short == "USDC" else short,
            "currency": short,
            "currency_long": name,
            "decimals": 6 if short == "USDC" else 8,
            "in_cross_collateral_pool": True,
            "min_confirmations": 1,
            "min_withdrawal_fee": 0.0001,
            "withdrawal_fee": 0.0001,
            "withdrawal_priorities": [],
        }
        for short, name in names.items()
    ]


def get_instruments(call: Call) -> list[payloads.Payload]:
    """The instruments of a currency and kind: those listed, or those that have expired."""
    currency = call.params.text("currency", among=CURRENCIES)
    kind = call.params.optional("kind", among=KINDS) or "any"
    market = call.venue.market
    lines = market.expired if call.params.flag("expired") else market.lines
    return [
        payloads.instrument(line)
        for line in lines.values()
        if currency in (line.instrument.settlement, "any") and kind in (line.instrument.kind, "any")
    ]


def get_instrument(call: Call) -> payloads.Payload:
    """One instrument, expired ones included."""
    return payloads.instrument(_line(call, past=True))


def ticker(call: Call) -> payloads.Payload:
    """The ticker as the channel would show it now."""
    return payloads.ticker(call.venue.market, _line(call))


def get_order_book(call: Call) -> payloads.Payload:
    """The best levels, with the change_id they belong to."""
    depth = call.params.integer("depth", 5, least=1) or 1
    return payloads.order_book(call.venue.market, _line(call), depth)


def get_index_price(call: Call) -> dict[str, float]:
    """An index."""
    indices = call.venue.market.indices
    price = indices[call.params.text("index_name", among=indices)]
    return {"index_price": price, "estimated_delivery_price": price}


def get_last_trades_by_instrument(call: Call) -> dict[str, Any]:
    """A page of an instrument's trades, by sequence or by time, both bounds included."""
    return _page(_line(call, past=True), call.params, written_until(call))


def get_last_trades_by_instrument_and_time(call: Call) -> dict[str, Any]:
    """The same, by time alone."""
    for required in ("start_timestamp", "end_timestamp"):
        call.params.number(required, least=0)
    return _page(_line(call, past=True), call.params, written_until(call))


def get_last_trades_by_currency(call: Call) -> dict[str, Any]:
    """A page of the trades of a currency and kind, by id or by time, both bounds included.

    Expired instruments are among them. Sorted by id, which all instruments of a currency share.
    """
    params = call.params
    currency = params.text("currency", among=TRADING_CURRENCIES)
    kind = params.optional("kind", among=KINDS) or "any"
    first, last = _trade_number(params, "start_id", currency), _trade_number(params, "end_id", currency)
    from_ms, to_ms = params.integer("start_timestamp"), params.integer("end_timestamp")
    latest_ms = min(written_until(call), math.inf if to_ms is None else to_ms)

    def too_old(trade: Trade) -> bool:
        by_id = first is not None and number_of(trade.trade_id) < first
        return by_id or (from_ms is not None and trade.timestamp < from_ms)

    def too_new(trade: Trade) -> bool:
        by_id = last is not None and number_of(trade.trade_id) > last
        return by_id or trade.timestamp > latest_ms

    # Newest first, so that only what is asked for is gone through: a history holds 50,000 of each.
    newest_first = (
        takewhile(lambda trade: not too_old(trade), dropwhile(too_new, reversed(line.trades)))
        for line in _lines(call.venue.market, currency, kind)
    )
    return _merged(newest_first, params)


def get_last_trades_by_currency_and_time(call: Call) -> dict[str, Any]:
    """The same, by time alone."""
    for required in ("start_timestamp", "end_timestamp"):
        call.params.number(required, least=0)
    return get_last_trades_by_currency(call)


def written_until(call: Call) -> float:
    """The time in ms up to which the history is written."""
    lag = call.venue.standing.take(HistoryLag)
    return call.venue.market.now_ms() - lag.seconds * 1000 if lag else math.inf


def number_of(trade_id: str) -> int:
    """The rising part of a trade id: "ETH-311974188" is the 311,974,188th of its currency."""
    return int(trade_id.rpartition("-")[2])


def _trade_number(params: Params, name: str, currency: str) -> int | None:
    """The number of a trade id given as a parameter; ids of another currency are refused."""
    value = params.optional(name)
    if value is None:
        return None
    found = TRADE_ID.fullmatch(value)
    expected = currency if currency != "BTC" else None
    if not found or (found["prefix"] or "").rpartition("_")[2] != (expected or ""):
        raise Refusal.param(name, "wrong format")
    return int(found["number"])


def _lines(market: Market, currency: str, kind: str) -> Iterator[Line]:
    kinds = {"future_combo", "option_combo"} if kind == "combo" else {kind}
    for line in (*market.lines.values(), *market.expired.values()):
        if line.instrument.settlement == currency and (kind == "any" or line.instrument.kind in kinds):
            yield line


def _merged(newest_first: Iterator[Iterator[Trade]], params: Params) -> dict[str, Any]:
    count, ascending = _count(params), _ascending(params)
    if ascending:
        found = heapq.merge(*(reversed([*trades]) for trades in newest_first), key=_number)
    else:
        found = heapq.merge(*newest_first, key=_number, reverse=True)
    page = list(islice(found, count + 1))
    return {"trades": page[:count], "has_more": len(page) > count}


def _number(trade: Trade) -> int:
    return number_of(trade.trade_id)


def _count(params: Params) -> int:
    return min(params.integer("count", DEFAULT_TRADES, least=1) or DEFAULT_TRADES, MOST_TRADES)


def _ascending(params: Params) -> bool:
    return params.optional("sorting", among=SORTINGS) == "asc"


def _line(call: Call, *, past: bool = False) -> Line:
    """The instrument meant; with `past` an expired one will do."""
    name, market = call.params.text("instrument_name"), call.venue.market
    line = market.lines.get(name) or (market.expired.get(name) if past else None)
    if line is None:
        raise Refusal.param("instrument_name", "wrong format" if "-" not in name else "instrument not found")
    return line


def _page(line: Line, params: Params, written_ms: float) -> dict[str, Any]:
    count, ascending = _count(params), _ascending(params)
    found = [trade for trade in _within(line, params) if trade.timestamp <= written_ms]
    page = found[:count] if ascending else found[::-1][:count]
    return {"trades": page, "has_more": len(found) > count}


def _within(line: Line, params: Params) -> list[Trade]:
    first = line.trades[0].trade_seq if line.trades else 0
    since, until = params.integer("start_seq", first) or 0, params.integer("end_seq")
    from_ms, to_ms = params.integer("start_timestamp", 0) or 0, params.integer("end_timestamp")
    # trade_seq has no holes, so a sequence number says where in the history a trade stands.
    stop = None if until is None else max(0, until - first + 1)
    candidates = islice(line.trades, max(0, since - first), stop)
    return [t for t in candidates if t.timestamp >= from_ms and (to_ms is None or t.timestamp <= to_ms)]


METHODS: dict[str, Method] = {
    "public/get_time": get_time,
    "public/test": test,
    "public/status": status,
    "public/get_currencies": get_currencies,
    "public/get_instruments": get_instruments,
    "public/get_instrument": get_instrument,
    "public/ticker": ticker,
    "public/get_order_book": get_order_book,
    "public/get_index_price": get_index_price,
    "public/get_last_trades_by_instrument": get_last_trades_by_instrument,
    "public/get_last_trades_by_instrument_and_time": get_last_trades_by_instrument_and_time,
    "public/get_last_trades_by_currency": get_last_trades_by_currency,
    "public/get_last_trades_by_currency_and_time": get_last_trades_by_currency_and_time,
}
WEBSOCKET_METHODS: dict[str, Method] = {"public/hello": hello}
