"""The methods that read a user's fills.

Knows: their parameters, pages and results. Must not know: books, matching, envelopes. `methods`
lists them by name. Source: trading pages of docs.deribit.com; that nothing asked for as sorting is
newest first, and that _by_order gives a bare list, is as recorded on the test exchange.
"""

from collections.abc import Callable
from typing import Any

from deribit_ws.testing.calls import Call, Method
from deribit_ws.testing.channels import KINDS
from deribit_ws.testing.envelope import Refusal
from deribit_ws.testing.market_methods import written_until
from deribit_ws.testing.numbering import number_of
from deribit_ws.testing.order_choice import ANY, chosen_currencies, listed

Fill = dict[str, Any]
MOST_TRADES = 1000  # in a page
DEFAULT_TRADES = 10
SORTINGS = ("asc", "desc", "default")


def get_user_trades_by_currency(call: Call) -> Fill:
    """A page of the fills of a currency and kind, by id and time, both bounds included."""
    currencies = chosen_currencies(call)
    kind = call.params.optional("kind", among=KINDS) or ANY
    first, last = (_number(call, name) for name in ("start_id", "end_id"))
    market = call.venue.market

    def fits(fill: Fill) -> bool:
        line = market.lines.get(fill["instrument_name"]) or market.expired[fill["instrument_name"]]
        number = number_of(fill["trade_id"])
        return (
            line.instrument.settlement in currencies
            and kind in (line.instrument.kind, ANY)
            and (first is None or number >= first)
            and (last is None or number <= last)
        )

    return _page(call, fits)


def get_user_trades_by_currency_and_time(call: Call) -> Fill:
    """The same, by time alone."""
    _require_times(call)
    return get_user_trades_by_currency(call)


def get_user_trades_by_instrument(call: Call) -> Fill:
    """A page of the fills of an instrument, by trade_seq and time, both bounds included."""
    name = listed(call, past=True).name
    first, last = call.params.integer("start_seq"), call.params.integer("end_seq")

    def fits(fill: Fill) -> bool:
        return (
            fill["instrument_name"] == name
            and (first is None or fill["trade_seq"] >= first)
            and (last is None or fill["trade_seq"] <= last)
        )

    return _page(call, fits)


def get_user_trades_by_instrument_and_time(call: Call) -> Fill:
    """The same, by time alone."""
    _require_times(call)
    return get_user_trades_by_instrument(call)


def get_user_trades_by_order(call: Call) -> list[Fill]:
    """All fills of an order, as a bare list."""
    order_id = call.params.text("order_id")
    return _sorted(call, [fill for fill in _stored(call) if fill["order_id"] == order_id])


def _require_times(call: Call) -> None:
    for name in ("start_timestamp", "end_timestamp"):
        call.params.number(name, least=0)


def _number(call: Call, name: str) -> int | None:
    """The number in a trade id that may be asked for."""
    text = call.params.optional(name)
    if text is not None and not text.rpartition("-")[2].isdecimal():
        raise Refusal.param(name, "wrong format")
    return None if text is None else number_of(text)


def _stored(call: Call) -> list[Fill]:
    user_id, now = call.required_login().user_id, call.venue.market.now_ms()
    stored = call.venue.engine.store.trades(user_id, now, historical=call.params.flag("historical"))
    until = written_until(call)
    return [fill for fill in stored if fill["timestamp"] <= until]


def _page(call: Call, fits: Callable[[Fill], bool]) -> Fill:
    params = call.params
    count = min(params.integer("count", DEFAULT_TRADES, least=1) or DEFAULT_TRADES, MOST_TRADES)
    first, last = params.integer("start_timestamp", 0) or 0, params.integer("end_timestamp")
    found = [
        fill
        for fill in _stored(call)
        if fits(fill) and fill["timestamp"] >= first and (last is None or fill["timestamp"] <= last)
    ]
    return {"trades": _sorted(call, found)[:count], "has_more": len(found) > count}


def _sorted(call: Call, fills: list[Fill]) -> list[Fill]:
    return fills if call.params.optional("sorting", among=SORTINGS) == "asc" else fills[::-1]


METHODS: dict[str, Method] = {
    "private/get_user_trades_by_currency": get_user_trades_by_currency,
    "private/get_user_trades_by_currency_and_time": get_user_trades_by_currency_and_time,
    "private/get_user_trades_by_instrument": get_user_trades_by_instrument,
    "private/get_user_trades_by_instrument_and_time": get_user_trades_by_instrument_and_time,
    "private/get_user_trades_by_order": get_user_trades_by_order,
}
