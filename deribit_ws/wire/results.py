"""Answers of the trading calls that are no payload of a channel: orders placed, pages, settlements, MMP.

Knows: their fields and units. Must not know: calls, connections, channels. Orders, trades and positions
come from the room of trading payloads. Few fields are required and words stay plain strings: an answer
to a call that acted must be readable even when its shape surprises.

Units: timestamps are ms since the epoch; amounts and prices as in `market`; margins, profits and funding
are in the settlement coin. Source: docs.deribit.com API reference, Trading.
"""

from typing import Any

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe
from deribit_ws.wire.trading import Order, UserTrade


class OrderPlaced(msgspec.Struct, frozen=True, kw_only=True):
    """`private/buy`, `sell`, `edit`, `edit_by_label`, `close_position`: the order, and its fills so far."""

    order: Order
    trades: list[UserTrade] = []


class CancelReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one part of a bulk cancel came to; only with `detailed`.

    A bulk cancel is carried out per currency, kind of order and book, and each part can fail alone.
    """

    order: Maybe[Order] = UNSET
    currency: Maybe[str] = UNSET
    type: Maybe[str] = UNSET
    instrument_name: Maybe[str] = UNSET
    result: Any = UNSET  # no published shape
    error: Any = UNSET  # no published shape


class OrdersPage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_order_history_…` asked `with_continuation`: some orders that have ended."""

    orders: list[Order]
    continuation: Maybe[str] = UNSET  # give it back for the next page; None: that was all


class UserTradesPage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_user_trades_…`: some of the account's trades, and whether there are more."""

    trades: list[UserTrade]
    has_more: Maybe[bool] = UNSET


class RpcFault(msgspec.Struct, frozen=True, kw_only=True):
    """An error inside an answer."""

    code: int
    message: str = ""


class QuoteError(msgspec.Struct, frozen=True, kw_only=True):
    """Why one quote of a mass quote was refused."""

    instrument_name: Maybe[str] = UNSET
    side: Maybe[str] = UNSET  # bid or ask
    error: Maybe[RpcFault] = UNSET
    code: Maybe[int] = UNSET  # where the reference has the error's two fields
    message: Maybe[str] = UNSET


class MassQuoteResult(msgspec.Struct, frozen=True, kw_only=True):
    """`private/mass_quote`: what became of the quotes; with `detailed=False` the counts alone."""

    orders: Maybe[list[Order]] = UNSET
    trades: Maybe[list[UserTrade]] = UNSET
    errors: Maybe[list[QuoteError]] = UNSET
    errors_count: Maybe[int] = UNSET
    pending_requests: Maybe[list[dict[str, Any]]] = UNSET
    pending_requests_count: Maybe[int] = UNSET


class Margins(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_margins`: what an order would take, and the prices it may have."""

    buy: float
    sell: float
    min_price: Maybe[float] = UNSET
    max_price: Maybe[float] = UNSET


class OrderMargin(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_order_margin_by_ids`."""

    order_id: str
    initial_margin: float
    initial_margin_currency: Maybe[str] = UNSET


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """A settlement, delivery or bankruptcy of one instrument."""

    type: str  # settlement, delivery or bankruptcy
    timestamp: int
    instrument_name: Maybe[str] = UNSET
    position: Maybe[float] = UNSET
    mark_price: Maybe[float] = UNSET
    index_price: Maybe[float] = UNSET
    profit_loss: Maybe[float] = UNSET
    session_profit_loss: Maybe[float] = UNSET
    funding: Maybe[float] = UNSET
    funded: Maybe[float] = UNSET  # bankruptcies, from here on
    session_bankruptcy: Maybe[float] = UNSET
    session_tax: Maybe[float] = UNSET
    session_tax_rate: Maybe[float] = UNSET
    socialized: Maybe[float] = UNSET


class SettlementsPage(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_last_settlements_…`, `private/get_settlement_history_…`."""

    settlements: list[Settlement]
    continuation: Maybe[str] = UNSET  # give it back for the next page


class TriggerOrderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a trigger order."""

    timestamp: int
    trigger_order_id: str
    instrument_name: str
    order_id: Maybe[str] = UNSET  # of the order it became
    order_state: Maybe[str] = UNSET
    order_type: Maybe[str] = UNSET
    request: Maybe[str] = UNSET  # trigger:order, cancel, …
    direction: Maybe[str] = UNSET
    price: Maybe[float | str] = UNSET  # "market_price" where it becomes a market order
    amount: Maybe[float] = UNSET
    trigger: Maybe[str] = UNSET
    trigger_price: Maybe[float] = UNSET
    trigger_offset: Maybe[float] = UNSET
    offset: Maybe[float] = UNSET  # what older answers call it
    last_update_timestamp: Maybe[int] = UNSET
    reduce_only: Maybe[bool] = UNSET
    post_only: Maybe[bool] = UNSET
    label: Maybe[str] = UNSET
    is_secondary_oto: Maybe[bool] = UNSET
    oco_ref: Maybe[str] = UNSET
    source: Maybe[str] = UNSET


class TriggerOrderHistory(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_trigger_order_history`: a page of it, newest first."""

    entries: list[TriggerOrderEvent]
    continuation: Maybe[str] = UNSET


class LegPrice(msgspec.Struct, frozen=True, kw_only=True):
    """One leg, and the price it gets."""

    instrument_name: str
    direction: Maybe[str] = UNSET
    ratio: Maybe[float] = UNSET
    price: Maybe[float] = UNSET


class LegPrices(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_leg_prices`: how the price of a combo is shared out among its legs."""

    legs: list[LegPrice]
    amount: Maybe[float] = UNSET


class MovedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """One position moved from one subaccount to another."""

    instrument_name: str
    direction: Maybe[str] = UNSET
    amount: float
    price: Maybe[float] = UNSET
    source_uid: Maybe[int] = UNSET
    target_uid: Maybe[int] = UNSET


class PositionMove(msgspec.Struct, frozen=True, kw_only=True):
    """`private/move_positions`, in the one of its two published shapes that is no bare list."""

    trades: list[MovedPosition]


class MmpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_mmp_config`, `set_mmp_config`: when market-maker protection stops quoting."""

    index_name: str
    mmp_group: Maybe[str] = UNSET
    id: Maybe[int] = UNSET
    interval: Maybe[int] = UNSET  # seconds looked at; 0: protection is off
    frozen_time: Maybe[int] = UNSET  # seconds; 0: until it is reset by hand
    quantity_limit: Maybe[float] = UNSET  # base coin, as the other two limits
    delta_limit: Maybe[float] = UNSET
    vega_limit: Maybe[float] = UNSET
    max_quote_quantity: Maybe[float] = UNSET
    trade_count_limit: Maybe[int] = UNSET
    block_rfq: Maybe[bool] = UNSET


class MmpStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_mmp_status`: protection that has been triggered."""

    index_name: str
    frozen_until: int  # 0: until it is reset by hand
    mmp_group: Maybe[str] = UNSET
    block_rfq: Maybe[bool] = UNSET
