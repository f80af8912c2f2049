"""Orders, trades and positions of the account, as the exchange sends them.

Knows: the fields of each, their units, and which may be absent or null. Must not know: channels,
calls, or what an order room makes of them. Few fields are required and words stay plain strings, so
that a shape that surprises still decodes; fields nobody has heard of are ignored. Frozen.

Units: timestamps are ms since the epoch; prices and amounts as in `market`.
Source: docs.deribit.com, user.orders, user.trades, user.changes; field order is from recordings.
"""

from typing import Any

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe

Id = str | int  # most ids are strings of digits; some have been seen both ways


class Order(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`user.orders.…`, and the answer to every call about an order."""

    label: Maybe[str] = UNSET  # "" where the user gave none
    price: Maybe[float | str] = UNSET  # "market_price" while a trigger market order waits
    user_id: Maybe[int] = UNSET
    amount: Maybe[float] = UNSET  # all of it, the filled part too
    direction: str  # buy or sell
    time_in_force: Maybe[str] = UNSET
    instrument_name: str
    web: Maybe[bool] = UNSET
    api: Maybe[bool] = UNSET
    mobile: Maybe[bool] = UNSET
    order_id: str  # "ETH-584864807", "USDC-104819327443", bare digits for BTC
    creation_timestamp: Maybe[int] = UNSET
    replaced: Maybe[bool] = UNSET
    filled_amount: Maybe[float] = UNSET
    last_update_timestamp: Maybe[int] = UNSET
    post_only: Maybe[bool] = UNSET
    reduce_only: Maybe[bool] = UNSET
    cancel_reason: Maybe[str] = UNSET  # user_request, autoliquidation, cancel_on_disconnect, settlement …
    average_price: Maybe[float] = UNSET  # 0 while nothing is filled
    trigger_price: Maybe[float | str] = UNSET  # a word where there is no price yet, as `price`
    trigger: Maybe[str] = UNSET  # index_price, mark_price or last_price
    trigger_offset: Maybe[float] = UNSET  # trailing stops
    trigger_reference_price: Maybe[float] = UNSET
    trigger_order_id: Maybe[Id] = UNSET
    triggered: Maybe[bool] = UNSET
    mmp: Maybe[bool] = UNSET  # under market maker protection
    mmp_group: Maybe[str] = UNSET
    mmp_cancelled: Maybe[bool] = UNSET
    contracts: Maybe[float] = UNSET
    reject_post_only: Maybe[bool] = UNSET
    order_state: str  # open, filled, rejected, cancelled, untriggered, triggered, speed_bumped
    order_type: Maybe[str] = UNSET
    original_order_type: Maybe[str] = UNSET  # market or market_limit
    is_liquidation: Maybe[bool] = UNSET
    is_rebalance: Maybe[bool] = UNSET
    risk_reducing: Maybe[bool] = UNSET
    display_amount: Maybe[float] = UNSET  # icebergs
    refresh_amount: Maybe[float] = UNSET  # icebergs
    max_show: Maybe[float] = UNSET  # what display_amount was called before June 2025
    advanced: Maybe[str | bool] = UNSET  # options: usd or implv, else false where it is there
    implv: Maybe[float] = UNSET  # percent
    usd: Maybe[float] = UNSET
    block_trade: Maybe[bool] = UNSET
    auto_replaced: Maybe[bool] = UNSET
    quote: Maybe[bool] = UNSET  # made by a mass quote, as the next two
    quote_set_id: Maybe[Id] = UNSET
    quote_id: Maybe[Id] = UNSET
    app_name: Maybe[str] = UNSET
    oto_order_ids: Maybe[list[str]] = UNSET
    trigger_fill_condition: Maybe[str] = UNSET  # first_hit, complete_fill or incremental
    oco_ref: Maybe[Id] = UNSET
    primary_order_id: Maybe[Id] = UNSET
    is_secondary_oto: Maybe[bool] = UNSET
    is_primary_otoco: Maybe[bool] = UNSET
    profit_loss: Maybe[float] = UNSET  # seen until 2022, as commission
    commission: Maybe[float] = UNSET
    starbase_order_id: Maybe[Id] = UNSET
    starbase_last_update_timestamp: Maybe[int] = UNSET  # ns since the epoch
    main_uid: Maybe[int] = UNSET  # isolated margin, as the next
    isolated: Maybe[bool] = UNSET


class UserTrade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`user.trades.…` and `user.combo_trades.…`: one fill of an order of the account.

    A combo's fill comes as one trade with `legs`, and once more on each leg, which names the combo.
    """

    label: Maybe[str] = UNSET
    timestamp: int
    iv: Maybe[float] = UNSET  # options; percent
    state: Maybe[str] = UNSET  # the order's: open, filled, rejected, cancelled, untriggered, archive
    price: float
    user_id: Maybe[int] = UNSET
    amount: float
    direction: str  # buy or sell
    index_price: Maybe[float] = UNSET
    underlying_price: Maybe[float] = UNSET  # options
    instrument_name: str
    trade_seq: Maybe[int] = UNSET  # counts per instrument
    api: Maybe[bool] = UNSET
    mark_price: Maybe[float] = UNSET
    order_id: Maybe[str] = UNSET  # a leg may have none
    matching_id: Maybe[Id] = UNSET  # always null
    tick_direction: Maybe[int] = UNSET  # 0 plus, 1 zero-plus, 2 minus, 3 zero-minus
    profit_loss: Maybe[float] = UNSET  # base coin
    post_only: Maybe[bool | str] = UNSET  # documented as a word, seen as a bool
    reduce_only: Maybe[bool | str] = UNSET
    self_trade: Maybe[bool] = UNSET
    mmp: Maybe[bool] = UNSET
    legs: Maybe[list["UserTrade"]] = UNSET  # combos
    combo_id: Maybe[str] = UNSET
    combo_trade_id: Maybe[str | int | float] = UNSET
    contracts: Maybe[float] = UNSET
    trade_id: str  # unique per currency
    fee_currency: Maybe[str] = UNSET
    fee: Maybe[float] = UNSET  # in fee_currency; negative is a rebate
    order_type: Maybe[str] = UNSET  # limit, market or liquidation
    original_order_type: Maybe[str] = UNSET
    risk_reducing: Maybe[bool] = UNSET
    liquidity: Maybe[str] = UNSET  # M maker, T taker
    liquidation: Maybe[str] = UNSET  # M, T or MT: whose side was liquidated
    advanced: Maybe[str | bool] = UNSET  # usd or implv
    block_trade_id: Maybe[Id] = UNSET
    block_rfq_id: Maybe[Id] = UNSET
    block_rfq_quote_id: Maybe[Id] = UNSET
    quote_set_id: Maybe[Id] = UNSET
    quote_id: Maybe[Id] = UNSET
    trade_allocations: Maybe[list[dict[str, Any]]] = UNSET
    starbase_match_id: Maybe[Id] = UNSET
    starbase_timestamp: Maybe[int] = UNSET  # ns since the epoch
    starbase_order_id: Maybe[Id] = UNSET
    main_uid: Maybe[int] = UNSET  # isolated margin, as the next
    isolated: Maybe[bool] = UNSET


class Position(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the account holds of one instrument; money is in the settlement coin unless it says USD."""

    total_profit_loss: Maybe[float] = UNSET
    size_currency: Maybe[float] = UNSET  # base coin
    size: float  # futures: USD or base coin, as amounts; options: base coin; negative when short
    settlement_price: Maybe[float] = UNSET
    realized_profit_loss: Maybe[float] = UNSET
    realized_funding: Maybe[float] = UNSET  # perpetuals
    mark_price: Maybe[float] = UNSET
    maintenance_margin: Maybe[float] = UNSET
    leverage: Maybe[float] = UNSET
    kind: Maybe[str] = UNSET
    interest_value: Maybe[float] = UNSET  # perpetuals
    instrument_name: str
    initial_margin: Maybe[float] = UNSET
    index_price: Maybe[float] = UNSET
    floating_profit_loss: Maybe[float] = UNSET
    floating_profit_loss_usd: Maybe[float] = UNSET  # options
    direction: str  # buy, sell or zero
    delta: Maybe[float] = UNSET
    gamma: Maybe[float] = UNSET  # options, as the next two
    vega: Maybe[float] = UNSET
    theta: Maybe[float] = UNSET
    average_price: Maybe[float] = UNSET
    average_price_usd: Maybe[float] = UNSET  # options
    estimated_liquidation_price: Maybe[float] = UNSET  # futures; null when out of reach
    open_orders_margin: Maybe[float] = UNSET
    user_id: Maybe[int] = UNSET


class UserChanges(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`user.changes.…`: what one event did to an instrument's orders, trades and positions.

    Any of the lists may be empty or left out.
    """

    trades: Maybe[list[UserTrade]] = UNSET
    positions: Maybe[list[Position]] = UNSET
    orders: Maybe[list[Order]] = UNSET
    instrument_name: str
