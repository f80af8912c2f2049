"""Which budgets of the exchange there are, what each grants, and which of them a request draws on.

Knows: methods, the published figures and the shape of an account's `limits`. Must not know: waiting.
`limits` is the only caller. Where the documents leave a choice, the one that asks for less is taken;
but once an account's figures are known nothing else slows it down.
Source: docs.deribit.com, rate limits; `limits` as recorded from private/get_account_summary.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from deribit_ws.credits import LAST, REFILL, SUBSCRIBE_COST, SUBSCRIBE_POOL, Lane, Pool
from deribit_ws.limits.claims import Claims
from deribit_ws.limits.currencies import Concern, concern_of
from deribit_ws.wire.methods import METHODS

GENERAL = "non_matching_engine"

# Requests a second and burst, until the account's own are learned: the lowest tier's.
_DEFAULTS = {
    GENERAL: (20.0, 100.0),  # 500 credits each, of 50,000
    "get_instruments": (REFILL / 10_000, 500_000 / 10_000),
    "subscribe": (REFILL / SUBSCRIBE_COST, SUBSCRIBE_POOL / SUBSCRIBE_COST),  # public and private together
    "get_transaction_log": (REFILL / 10_000, 80_000 / 10_000),
    "move_positions": (REFILL / 100_000, 600_000 / 100_000),
    "trading": (5.0, 20.0),
    "spot": (5.0, 20.0),
    "cancel_all": (5.0, 20.0),
    "maximum_mass_quotes": (10.0, 10.0),
    "maximum_quotes": (500.0, 500.0),  # in quotes, each side of an instrument one
}
_SPECIAL = {
    "public/get_instruments": "get_instruments",
    "public/subscribe": "subscribe",
    "private/subscribe": "subscribe",
    "private/get_transaction_log": "get_transaction_log",
}
_UNRESERVED = (*_SPECIAL.values(), "move_positions", "maximum_mass_quotes", "maximum_quotes")
_RENAMED = {  # as older recordings have them
    "quotes": "maximum_quotes",
    "max_quotes": "maximum_mass_quotes",
    "guaranteed_quotes": "guaranteed_mass_quotes",
}

# The budgets of an order, by its kind. Where the account has none of these it is charged to "trading".
_BY_KIND = {
    "spot": ("spot",),
    "perpetuals": ("trading", "trading.perpetuals"),
    "futures": ("trading", "trading.futures"),
    "options": ("trading", "trading.options"),
    None: ("trading", "trading.perpetuals", "trading.futures", "trading.options", "spot"),  # not told
}

_MATCHING_ENGINE = frozenset(name for name, method in METHODS.items() if method.matching_engine)
# What keeps a link alive and an account safe: these and the matching engine's cancels go ahead of the rest.
_VITAL = frozenset(
    {
        "public/auth",
        "public/test",
        "public/set_heartbeat",
        "private/enable_cancel_on_disconnect",
        "private/logout",
    }
)
_BROAD_CANCELS = frozenset(
    {"private/cancel_by_label", "private/cancel_all_by_kind_or_type", "private/cancel_quotes"}
)
_MOST_KNOWN = 4_096  # kinds of claims; an account that trades everything makes some hundreds


class Pools:
    """Every pool by name, and the claims of requests on them."""

    def __init__(self) -> None:
        self.by_name: dict[str, Pool] = {}
        self._matching: Mapping[str, Pool] = self.by_name  # those that matching-engine requests draw on
        self._known: dict[tuple[str, Concern, int], Claims] = {}
        self._simple: dict[str, Claims] = {}  # claims that don't depend on parameters
        for name, (rate, burst) in _DEFAULTS.items():
            self._grant(name, rate, burst, 0.0)

    def learn(self, limits: Mapping[str, Any], now: float) -> None:
        """Take over what the account is granted; whatever is missing or makes no sense stays as it was."""
        told = []
        for name, rate, burst in _granted(limits):
            self._grant(name, rate, burst, now)
            if name != GENERAL:
                told.append(name)
        if told:  # the account says what the matching engine grants it: it has no other budgets
            self._matching = {name: self.by_name[name] for name in told}
        self._known.clear()

    def claims(self, method: str, params: Mapping[str, Any]) -> Claims:
        """Give what a request takes."""
        simple = self._simple.get(method)
        if simple is not None:
            return simple
        if method not in _MATCHING_ENGINE:
            return self._simple_claims(method)
        concern = concern_of(params)
        quotes = _sides(params) if method == "private/mass_quote" else 0
        key = (method, concern, quotes)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            lane = Lane.URGENT if method.startswith("private/cancel") else Lane.ORDINARY
            draws = dict.fromkeys(self._draws(method, concern), 1.0)
            if quotes:
                draws.update(dict.fromkeys(self._of(concern, "maximum_quotes"), float(quotes)))
            known = self._known[key] = Claims(lane, tuple(draws.items()), concern.currencies)
        return known

    def _simple_claims(self, method: str) -> Claims:
        lane = Lane.URGENT if method in _VITAL else Lane.ORDINARY
        pool = self.by_name[_SPECIAL.get(method, GENERAL)]
        claims = Claims(lane, ((pool, 1.0),), None)
        if len(self._simple) < _MOST_KNOWN:
            self._simple[method] = claims
        return claims

    def _draws(self, method: str, concern: Concern) -> Iterator[Pool]:
        """Give the pools that a matching-engine request takes one of."""
        own = _own_budget(method, concern)
        yield from (self._of(concern, own) if own else ()) or self._trading(concern)
        if method == "private/move_positions":
            yield self.by_name["move_positions"]

    def _trading(self, concern: Concern) -> list[Pool]:
        """Give the pools of orders; the default where the account tells none for their currency."""
        by_kind = [pool for name in _BY_KIND[concern.kind] for pool in self._of(concern, name)]
        return by_kind or self._of(concern, "trading") or [self.by_name["trading"]]

    def _of(self, concern: Concern, name: str) -> list[Pool]:
        """Give the pools of a name for each currency, the common one where a currency has none; or none."""
        pools = self._matching
        if not concern.currencies:
            return [pool for key, pool in pools.items() if key == name or key.endswith(f".{name}")]
        common = pools.get(name)
        found = [pools.get(f"{one.lower()}.{name}", common) for one in concern.currencies]
        return [pool for pool in found if pool is not None]

    def _grant(self, name: str, rate: float, burst: float, now: float) -> None:
        pool = self.by_name.get(name)
        if pool is not None:
            pool.resize(rate, burst, now)
            return
        reserving = name.rpartition(".")[2] not in _UNRESERVED
        last = LAST if name == GENERAL else 0.0
        self.by_name[name] = new = Pool(name, rate, burst, reserving=reserving, last=last)
        for pool in self.by_name.values():
            new.pause(pool.paused_until)  # what makes everything wait makes it wait, too
        common = next((self.by_name[part] for part in name.split(".") if part in _DEFAULTS), new)
        new.lower(common.left(now), now)  # what was charged to that so far may be missing here


def _own_budget(method: str, concern: Concern) -> str | None:
    """Name the budget that an account may have for such requests alone."""
    if method == "private/mass_quote":
        return "maximum_mass_quotes"
    if method == "private/cancel_all" or (method in _BROAD_CANCELS and not concern.currencies):
        return "cancel_all"
    return "block_rfq_maker" if method.endswith(("_rfq_quote", "_rfq_quotes")) else None


def _sides(params: Mapping[str, Any]) -> int:
    """Count the quotes of a mass quote, each side of an instrument one; 1 where it can't be told."""
    quotes = params.get("quotes")
    if not isinstance(quotes, list | tuple):
        return 1
    return max(1, sum(("bid" in quote) + ("ask" in quote) for quote in quotes if isinstance(quote, Mapping)))


def _granted(limits: Mapping[str, Any]) -> Iterator[tuple[str, float, float]]:
    """Give name, rate and burst of each budget in an account's limits, both in requests."""
    general = _figures(limits.get(GENERAL))
    if general is not None:
        yield GENERAL, *general
    engine = limits.get("matching_engine")
    flat = _figures(engine)  # as older accounts had it
    if flat is not None:
        yield "trading", *flat
    elif isinstance(engine, Mapping):
        yield from _nested(engine, "")


def _nested(limits: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float, float]]:
    """Name nested budgets by their path, as "spot", "btc.trading" or "btc.trading.perpetuals"."""
    for key, value in limits.items():
        name = prefix.removesuffix(".") if key == "total" else prefix + _RENAMED.get(key, key)
        figures = _figures(value)
        if figures is not None:
            yield name, *figures
        elif isinstance(value, Mapping):
            yield from _nested(value, f"{name}.")


def _figures(value: object) -> tuple[float, float] | None:
    if not isinstance(value, Mapping):
        return None
    rate, burst = value.get("rate"), value.get("burst")
    if isinstance(rate, int | float) and isinstance(burst, int | float) and rate > 0 and burst >= 1:
        return float(rate), float(burst)
    return None
