"""Which orders a request means: by instrument, currency, kind and type.

Knows: the parameters that choose, and the words for groups of types. Must not know: what is done
with what is chosen. `order_methods`, `order_reads` and `trade_reads` choose with it.
"""

from collections.abc import Callable, Collection
from typing import Any

from deribit_ws.testing.calls import Call
from deribit_ws.testing.channels import CURRENCIES, KINDS
from deribit_ws.testing.envelope import Refusal
from deribit_ws.testing.instruments import Instrument
from deribit_ws.testing.own_orders import OwnOrder
from deribit_ws.testing.terms import CONDITIONAL, LIMIT, MARKET, MARKET_LIMIT

ANY = "any"
STOPS, TAKES, TRAILING = ("stop_limit", "stop_market"), ("take_limit", "take_market"), ("trailing_stop",)
UNCONDITIONAL = (LIMIT, MARKET, MARKET_LIMIT)
CANCEL_TYPES: dict[str, Collection[str]] = {
    "all": (*UNCONDITIONAL, *CONDITIONAL),
    "limit": UNCONDITIONAL,
    "trigger_all": CONDITIONAL,
    "stop": STOPS,
    "take": TAKES,
    "trailing_stop": TRAILING,
}
READ_TYPES: dict[str, Collection[str]] = {
    "all": (*UNCONDITIONAL, *CONDITIONAL),
    "limit": UNCONDITIONAL,
    "trigger_all": CONDITIONAL,
    "stop_all": STOPS,
    "take_all": TAKES,
    "trailing_all": TRAILING,
    **{name: (name,) for name in CONDITIONAL},
}


def listed(call: Call, *, past: bool = False) -> Instrument:
    """The instrument a request names; with `past` an expired one will do."""
    name, market = call.params.text("instrument_name"), call.venue.market
    line = market.lines.get(name) or (market.expired.get(name) if past else None)
    if line is None:
        raise Refusal.param("instrument_name", "wrong format" if "-" not in name else "instrument not found")
    return line.instrument


def chosen_currencies(call: Call, *, required: bool = True) -> Collection[str]:
    """The currencies a request names, one or a list of them; all of them if it need not and does not."""
    named = call.params.values.get("currency", None if required else ANY)
    if named is None:
        raise Refusal.param("currency", "required")
    names: list[Any] = named if isinstance(named, list) else [named]
    if not all(isinstance(name, str) and name in CURRENCIES for name in names):
        raise Refusal.param("currency", "wrong format")
    return CURRENCIES if ANY in names else names


def among(order: OwnOrder, currencies: Collection[str]) -> bool:
    """Whether an order is settled in one of these."""
    return order.instrument.settlement in currencies


def of_kind(call: Call, types: dict[str, Collection[str]]) -> Callable[[OwnOrder], bool]:
    """A test for the kind and type that a request asks for; `types` are the words it may use."""
    kind = call.params.optional("kind", among=KINDS) or ANY
    wanted = types[call.params.optional("type", among=types) or "all"]
    return lambda order: kind in (order.instrument.kind, ANY) and order.terms.order_type in wanted
