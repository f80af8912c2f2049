"""Options as the exchange writes them, for tests of what is listed."""

from typing import Any

import msgspec

from deribit_ws.wire.instruments import Instrument

FAR = 2_000_000_000_000  # ms: an expiration long after anything told here


def plain(name: str, *, created: int = 1, expires: int = FAR, **more: Any) -> dict[str, Any]:
    """An option as the exchange writes it."""
    return {
        "instrument_name": name,
        "kind": "option",
        "expiration_timestamp": expires,
        "creation_timestamp": created,
        "is_active": True,
        "tick_size": 0.0001,
        "contract_size": 1,
        "min_trade_amount": 0.1,
        "base_currency": "BTC",
        "quote_currency": "BTC",
        "state": "open",
    } | more


def option(name: str, **more: Any) -> Instrument:
    return msgspec.convert(plain(name, **more), Instrument)
