"""Market data as typed values: what the exchange sends on its public channels.

Knows: the fields of each payload, their units, and which may be absent or null. Must not know:
channels, connections, books kept up to date. Fields stand in the order the wire sends them, which
is what makes decoding fast. Unknown fields are ignored; states and other words stay plain strings,
so that a new one is never an error. A field that was left out is UNSET, one that was null is None,
and both encode back as they came. Values are frozen, since several callbacks may share one.

Units: `timestamp` is ms since the epoch. Prices are in the instrument's quote currency (options: in
the settlement coin). Amounts are USD for inverse perpetuals and futures, else base coin.
Source: docs.deribit.com, the page of each subscription; what may be null is from real recordings.
"""

from typing import Annotated

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe

# A number that is counted on from. JSON has no bound for one, and 4,300 nines are a valid int whose
# successor can be neither printed nor sent.
Counter = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Level = tuple[str, float, float]  # action (new, change, delete), price, amount; 0 removes the level
GroupedLevel = tuple[float, float]  # price, amount


class Stats(msgspec.Struct, frozen=True, gc=False):
    """The last 24 hours; high and low are None on an instrument that did not trade."""

    high: Maybe[float] = UNSET
    low: Maybe[float] = UNSET
    price_change: Maybe[float] = UNSET  # percent
    volume: Maybe[float] = UNSET  # base coin
    volume_usd: Maybe[float] = UNSET
    volume_notional: Maybe[float] = UNSET  # quote currency


class Greeks(msgspec.Struct, frozen=True, gc=False):
    """An option's sensitivities."""

    delta: Maybe[float] = UNSET
    gamma: Maybe[float] = UNSET
    rho: Maybe[float] = UNSET
    theta: Maybe[float] = UNSET
    vega: Maybe[float] = UNSET


