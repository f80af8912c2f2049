"""Answers of the market-data calls that are no payload of a channel: books, summaries, charts, currencies.

Knows: their fields and units. Must not know: calls, connections, channels. Tickers, trades, instruments
and combos come from the rooms of channel payloads. Few fields are required and words stay plain
strings, so that a shape that surprises still decodes; fields nobody has heard of are ignored.

Units: timestamps are ms since the epoch; prices and amounts as in `market`; rates are fractions.
Source: docs.deribit.com API reference, Market Data; the shapes of points are from its samples.
"""

from typing import Any

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe
from deribit_ws.wire.market import PartialTicker, Trade

Point = tuple[int, float]  # timestamp, value
VolatilityCandle = tuple[int, float, float, float, float]  # timestamp, open, high, low, close

# By kind, or by currency and then by kind: dates as in instrument names, and PERPETUAL. Recorded so; the
# reference has a list of objects instead.
Expirations = dict[str, list[str] | dict[str, list[str]]] | list[dict[str, Any]]


class OrderBookSnapshot(PartialTicker, frozen=True, kw_only=True):
    """`public/get_order_book`: the ticker and the levels, best first, as of `change_id`."""

    change_id: Maybe[int] = UNSET
    bids: list[tuple[float, float]]  # price, amount
    asks: list[tuple[float, float]]


class TradesPage(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_last_trades_…`: some public trades, and whether there are more."""

    trades: list[Trade]
    has_more: Maybe[bool] = UNSET


class BookSummary(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_book_summary_…`: one instrument at a glance; volumes are of 24 hours."""

    instrument_name: str
    base_currency: Maybe[str] = UNSET
    quote_currency: Maybe[str] = UNSET
    creation_timestamp: Maybe[int] = UNSET
    high: Maybe[float] = UNSET
    low: Maybe[float] = UNSET
    last: Maybe[float] = UNSET
    bid_price: Maybe[float] = UNSET
    ask_price: Maybe[float] = UNSET
    mid_price: Maybe[float] = UNSET
    mark_price: Maybe[float] = UNSET
    price_change: Maybe[float] = UNSET  # percent
    volume: Maybe[float] = UNSET  # base coin
    volume_usd: Maybe[float] = UNSET
    volume_notional: Maybe[float] = UNSET  # quote currency
    open_interest: Maybe[float] = UNSET
    estimated_delivery_price: Maybe[float | str] = UNSET
    current_funding: Maybe[float] = UNSET  # perpetuals, as funding_8h
    funding_8h: Maybe[float] = UNSET
    mark_iv: Maybe[float] = UNSET  # options, from here on; percent
    interest_rate: Maybe[float] = UNSET
    underlying_index: Maybe[str] = UNSET
    underlying_price: Maybe[float] = UNSET


class WithdrawalPriority(msgspec.Struct, frozen=True, kw_only=True):
    """How much faster a withdrawal goes, and for what share of the fee."""

    name: str
    value: float


class Currency(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_currencies`: a currency, and what moving it costs (in its own coin)."""

    currency: str
    currency_long: Maybe[str] = UNSET
    coin_type: Maybe[str] = UNSET
    decimals: Maybe[int] = UNSET
    min_confirmations: Maybe[int] = UNSET
    min_withdrawal_fee: Maybe[float] = UNSET
    withdrawal_fee: Maybe[float] = UNSET
    withdrawal_priorities: Maybe[list[WithdrawalPriority]] = UNSET
    in_cross_collateral_pool: Maybe[bool] = UNSET
    network_fee: Maybe[float] = UNSET
    network_currency: Maybe[str] = UNSET
    apr: Maybe[float] = UNSET  # percent; coins that yield


class ContractSize(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_contract_size`."""

    contract_size: float


class IndexLevel(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_index_price`."""

    index_price: float
    estimated_delivery_price: Maybe[float | str] = UNSET


class IndexName(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_index_price_names` and the like with `extended`; plain names without it."""

    name: str
    future_combo_creation_enabled: Maybe[bool] = UNSET
    option_combo_creation_enabled: Maybe[bool] = UNSET


class FundingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of a funding chart."""

    timestamp: int
    index_price: Maybe[float] = UNSET
    interest_8h: Maybe[float] = UNSET


class FundingChart(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_funding_chart_data`."""

    current_interest: Maybe[float] = UNSET
    interest_8h: Maybe[float] = UNSET
    data: list[FundingPoint]


class FundingRate(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_funding_rate_history`: the rate of one hour."""

    timestamp: int
    index_price: Maybe[float] = UNSET
    prev_index_price: Maybe[float] = UNSET
    interest_8h: Maybe[float] = UNSET
    interest_1h: Maybe[float] = UNSET


class TradeVolumes(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_trade_volumes`: of 24 hours, and of 7 and 30 days with `extended`; base coin."""

    currency: Maybe[str] = UNSET
    currency_pair: Maybe[str] = UNSET  # what some answers carry instead
    calls_volume: Maybe[float] = UNSET
    puts_volume: Maybe[float] = UNSET
    futures_volume: Maybe[float] = UNSET
    spot_volume: Maybe[float] = UNSET
    calls_volume_7d: Maybe[float] = UNSET
    puts_volume_7d: Maybe[float] = UNSET
    futures_volume_7d: Maybe[float] = UNSET
    spot_volume_7d: Maybe[float] = UNSET
    calls_volume_30d: Maybe[float] = UNSET
    puts_volume_30d: Maybe[float] = UNSET
    futures_volume_30d: Maybe[float] = UNSET
    spot_volume_30d: Maybe[float] = UNSET


class TradingViewChart(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_tradingview_chart_data`: candles as columns, all of one length."""

    status: str  # ok or no_data
    ticks: Maybe[list[int]] = UNSET  # when each candle begins
    open: Maybe[list[float]] = UNSET
    high: Maybe[list[float]] = UNSET
    low: Maybe[list[float]] = UNSET
    close: Maybe[list[float]] = UNSET
    volume: Maybe[list[float]] = UNSET  # base coin
    cost: Maybe[list[float]] = UNSET  # quote currency


class VolatilityCandles(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_volatility_index_data`: candles, and the timestamp at which to go on."""

    data: list[VolatilityCandle]
    continuation: Maybe[int | str] = UNSET  # None: that was all


class DeliveryPrice(msgspec.Struct, frozen=True, kw_only=True):
    """The price at which one day's expiries were delivered."""

    date: str  # YYYY-MM-DD
    delivery_price: float


class DeliveryPrices(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_delivery_prices`: a page of days, newest first."""

    data: list[DeliveryPrice]
    records_total: Maybe[int] = UNSET


class YieldDay(msgspec.Struct, frozen=True, kw_only=True):
    """What a coin yielded on one day."""

    day: int  # days since the epoch
    apr: float  # percent a year


class YieldHistory(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_apr_history`: newest first; `continuation` is the day at which to go on."""

    data: list[YieldDay]
    continuation: Maybe[int | str] = UNSET
