"""Block trades and block requests for quote.

Knows: the fields of each, their units, and which may be absent or null. Must not know: channels,
calls. Words stay plain strings; fields nobody has heard of are ignored.

Units: timestamps are ms since the epoch; an RFQ's amount is to be multiplied by each leg's ratio.
Source: docs.deribit.com, block_rfq.…, block_trade_confirmations, Block Trade and Block RFQ methods.
"""

from typing import Any

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe
from deribit_ws.wire.trading import UserTrade


class BlockTradeLeg(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One trade that a block trade is to consist of."""

    instrument_name: str
    price: Maybe[float] = UNSET
    direction: str
    amount: Maybe[float] = UNSET


class BlockTradeState(msgspec.Struct, frozen=True, gc=False):
    """What one party has said to a block trade, and when."""

    value: str
    timestamp: Maybe[int] = UNSET


class BlockTradeConfirmation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`block_trade_confirmations[.{currency}]`: a block trade that waits for its parties."""

    nonce: str
    role: Maybe[str] = UNSET  # maker or taker
    user_id: Maybe[int] = UNSET
    username: Maybe[str] = UNSET
    app_name: Maybe[str] = UNSET
    broker_code: Maybe[str] = UNSET
    broker_name: Maybe[str] = UNSET
    combo_id: Maybe[str] = UNSET
    state: Maybe[BlockTradeState] = UNSET
    counterparty_state: Maybe[BlockTradeState] = UNSET
    trades: list[BlockTradeLeg]
    timestamp: int


class BlockTrade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`private/get_block_trade(s)`, `private/execute_block_trade`: a block trade that was made."""

    id: str | int
    timestamp: int
    trades: list[UserTrade]
    app_name: Maybe[str] = UNSET
    broker_code: Maybe[str] = UNSET
    broker_name: Maybe[str] = UNSET


class BlockRfqLeg(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One leg of an RFQ, of a quote, or of an RFQ's trade; the latter two have a price."""

    price: Maybe[float] = UNSET
    direction: str
    instrument_name: str
    ratio: Maybe[float] = UNSET


class BlockRfqHedge(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The future that goes with an RFQ to make it delta-neutral."""

    amount: Maybe[float] = UNSET
    instrument_name: str
    direction: Maybe[str] = UNSET
    price: Maybe[float] = UNSET


class BlockRfqLevel(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What makers offer the taker at one price."""

    amount: float
    price: float
    makers: Maybe[list[str]] = UNSET  # ANONYMOUS where one does not show itself
    last_update_timestamp: Maybe[int] = UNSET
    execution_instruction: Maybe[str] = UNSET  # any_part_of or all_or_none
    expires_at: Maybe[int] = UNSET


class BlockRfqFill(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One price and amount at which an RFQ traded."""

    amount: float
    direction: str
    price: float
    maker: Maybe[str] = UNSET
    hedge_amount: Maybe[float] = UNSET


class BlockRfqTrigger(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The price at which a taker's RFQ is to trade by itself."""

    state: Maybe[str] = UNSET
    price: Maybe[float] = UNSET
    direction: Maybe[str] = UNSET
    cancel_reason: Maybe[str] = UNSET


class BlockRfq(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`block_rfq.maker.{currency}`, `block_rfq.taker.{currency}`: a request, as one side sees it.

    `makers`, `bids`, `asks`, `label`, the trigger and the allocations are the taker's alone.
    """

    label: Maybe[str] = UNSET
    app_name: Maybe[str] = UNSET
    state: str  # open, filled, cancelled, expired
    amount: float
    min_trade_amount: Maybe[float] = UNSET
    role: Maybe[str] = UNSET  # taker or maker
    bids: Maybe[list[BlockRfqLevel]] = UNSET
    asks: Maybe[list[BlockRfqLevel]] = UNSET
    combo_id: Maybe[str] = UNSET
    legs: list[BlockRfqLeg]
    hedge: Maybe[BlockRfqHedge] = UNSET
    makers: Maybe[list[str]] = UNSET
    creation_timestamp: Maybe[int] = UNSET
    block_rfq_id: int
    expiration_timestamp: Maybe[int] = UNSET
    taker_rating: Maybe[str] = UNSET  # e.g. "1-2"
    included_in_taker_rating: Maybe[bool] = UNSET
    disclosed: Maybe[bool] = UNSET
    taker: Maybe[str] = UNSET  # where disclosed
    index_prices: Maybe[dict[str, float | None]] = UNSET  # index name → price
    mark_price: Maybe[float] = UNSET
    trades: Maybe[list[BlockRfqFill]] = UNSET  # once filled
    trade_trigger: Maybe[BlockRfqTrigger] = UNSET
    trade_allocations: Maybe[list[dict[str, Any]]] = UNSET


class BlockRfqQuote(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`block_rfq.maker.quotes.{currency}`: a maker's own quote."""

    label: Maybe[str] = UNSET
    app_name: Maybe[str] = UNSET
    price: Maybe[float] = UNSET
    direction: str  # buy or sell
    legs: Maybe[list[BlockRfqLeg]] = UNSET
    hedge: Maybe[BlockRfqHedge] = UNSET
    amount: Maybe[float] = UNSET
    execution_instruction: Maybe[str] = UNSET
    block_rfq_id: int
    replaced: Maybe[bool] = UNSET
    filled_amount: Maybe[float] = UNSET
    last_update_timestamp: Maybe[int] = UNSET
    creation_timestamp: Maybe[int] = UNSET
    block_rfq_quote_id: int
    quote_state: str
    quote_state_reason: Maybe[str] = UNSET


class BlockRfqTrade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`block_rfq.trades.{currency}`: an RFQ that traded, for everybody to see."""

    id: int
    timestamp: int
    amount: float
    direction: str
    combo_id: Maybe[str] = UNSET
    legs: list[BlockRfqLeg]
    hedge: Maybe[BlockRfqHedge] = UNSET
    trades: Maybe[list[BlockRfqFill]] = UNSET
    mark_price: Maybe[float] = UNSET
    index_prices: Maybe[dict[str, float | None]] = UNSET
