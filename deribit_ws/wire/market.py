"""Market data as typed values: what the exchange sends on its public channels.

Knows: the fields of each payload, their units, and which may be absent or null. Must not know:
channels, connections, books kept up to date. Fields stand in the order the wire sends them, which
is what makes decoding fast. Unknown fields are ignored; states and other words stay plain strings,
so that a new one is never an error. Values are frozen, since several callbacks may share one.

Units: `timestamp` is ms since the epoch. Prices are in the instrument's quote currency (options: in
the settlement coin). Amounts are USD for inverse perpetuals and futures, else base coin.
Source: docs.deribit.com, the page of each subscription; what may be null is from real recordings.
"""

import msgspec

Level = tuple[str, float, float]  # action (new, change, delete), price, amount; 0 removes the level
GroupedLevel = tuple[float, float]  # price, amount


class Stats(msgspec.Struct, frozen=True, gc=False):
    """The last 24 hours; all None on an instrument that did not trade."""

    high: float | None = None
    low: float | None = None
    price_change: float | None = None  # percent
    volume: float | None = None  # base coin
    volume_usd: float | None = None
    volume_notional: float | None = None  # quote currency


class Greeks(msgspec.Struct, frozen=True, gc=False):
    """An option's sensitivities."""

    delta: float | None = None
    gamma: float | None = None
    rho: float | None = None
    theta: float | None = None
    vega: float | None = None


class Ticker(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`ticker.{instrument}.{interval}`: the whole state of one instrument."""

    timestamp: int
    state: str = "open"  # open, locked, settlement, delivered, inactive, halted, archivized
    stats: Stats | None = None
    index_price: float | None = None
    instrument_name: str
    last_price: float | None = None  # None when it never traded
    settlement_price: float | None = None
    min_price: float | None = None
    max_price: float | None = None
    open_interest: float | None = None
    mark_price: float
    interest_value: float | None = None  # perpetuals
    best_ask_price: float | None = None
    best_bid_price: float | None = None
    estimated_delivery_price: float | str | None = None  # "expired" once it is too late for one
    best_ask_amount: float | None = None
    best_bid_amount: float | None = None
    current_funding: float | None = None  # perpetuals; a fraction, as funding_8h
    funding_8h: float | None = None
    delivery_price: float | str | None = None
    underlying_price: float | None = None  # options, from here on
    underlying_index: str | None = None
    interest_rate: float | None = None
    bid_iv: float | None = None  # percent, as the other two
    ask_iv: float | None = None
    mark_iv: float | None = None
    greeks: Greeks | None = None
    is_anchor_breached: bool | None = None  # real-world-asset perpetuals, from here on
    anchor_min_price: float | None = None
    anchor_max_price: float | None = None


class Quote(msgspec.Struct, frozen=True, gc=False):
    """`quote.{instrument}`: best bid and ask; None on an empty side."""

    timestamp: int
    instrument_name: str
    best_ask_price: float | None = None
    best_bid_price: float | None = None
    best_ask_amount: float | None = None
    best_bid_amount: float | None = None


class BookChange(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`book.{instrument}.{interval}`: the whole book at first, then what changed.

    Levels are `(action, price, amount)`: set the price to the amount, 0 removes it, whatever the
    action says. A change continues the book only when its `prev_change_id` is the last `change_id`
    of this same channel.
    """

    timestamp: int
    type: str | None = None  # "snapshot" or "change"; old feeds leave it out
    change_id: int
    instrument_name: str
    bids: list[Level]
    asks: list[Level]
    prev_change_id: int | None = None

    @property
    def is_snapshot(self) -> bool:
        """True when these levels replace the book."""
        return self.type == "snapshot" if self.type is not None else self.prev_change_id is None


class GroupedBook(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`book.{instrument}.{group}.{depth}.{interval}`: the top of the book, whole each time.

    Levels are `(price, amount)`, best first.
    """

    timestamp: int | None = None
    change_id: int
    instrument_name: str
    bids: list[GroupedLevel]
    asks: list[GroupedLevel]


class Trade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One public trade. `trade_seq` counts per instrument; `trade_id` is unique per currency."""

    timestamp: int
    iv: float | None = None  # options; percent
    price: float
    amount: float
    direction: str  # buy or sell: the taker's side
    index_price: float | None = None
    instrument_name: str
    trade_seq: int
    mark_price: float | None = None
    tick_direction: int | None = None  # 0 plus, 1 zero-plus, 2 minus, 3 zero-minus
    legs: "list[Trade] | None" = None  # combos
    combo_id: str | None = None
    contracts: float | None = None
    trade_id: str
    combo_trade_id: str | int | float | None = None
    liquidation: str | None = None  # M, T or MT; absent on all other trades
    block_trade_id: str | None = None
    block_trade_leg_count: int | None = None
    block_rfq_id: int | None = None
    starbase_match_id: int | None = None
    starbase_timestamp: int | None = None  # ns since the epoch


class IndexPrice(msgspec.Struct, frozen=True, gc=False):
    """`deribit_price_index.{index}`: about once a second."""

    index_name: str
    price: float
    timestamp: int


class PlatformState(msgspec.Struct, frozen=True, gc=False):
    """`platform_state`: an index was locked or released, or maintenance begins."""

    price_index: str | None = None
    locked: bool | str | None = None
    reasons: list[str] | None = None
    maintenance: bool | None = None


class PublicMethodsState(msgspec.Struct, frozen=True, gc=False):
    """`platform_state.public_methods_state`: whether public calls need a login."""

    allow_unauthenticated_public_requests: bool
