"""Channels: what a name says of its payload, and the families that names come in.

Knows: of each family its pattern, its payload type, and how it may be thinned when a consumer is slow.
Must not know: who listens or what is subscribed. `router` asks for the family of each new channel;
`deribit_ws.channels` writes and reads names. The grammar of patterns is in `patterns`.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, cast, get_args

import msgspec

from deribit_ws.wire.accounts import Liquidation, LspEvent, MmpTrigger, Portfolio, UserLock
from deribit_ws.wire.blocks import BlockRfq, BlockRfqQuote, BlockRfqTrade, BlockTradeConfirmation
from deribit_ws.wire.instruments import Instrument, InstrumentState
from deribit_ws.wire.market import (
    BookChange,
    Candle,
    EstimatedExpirationPrice,
    GroupedBook,
    IncrementalTicker,
    IndexPrice,
    IndexSource,
    OptionMarkPrice,
    PerpetualInterest,
    PlatformState,
    PriceStatistics,
    PublicMethodsState,
    Quote,
    Ticker,
    Trade,
    VolatilityIndex,
)
from deribit_ws.wire.notices import AccessLog, Announcement
from deribit_ws.wire.patterns import Pattern, Values
from deribit_ws.wire.trading import Order, UserChanges, UserTrade

if TYPE_CHECKING:
    # With a default, so that `Channel` alone means a channel of anything.
    from typing_extensions import TypeVar

    T_co = TypeVar("T_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    T_co = TypeVar("T_co", covariant=True)

__all__ = [
    "Channel",
    "Family",
    "Pattern",
    "Values",
    "families_meant",
    "family_of",
    "is_private",
    "seconds_between",
]


class Channel(str, Generic[T_co]):
    """A channel's name, or a pattern of names, that tells a type checker what its messages carry.

    At run time it is a plain string, so `isinstance` knows nothing of this class: some encoders, msgspec
    among them, refuse subclasses of `str`.
    """

    __slots__ = ()

    def __new__(cls, name: str) -> Self:  # noqa: D102  described above
        return cast("Self", str(name))


@dataclass(frozen=True, slots=True)
class Family:
    """What all channels of one pattern have in common.

    `payload` is the type `data` is decoded into, None for plain values. `is_state`: each message
    replaces the last one of its channel, so a slow consumer may be given only the newest.
    `is_private`: needs a login, and none of its messages may ever be dropped. `may_be_single`: where
    a list is promised, one object may come instead.
    """

    pattern: Pattern
    payload: Any = None
    is_state: bool = False
    is_private: bool = False
    is_known: bool = True
    may_be_single: bool = False

    def decoder(self) -> Callable[[bytes], Any]:
        """Give what reads `data` into the payload type; it raises `msgspec.DecodeError`.

        Not strictly: what is an int today has been seen as 4.0, and reading that costs no more.
        """
        return _decoder(self.payload, self.may_be_single)


@functools.cache  # one for all channels of a type: ten thousand would not stay in a processor's caches
def _decoder(payload: Any, may_be_single: bool) -> Callable[[bytes], Any]:
    if payload is None:
        return msgspec.json.Decoder().decode
    if may_be_single:
        return _listing(*get_args(payload))
    return msgspec.json.Decoder(payload, strict=False).decode


def _listing(item: Any) -> Callable[[bytes], Any]:
    decode = msgspec.json.Decoder(list[item] | item, strict=False).decode

    def listed(data: bytes) -> Any:
        value = decode(data)
        return value if type(value) is list else [value]

    return listed


def _family(text: str, payload: Any = None, *, is_state: bool = False, may_be_single: bool = False) -> Family:
    return Family(
        Pattern(text), payload, is_state=is_state, is_private=is_private(text), may_be_single=may_be_single
    )


def is_private(channel: str) -> bool:
    """Tell whether a channel needs `private/subscribe`."""
    return channel.startswith(_PRIVATE)


def seconds_between(channel: str) -> float | None:
    """Give how often a channel speaks whatever the market does; None where that is not known."""
    return 1.0 if channel.startswith("deribit_price_index.") else None


_PRIVATE = ("user.", "block_trade_confirmations", "block_rfq.maker.", "block_rfq.taker.")

# Source: docs.deribit.com, subscriptions. A raw channel of orders gives one order, the others a list.
# Of lists that documents do not agree about, or do not show, a single object is taken as well.
_PRODUCTION = (
    _family("platform_state", PlatformState),
    _family("platform_state.public_methods_state", PublicMethodsState),
    _family("announcements", Announcement),
    _family("book.{instrument_name}.{interval}", BookChange),
    _family("book.{instrument_name}.{group}.{depth}.{interval}", GroupedBook, is_state=True),
    _family("ticker.{instrument_name}.{interval}", Ticker, is_state=True),
    _family("incremental_ticker.{instrument_name}", IncrementalTicker),
    _family("perpetual.{instrument_name}.{interval}", PerpetualInterest, is_state=True),
    _family("quote.{instrument_name}", Quote, is_state=True),
    _family("trades.{instrument_name}.{interval}", list[Trade]),
    _family("trades.{kind}.{currency}.{interval}", list[Trade]),
    _family("chart.trades.{instrument_name}.{resolution}", Candle),
    _family("deribit_price_index.{index_name}", IndexPrice, is_state=True),
    _family("deribit_price_ranking.{index_name}", list[IndexSource], is_state=True),
    _family("deribit_price_statistics.{index_name}", PriceStatistics, is_state=True),
    _family("deribit_volatility_index.{index_name}", VolatilityIndex, is_state=True),
    _family("estimated_expiration_price.{index_name}", EstimatedExpirationPrice, is_state=True),
    _family("markprice.options.{index_name}", list[OptionMarkPrice]),
    _family("instrument.creation.{kind}.{currency}", Instrument),
    _family("instrument.state.{kind}.{currency}", InstrumentState),
    _family("block_trade_confirmations", BlockTradeConfirmation),
    _family("block_trade_confirmations.{currency}", BlockTradeConfirmation),
    _family("block_rfq.maker.{currency}", BlockRfq),
    _family("block_rfq.taker.{currency}", BlockRfq),
    _family("block_rfq.maker.quotes.{currency}", list[BlockRfqQuote]),
    _family("block_rfq.trades.{currency}", BlockRfqTrade),
    _family("user.access_log", AccessLog),
    _family("user.lock", UserLock),
    _family("user.mmp_trigger.{index_name}", MmpTrigger),
    _family("user.portfolio.{currency}", Portfolio),
    _family("user.orders.{instrument_name}.raw", Order),
    _family("user.orders.{instrument_name}.{interval}", list[Order], may_be_single=True),
    _family("user.orders.{kind}.{currency}.raw", Order),
    _family("user.orders.{kind}.{currency}.{interval}", list[Order], may_be_single=True),
    _family("user.trades.{instrument_name}.{interval}", list[UserTrade]),
    _family("user.trades.{kind}.{currency}.{interval}", list[UserTrade]),
    _family("user.combo_trades.{instrument_name}.{interval}", list[UserTrade], may_be_single=True),
    _family("user.combo_trades.{kind}.{currency}.{interval}", list[UserTrade], may_be_single=True),
    _family("user.changes.{instrument_name}.{interval}", UserChanges),
    _family("user.changes.{kind}.{currency}.{interval}", UserChanges),
    _family("user.liquidation", Liquidation),
    _family("user.isolated.liquidation", Liquidation),
    _family("user.lsp", LspEvent),
)

# On Coinbase's retail deployment only. Its payloads are those of the channels without `isolated`; of the
# last two no shape is published.
_COINBASE = (
    _family("user.isolated.orders.{kind}.{currency}.{interval}", list[Order], may_be_single=True),
    _family("user.isolated.orders.{instrument_name}.{interval}", list[Order], may_be_single=True),
    _family("user.isolated.trades.{kind}.{currency}.{interval}", list[UserTrade], may_be_single=True),
    _family("user.isolated.trades.{instrument_name}.{interval}", list[UserTrade], may_be_single=True),
    _family("user.isolated.changes.{kind}.{currency}.{interval}", UserChanges),
    _family("user.isolated.changes.{instrument_name}.{interval}", UserChanges),
    _family("user.isolated.portfolio.{currency}", Portfolio),
    _family("user.position_lock"),
    _family("user.trailing_orders.trigger_price.{currency}"),
)

_FAMILIES = (*_PRODUCTION, *_COINBASE)


def family_of(channel: str) -> Family:
    """Give the family of a channel; one of plain values, not `is_known`, where nobody knows it."""
    for family in _FAMILIES:
        if family.pattern.match(channel, {}) is not None:
            return family
    return Family(Pattern(">"), is_private=is_private(channel), is_known=False)


def families_meant(pattern: Pattern) -> list[Family]:
    """Give the families whose channels `pattern` can route; [] where nobody knows one."""
    return [family for family in _FAMILIES if _overlap(pattern.segments, family.pattern.segments)]


def _overlap(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    if ours[-1] == ">":
        theirs = theirs[: len(ours)]
    if len(ours) != len(theirs):
        return False
    return all(a == b or _is_open(a) or _is_open(b) for a, b in zip(ours, theirs, strict=True))


def _is_open(segment: str) -> bool:
    return segment in ("*", ">") or segment.startswith("{")
