"""What the sender says to each call that a client makes before its data flows.

Knows shapes of results, no state. Whatever else is called is answered "ok", which nobody here reads.
"""

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.traffic import FIRST_SEQ, TIME

_LOGIN = {
    "access_token": "1.access",
    "refresh_token": "1.refresh",
    "token_type": "bearer",
    "expires_in": 31_536_000,
    "scope": "connection trade:read",
    "enabled_features": [],
}


def answer(method: str, params: Mapping[str, Any]) -> Any:
    """Give the result of a call."""
    given = _RESULTS.get(method)
    return given(params) if given is not None else "ok"


def _history(params: Mapping[str, Any]) -> dict[str, Any]:
    """Give the one trade before the first that will be sent: nothing is missing after it."""
    trade = {
        "timestamp": TIME - 1000,
        "price": 86_775.5,
        "amount": 10.0,
        "direction": "buy",
        "index_price": 86_778.25,
        "instrument_name": params["instrument_name"],
        "trade_seq": FIRST_SEQ - 1,
        "mark_price": 86_777.11,
        "tick_direction": 0,
        "contracts": 1.0,
        "trade_id": str(403_000_000 + FIRST_SEQ - 1),
    }
    is_asked = params.get("start_seq", 0) < FIRST_SEQ
    return {"trades": [trade] if is_asked else [], "has_more": False}


_RESULTS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "public/subscribe": lambda params: params["channels"],
    "private/subscribe": lambda params: params["channels"],
    "public/unsubscribe": lambda params: params["channels"],
    "private/unsubscribe": lambda params: params["channels"],
    "public/test": lambda _: {"version": "1.2.26"},
    "public/hello": lambda _: {"version": "1.2.26"},
    "public/auth": lambda _: _LOGIN,
    "public/get_time": lambda _: TIME,
    "public/get_instruments": lambda _: [],
    "public/get_last_trades_by_instrument": _history,
    "private/get_account_summary": lambda _: {"currency": "BTC"},
}
