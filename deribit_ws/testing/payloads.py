"""What the exchange says about its market: ticker, quote, book and index bodies.

Knows: field names and units of the wire. Must not know: who asked, or when to send. `feeds` (the
channels) and `market_methods` (the calls) print with it. Source: the channel and method pages of
docs.deribit.com; key order as seen on the wire.
"""

from typing import Any

from deribit_ws.testing.book import Side
from deribit_ws.testing.instruments import Instrument
from deribit_ws.testing.market import CARRY, Line, Market

PRICE_BAND = 0.015  # how far from the mark an order may be, as a fraction
OPTION_BAND = 0.5
DEPTHS = (1, 5, 10, 20, 50, 100, 1000, 10_000)  # what get_order_book offers
ENDED = ("delivered", "inactive", "archivized")  # states in which an instrument is no longer active
Payload = dict[str, Any]


def levels(instrument: Instrument, side: Side, depth: int | None = None) -> list[tuple[float, float]]:
    """[price, amount] of the best levels, best first."""
    return [(instrument.price(ticks), instrument.amount(lots)) for ticks, lots in side.levels(depth)]


def best(line: Line) -> Payload:
    """The top of the book; null where a side is empty."""
    top: Payload = {}
    for name, side in (("ask", line.book.asks), ("bid", line.book.bids)):
        ticks = side.best
        top[f"best_{name}_price"] = None if ticks is None else line.instrument.price(ticks)
        top[f"best_{name}_amount"] = None if ticks is None else line.instrument.amount(side.lots(ticks))
    return top


def quote(line: Line) -> Payload:
    """The body of quote.{instrument}."""
    return {"timestamp": line.timestamp, "instrument_name": line.instrument.name, **best(line)}


def index(market: Market, name: str) -> Payload:
    """The body of deribit_price_index.{index}."""
    return {"timestamp": market.now_ms(), "price": market.indices[name], "index_name": name}


def ticker(market: Market, line: Line) -> Payload:
    """The body of ticker.{instrument}.{interval} and of public/ticker."""
    instrument = line.instrument
    index_price = market.indices[instrument.price_index]
    tick = instrument.tick_size
    option = instrument.kind == "option"
    band = OPTION_BAND if option else PRICE_BAND
    return {
        "timestamp": market.now_ms(),
        "state": line.state,
        "stats": _stats(line),
        "index_price": index_price,
        "instrument_name": instrument.name,
        "last_price": line.last_price,
        "settlement_price": line.mark_price,
        "min_price": instrument.price(max(1, int(line.mark_price * (1 - band) / tick))),
        "max_price": instrument.price(int(line.mark_price * (1 + band) / tick) + 1),
        "open_interest": round(line.volume * 7, 1),
        "mark_price": line.mark_price,
        **best(line),
        "estimated_delivery_price": index_price,
        **(_option_fields(market, line) if option else _future_fields(line, index_price)),
    }


def order_book(market: Market, line: Line, depth: int) -> Payload:
    """The answer of public/get_order_book; `depth` is rounded up to one the exchange offers."""
    depth = next((offered for offered in DEPTHS if offered >= depth), DEPTHS[-1])
    return {
        **ticker(market, line),
        "timestamp": line.timestamp,
        "change_id": line.change_id,
        "bids": levels(line.instrument, line.book.bids, depth),
        "asks": levels(line.instrument, line.book.asks, depth),
    }


def instrument(line: Line) -> Payload:
    """An entry of public/get_instruments."""
    listed = line.instrument
    described: Payload = {
        "price_index": listed.price_index,
        "kind": listed.kind,
        "instrument_name": listed.name,
        "maker_commission": 0.0,
        "taker_commission": 0.0005,
        "instrument_type": "linear" if listed.linear else "reversed",
        "expiration_timestamp": listed.expiration_timestamp,
        "creation_timestamp": listed.creation_timestamp,
        "is_active": line.state not in ENDED,
        "state": line.state,
        "tick_size": listed.tick_size,
        "tick_size_steps": [],
        "contract_size": listed.contract_size,
        "instrument_id": listed.instrument_id,
        "min_trade_amount": listed.min_trade_amount,
        "settlement_currency": listed.settlement,
        "settlement_period": "perpetual" if listed.perpetual else "month",
        "base_currency": listed.base,
        "counter_currency": "USDC" if listed.linear else "USD",
        "quote_currency": listed.quote,
    }
    if listed.kind == "option":
        described |= {"option_type": listed.option_type, "strike": listed.strike}
    else:
        described |= {"future_type": "linear" if listed.linear else "reversed", "max_leverage": 50}
    return described


def _stats(line: Line) -> Payload:
    if line.last_price is None or line.open_price is None:
        return {"high": None, "low": None, "price_change": None, "volume": None}
    change = 100 * (line.last_price / line.open_price - 1)
    stats = {
        "high": line.high,
        "low": line.low,
        "price_change": round(change, 4),
        "volume": round(line.volume, 8),
    }
    if line.instrument.kind == "future":
        stats |= {"volume_usd": round(line.turnover, 2), "volume_notional": round(line.turnover, 2)}
    return stats


def _future_fields(line: Line, index_price: float) -> Payload:
    if not line.instrument.perpetual:
        return {}
    premium = line.mark_price / index_price - 1
    return {
        "interest_value": 10 * premium,
        "current_funding": round(premium / 8, 8),
        "funding_8h": premium / 16,
    }


def _option_fields(market: Market, line: Line) -> Payload:
    valuation = line.valuation
    assert valuation is not None, "an option is valued before anything is said about it"
    underlying = line.instrument.name.rsplit("-", 2)[0]
    return {
        "underlying_price": round(line.forward, 4),
        "underlying_index": underlying if underlying in market else f"SYN.{underlying}",
        "interest_rate": CARRY,
        "mark_iv": line.mark_iv,
        "bid_iv": _implied(line, line.book.bids),
        "ask_iv": _implied(line, line.book.asks),
        "greeks": {
            "delta": round(valuation.delta, 5),
            "gamma": round(valuation.gamma, 5),
            "vega": round(valuation.vega, 5),
            "theta": round(valuation.theta, 5),
            "rho": round(valuation.rho, 5),
        },
    }


def _implied(line: Line, side: Side) -> float:
    """The volatility of the best price, by one Newton step from the mark's: near enough to believe."""
    ticks, valuation = side.best, line.valuation
    if ticks is None or valuation is None or valuation.vega < 1e-6:
        return 0.0
    away = (line.instrument.price(ticks) - line.mark_price) * line.forward
    return round(max(0.0, line.mark_iv + away / valuation.vega), 2)