class Ticker(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`ticker.{instrument_name}.{interval}`: the whole state of one instrument."""

    timestamp: int
    state: Maybe[str] = UNSET  # open, locked, settlement, delivered, inactive, halted, archivized
    stats: Maybe[Stats] = UNSET
    index_price: Maybe[float] = UNSET
    instrument_name: str
    last_price: Maybe[float] = UNSET  # None when it never traded
    settlement_price: Maybe[float] = UNSET
    min_price: Maybe[float] = UNSET
    max_price: Maybe[float] = UNSET
    open_interest: Maybe[float] = UNSET
    mark_price: float
    interest_value: Maybe[float] = UNSET  # perpetuals
    best_ask_price: Maybe[float] = UNSET  # None or 0 on an empty side, as the other three
    best_bid_price: Maybe[float] = UNSET
    estimated_delivery_price: Maybe[float | str] = UNSET  # "expired" once it is too late for one
    best_ask_amount: Maybe[float] = UNSET
    best_bid_amount: Maybe[float] = UNSET
    current_funding: Maybe[float] = UNSET  # perpetuals; a fraction, as funding_8h
    funding_8h: Maybe[float] = UNSET
    delivery_price: Maybe[float | str] = UNSET  # once delivered
    underlying_price: Maybe[float] = UNSET  # options, from here on
    underlying_index: Maybe[str] = UNSET
    interest_rate: Maybe[float] = UNSET
    bid_iv: Maybe[float] = UNSET  # percent, as the other two
    ask_iv: Maybe[float] = UNSET
    mark_iv: Maybe[float] = UNSET
    greeks: Maybe[Greeks] = UNSET
    is_anchor_breached: Maybe[bool] = UNSET  # real-world-asset perpetuals, from here on
    anchor_min_price: Maybe[float] = UNSET
    anchor_max_price: Maybe[float] = UNSET


class PartialTicker(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A ticker of which anything may be missing, the mark price too. Units are those of `Ticker`."""

    timestamp: int
    state: Maybe[str] = UNSET
    stats: Maybe[Stats] = UNSET
    index_price: Maybe[float] = UNSET
    instrument_name: str
    last_price: Maybe[float] = UNSET
    settlement_price: Maybe[float] = UNSET
    min_price: Maybe[float] = UNSET
    max_price: Maybe[float] = UNSET
    open_interest: Maybe[float] = UNSET
    mark_price: Maybe[float] = UNSET
    interest_value: Maybe[float] = UNSET
    best_ask_price: Maybe[float] = UNSET
    best_bid_price: Maybe[float] = UNSET
    estimated_delivery_price: Maybe[float | str] = UNSET
    best_ask_amount: Maybe[float] = UNSET
    best_bid_amount: Maybe[float] = UNSET
    current_funding: Maybe[float] = UNSET
    funding_8h: Maybe[float] = UNSET
    delivery_price: Maybe[float | str] = UNSET
    underlying_price: Maybe[float] = UNSET
    underlying_index: Maybe[str] = UNSET
    interest_rate: Maybe[float] = UNSET
    bid_iv: Maybe[float] = UNSET
    ask_iv: Maybe[float] = UNSET
    mark_iv: Maybe[float] = UNSET
    greeks: Maybe[Greeks] = UNSET
    is_anchor_breached: Maybe[bool] = UNSET
    anchor_min_price: Maybe[float] = UNSET
    anchor_max_price: Maybe[float] = UNSET


class IncrementalTicker(PartialTicker, frozen=True, gc=False, kw_only=True):
    """`incremental_ticker.{instrument_name}`: a whole ticker at first, then the fields that changed.

    `stats` and `greeks`, too, hold only what changed.
    """

    type: Maybe[str] = UNSET  # snapshot or change


class Quote(msgspec.Struct, frozen=True, gc=False):
    """`quote.{instrument_name}`: best bid and ask; None on an empty side."""

    timestamp: int
    instrument_name: str
    best_ask_price: float | None
    best_bid_price: float | None
    best_ask_amount: float | None
    best_bid_amount: float | None


class BookChange(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`book.{instrument_name}.{interval}`: the whole book at first, then what changed.

    Levels are `(action, price, amount)`: set the price to the amount, 0 removes it, whatever the
    action says. A change continues the book only when its `prev_change_id` is the last `change_id`
    of this same channel; an empty book may begin at 0.
    """

    timestamp: Counter
    type: Maybe[str] = UNSET  # "snapshot" or "change"; old feeds leave it out
    change_id: Counter
    instrument_name: str
    bids: list[Level]
    asks: list[Level]
    prev_change_id: Maybe[Counter] = UNSET

    @property
    def is_snapshot(self) -> bool:
        """True when these levels replace the book."""
        if self.type:
            return self.type == "snapshot"
        return self.prev_change_id is None or self.prev_change_id is UNSET


class GroupedBook(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`book.{instrument_name}.{group}.{depth}.{interval}`: the top of the book, whole each time.

    Levels are `(price, amount)`, best first.
    """

    timestamp: Maybe[int] = UNSET
    change_id: int
    instrument_name: str
    bids: list[GroupedLevel]
    asks: list[GroupedLevel]


class Trade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`trades.…`: one public trade. `trade_seq` counts per instrument; `trade_id` is unique per currency.

    A combo's trade comes with `legs`, and once more on each leg, which names the combo.
    """

    timestamp: Counter
    iv: Maybe[float] = UNSET  # options; percent
    price: float  # may be negative on a combo
    amount: float
    direction: str  # buy or sell: the taker's side
    index_price: Maybe[float] = UNSET
    instrument_name: str
    trade_seq: Counter
    mark_price: Maybe[float] = UNSET
    tick_direction: Maybe[int] = UNSET  # 0 plus, 1 zero-plus, 2 minus, 3 zero-minus
    legs: Maybe[list["Trade"]] = UNSET  # combos
    combo_id: Maybe[str] = UNSET
    contracts: Maybe[float] = UNSET
    trade_id: str
    combo_trade_id: Maybe[str | int | float] = UNSET
    liquidation: Maybe[str] = UNSET  # M, T or MT; absent on all other trades
    block_trade_id: Maybe[str | int] = UNSET
    block_trade_leg_count: Maybe[int] = UNSET
    block_rfq_id: Maybe[str | int] = UNSET
    starbase_match_id: Maybe[str | int] = UNSET
    starbase_timestamp: Maybe[int] = UNSET  # ns since the epoch


class Candle(msgspec.Struct, frozen=True, gc=False):
    """`chart.trades.{instrument_name}.{resolution}`: a candle, final when a later `tick` comes."""

    tick: int  # when the candle begins
    open: float
    high: float
    low: float
    close: float
    volume: float  # base coin
    cost: Maybe[float] = UNSET  # quote currency


class PerpetualInterest(msgspec.Struct, frozen=True, gc=False):
    """`perpetual.{instrument_name}.{interval}`: funding; only the channel's name says of what."""

    index_price: float
    interest: float  # a fraction
    timestamp: Maybe[int] = UNSET


class IndexPrice(msgspec.Struct, frozen=True, gc=False):
    """`deribit_price_index.{index_name}`: about once a second."""

    index_name: str
    price: float
    timestamp: int


class IndexSource(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`deribit_price_ranking.{index_name}`: one exchange that an index is made of."""

    weight: Maybe[float] = UNSET  # percent
    original_price: Maybe[float] = UNSET  # as the exchange said it
    price: Maybe[float] = UNSET  # as it is counted
    identifier: str
    timestamp: Maybe[int] = UNSET
    enabled: bool


class PriceStatistics(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`deribit_price_statistics.{index_name}`: an index over 24 hours."""

    low24h: Maybe[float] = UNSET
    index_name: str
    high24h: Maybe[float] = UNSET
    change24h: Maybe[float] = UNSET  # in the index's currency, not percent
    fast_market: Maybe[bool] = UNSET
    high_volatility: Maybe[bool] = UNSET  # what fast_market was called in 2025


class VolatilityIndex(msgspec.Struct, frozen=True, gc=False):
    """`deribit_volatility_index.{index_name}`: DVOL, in percent a year."""

    timestamp: int
    volatility: float
    index_name: str


class EstimatedExpirationPrice(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`estimated_expiration_price.{index_name}`: what the next expiry would be settled at."""

    is_estimated: bool  # True once it is averaged from ticks, before an expiry
    price: float
    seconds: float  # to the next expiry
    left_ticks: Maybe[float] = UNSET
    total_ticks: Maybe[float] = UNSET
    timestamp: Maybe[int] = UNSET


class OptionMarkPrice(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`markprice.options.{index_name}`: one option's mark price."""

    timestamp: Maybe[int] = UNSET
    mark_price: float  # settlement coin
    iv: Maybe[float] = UNSET  # a fraction: 0.9 is 90 %
    instrument_name: str


class PlatformState(msgspec.Struct, frozen=True, gc=False):
    """`platform_state`: an index was locked or released, or maintenance begins."""

    price_index: Maybe[str] = UNSET
    locked: Maybe[bool | str] = UNSET
    reasons: Maybe[list[str]] = UNSET
    maintenance: Maybe[bool] = UNSET


class PublicMethodsState(msgspec.Struct, frozen=True, gc=False):
    """`platform_state.public_methods_state`: whether public calls need a login."""

    allow_unauthenticated_public_requests: bool
