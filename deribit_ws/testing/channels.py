"""Which channel names exist, and which feed each stands for.

Knows: the patterns of Deribit's subscription channels. Must not know: subscribers or messages.
`hub` asks for a feed when somebody subscribes; None means no such channel, and the exchange then
silently leaves it out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from deribit_ws.testing.book_feeds import BookFeed, WindowFeed
from deribit_ws.testing.feeds import (
    Feed,
    IndexFeed,
    KindTradesFeed,
    Pace,
    PlatformFeed,
    QuoteFeed,
    StillFeed,
    TickerFeed,
    TradesFeed,
)
from deribit_ws.testing.market import Line, Market
from deribit_ws.testing.own_events import Payload
from deribit_ws.testing.user_feeds import (
    ChangesFeed,
    Concerns,
    OrdersFeed,
    OwnTradesFeed,
    PortfolioFeed,
    of_instrument,
    of_kind_and_currency,
)

PACES = {"raw": Pace.RAW, "100ms": Pace.FAST, "agg2": Pace.SLOW}
GROUPS = {"none": 0.0, "1": 1.0, "2": 2.0, "5": 5.0, "10": 10.0, "25": 25.0, "100": 100.0, "250": 250.0}
ETH_GROUP_DIVISOR = 100  # for ETH a group of 5 means 0.05
WINDOW_DEPTHS = {"1": 1, "10": 10, "20": 20}
KINDS = {"future", "option", "spot", "future_combo", "option_combo", "combo", "any"}
CURRENCIES = {"BTC", "ETH", "USDC", "USDT", "EURR", "any"}
RESOLUTIONS = {"1", "3", "5", "10", "15", "30", "60", "120", "180", "360", "720", "1D"}
ORDER_FEEDS = {"orders": OrdersFeed, "trades": OwnTradesFeed, "changes": ChangesFeed}
STILL_USER_FAMILIES = {
    "combo_trades",
    "mmp_trigger",
    "access_log",
    "lock",
    "liquidation",
    "isolated",
    "lsp",
}

PRIVATE = ("user.", "block_trade_confirmations", "block_rfq.maker.", "block_rfq.taker.")
# By how a name begins; the first that fits. What is not printed in the documentation is as for the
# methods that read the same.
SCOPES = {
    "user.portfolio": "account:read",
    "user.access_log": "account:read",
    "user.lock": "account:read",
    "user.liquidation": "account:read",
    "user.isolated.liquidation": "account:read",
    "user.lsp": "account:read",
    "user.": "trade:read",
    "block_trade_confirmations": "block_trade:read",
    "block_rfq.maker.": "block_rfq:read",
    "block_rfq.taker.": "block_rfq:read",
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose private channels are meant; `summary` gives the sums of an account in a currency."""

    user_id: int
    summary: Callable[[str], Payload]


def private(channel: str) -> bool:
    """Whether a channel belongs to an account."""
    return channel.startswith(PRIVATE)


def scope_needed(channel: str) -> str | None:
    """The scope without which a channel is left out; None for a public one."""
    return next((scope for prefix, scope in SCOPES.items() if channel.startswith(prefix)), None)


def raw(channel: str) -> bool:
    """Whether a public channel needs a login because it speaks at each event."""
    return channel.endswith(".raw") and not private(channel)


def feed(channel: str, market: Market, rng: Random, owner: Owner) -> Feed | None:
    """The feed of a channel, None for a name the exchange does not know."""
    match channel.split("."):
        case ["platform_state"]:
            return PlatformFeed(market, rng)
        case ["deribit_price_index", name] if name in market.indices:
            return IndexFeed(market, name)
        case ["user", *parts]:
            return _user_feed(parts, market, owner)
        case ["trades", kind, currency, pace] if kind in KINDS and currency in CURRENCIES and pace in PACES:
            return KindTradesFeed(market, kind, currency, PACES[pace])
        case [_, instrument, *_] if instrument in market:
            return _instrument_feed(channel.split("."), market, market[instrument])
        case parts:
            return StillFeed() if _quiet(parts, market) else None


def _user_feed(parts: list[str], market: Market, owner: Owner) -> Feed | None:
    match parts:
        case ["portfolio", currency] if currency.upper() in ("ANY", *CURRENCIES):
            return PortfolioFeed(currency.upper(), owner.summary)
        case [family, *_] if family in STILL_USER_FAMILIES:
            return StillFeed()
        case [family, *subject, pace] if family in ORDER_FEEDS and pace in PACES:
            concerns = _concerns(subject, market)
            return ORDER_FEEDS[family](concerns, PACES[pace]) if concerns else None
        case _:
            return None


def _concerns(subject: list[str], market: Market) -> Concerns | None:
    match subject:
        case [name] if name in market:
            return of_instrument(name)
        case [kind, currency] if kind in KINDS and currency in CURRENCIES:
            return of_kind_and_currency(kind, currency)
        case _:
            return None


def _quiet(parts: list[str], market: Market) -> bool:
    """Whether the exchange has such a channel, on which nothing happens here but what is published."""
    match parts:
        case ["announcements"] | ["platform_state", "public_methods_state"]:
            return True
        case [
            "deribit_price_ranking"
            | "deribit_price_statistics"
            | "deribit_volatility_index"
            | "estimated_expiration_price",
            name,
        ]:
            return name in market.indices
        case ["markprice", "options", name]:
            return name in market.indices
        case ["chart", "trades", name, resolution]:
            return name in market and resolution in RESOLUTIONS
        case ["instrument", "creation" | "state", kind, currency]:
            return kind in KINDS and currency in CURRENCIES
        case ["block_rfq", "trades" | "maker" | "taker", currency] | [
            "block_rfq",
            "maker",
            "quotes",
            currency,
        ]:
            return currency in CURRENCIES
        case ["block_trade_confirmations"]:
            return True
        case ["block_trade_confirmations", currency]:
            return currency in CURRENCIES
        case _:
            return False


def _instrument_feed(parts: list[str], market: Market, line: Line) -> Feed | None:
    match parts:
        case ["book", _, pace] if pace in PACES:
            return BookFeed(line, PACES[pace])
        case ["book", _, group, depth, pace] if depth in WINDOW_DEPTHS and pace in PACES:
            ticks = _group_ticks(line, group)
            window = {"group": ticks or 1, "depth": WINDOW_DEPTHS[depth]}
            return None if ticks is None else WindowFeed(line, PACES[pace], **window)
        case ["ticker", _, pace] if pace in PACES:
            return TickerFeed(market, line, PACES[pace])
        case ["quote", _]:
            return QuoteFeed(line)
        case ["incremental_ticker", _]:
            return StillFeed()
        case ["perpetual", _, pace] if line.instrument.perpetual and pace in PACES:
            return StillFeed()
        case ["trades", name, pace] if pace in PACES:
            return TradesFeed(frozenset({name}), PACES[pace])
        case _:
            return None


def _group_ticks(line: Line, group: str) -> int | None:
    """How many ticks a group spans, None if there is no such group (options have only `none`)."""
    if group not in GROUPS or (group != "none" and line.instrument.kind == "option"):
        return None
    width = GROUPS[group] / (ETH_GROUP_DIVISOR if line.instrument.base == "ETH" else 1)
    return max(1, round(width / line.instrument.tick_size))
