"""Which currencies a matching-engine request is about, told from its parameters.

Knows: how Deribit writes instruments, order ids and currency pairs. Must not know: pools or time.
`pools` asks, to charge the right budget and the right queue. Whatever can't be told counts for every
currency, which is the safe side. Source: docs.deribit.com, order management and instrument names.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

# What a portfolio is kept in. An order id may begin with other words: "OTO-…", "SLIS-…" (trigger orders).
_SETTLED = frozenset({"BTC", "ETH", "USDC", "USDT", "EURR", "SOL", "XRP"})
_LISTS = ("quotes", "trades", "legs")  # of mappings that name an instrument each
_CACHED = 4_096  # names; more than Deribit lists at once for the currencies one account trades


class Concern(NamedTuple):
    """What a request is about: currencies in capitals, () for every one; a kind, None for any."""

    currencies: tuple[str, ...] = ()
    kind: str | None = None  # "spot", or as the account's limits call them: perpetuals, futures, options


EVERYTHING = Concern()


def concern_of(params: Mapping[str, Any]) -> Concern:
    """Give what a matching-engine request is about, from its parameters as they were given."""
    name = params.get("instrument_name")
    if isinstance(name, str):
        return of_instrument(name)
    order = params.get("order_id")
    if isinstance(order, str):
        return _of_prefix(order.partition("-")[0])
    found = [*_of_lists(params), *_of_currencies(params)]
    kinds = {concern.kind for concern in found}
    if not found or EVERYTHING in found:
        return EVERYTHING
    currencies = dict.fromkeys(currency for concern in found for currency in concern.currencies)
    return Concern(tuple(currencies), kinds.pop() if len(kinds) == 1 else None)


@lru_cache(_CACHED)
def of_instrument(name: str) -> Concern:
    """Give what an instrument is settled in; a spot pair has no dash and concerns both its sides."""
    base, dash, rest = name.upper().partition("-")
    if not dash:
        return Concern(tuple(base.split("_")), "spot")
    return Concern((base.rpartition("_")[2],), _kind_of(rest))


def _kind_of(rest: str) -> str | None:
    """Give the kind by what follows an instrument's base; None for a combo, which is of several."""
    if rest == "PERPETUAL":
        return "perpetuals"
    parts = rest.split("-")
    if len(parts) == 1:
        return "futures"
    return "options" if len(parts) == 3 and parts[2] in ("C", "P") else None


@lru_cache(_CACHED)
def _of_prefix(prefix: str) -> Concern:
    """Give what an order is about, by what its id begins with; bare digits are orders in BTC."""
    if prefix.isdecimal():
        return Concern(("BTC",))
    currencies = tuple(prefix.upper().split("_"))
    return Concern(currencies) if _SETTLED.issuperset(currencies[-1:]) else EVERYTHING


def _of_lists(params: Mapping[str, Any]) -> Iterable[Concern]:
    for key in _LISTS:
        entries = params.get(key)
        for entry in entries if isinstance(entries, list | tuple) else ():
            name = entry.get("instrument_name") if isinstance(entry, Mapping) else None
            yield of_instrument(name) if isinstance(name, str) else EVERYTHING


def _of_currencies(params: Mapping[str, Any]) -> Iterable[Concern]:
    given = params.get("currency")
    for currency in given if isinstance(given, list | tuple) else (given,):
        if isinstance(currency, str):
            yield Concern((currency.upper(),)) if currency.lower() != "any" else EVERYTHING
    pair = params.get("currency_pair")
    if isinstance(pair, str):  # an index's name, perhaps with a prefix of its own: "drbfix-btc_usdc"
        yield Concern(tuple(pair.upper().rpartition("-")[2].split("_")))
