"""Answers of the block RFQ, block trade and broker calls that are no payload of a channel.

Knows: their fields, and which are secret. Must not know: calls, connections, channels. Requests, quotes
and block trades come from the room of block payloads. Timestamps are ms since the epoch.
Source: docs.deribit.com API reference, Block RFQ and Block Trade.
"""

from typing import Any

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe
from deribit_ws.wire.blocks import BlockRfq, BlockRfqTrade, BlockRfqTrigger, BlockTrade, BlockTradeLeg
from deribit_ws.wire.session_results import Discreet


class BlockRfqsPage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_block_rfqs`."""

    block_rfqs: list[BlockRfq]
    continuation: Maybe[str] = UNSET  # None: that was all


class BlockRfqTradesPage(msgspec.Struct, frozen=True, kw_only=True):
    """`public/get_block_rfq_trades`: newest first."""

    block_rfqs: list[BlockRfqTrade]
    continuation: Maybe[str] = UNSET  # None: that was all


class BlockRfqAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """`private/accept_block_rfq`: what was traded, or the trigger that now waits for its price."""

    block_trades: Maybe[list[BlockTrade]] = UNSET
    trade_trigger: Maybe[BlockRfqTrigger] = UNSET


class BlockRfqIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Under what name a user takes part in block RFQs, and how reliably."""

    user_id: Maybe[int] = UNSET
    identity: Maybe[str] = UNSET
    is_maker: Maybe[bool] = UNSET
    taker_rating: Maybe[float | str] = UNSET


class BlockRfqUserInfo(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_block_rfq_user_info`: the main account and its subaccounts."""

    parent: Maybe[BlockRfqIdentity] = UNSET
    users: Maybe[list[BlockRfqIdentity]] = UNSET


class BlockTradeSignature(Discreet, frozen=True, kw_only=True):
    """`private/verify_block_trade`: who holds it can make the trade, so it is never shown."""

    secret = frozenset({"signature"})

    signature: str


class BrokerClientLink(msgspec.Struct, frozen=True, kw_only=True):
    """One account of a broker's client."""

    client_link_id: Maybe[int] = UNSET
    user_id: Maybe[int | str] = UNSET  # partly starred
    name: Maybe[str] = UNSET
    note: Maybe[str] = UNSET
    state: Maybe[str] = UNSET
    confirmations_required: Maybe[bool] = UNSET
    broker_sub_user_id: Maybe[int | str] = UNSET


class BrokerClient(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_broker_clients`: a client of the broker."""

    client_id: int
    client_name: Maybe[str] = UNSET
    company_name: Maybe[str] = UNSET
    broker_code: Maybe[str] = UNSET
    main_user_id: Maybe[int | str] = UNSET
    broker_sub_user_id: Maybe[int | str] = UNSET
    lei: Maybe[str] = UNSET  # legal entity identifier
    brn: Maybe[str] = UNSET  # business registration number
    links: Maybe[list[BrokerClientLink]] = UNSET


class BrokerParty(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a broker's trade."""

    user_id: Maybe[int | str] = UNSET  # partly starred
    state: Maybe[str] = UNSET  # initial, approved, … of a request
    client_id: Maybe[int] = UNSET
    client_name: Maybe[str] = UNSET
    client_link_id: Maybe[int] = UNSET
    client_link_name: Maybe[str] = UNSET


class BrokerTradeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_broker_trade_requests`: a block trade that waits for the broker's clients."""

    nonce: str
    timestamp: Maybe[int] = UNSET
    state: Maybe[str] = UNSET
    trades: Maybe[list[BlockTradeLeg]] = UNSET
    maker: Maybe[BrokerParty] = UNSET
    taker: Maybe[BrokerParty] = UNSET


class BrokerTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A block trade a broker arranged."""

    id: str | int
    timestamp: Maybe[int] = UNSET
    trades: Maybe[list[dict[str, Any]]] = UNSET  # of two published shapes
    maker: Maybe[BrokerParty] = UNSET
    taker: Maybe[BrokerParty] = UNSET


class BrokerTradesPage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_broker_trades`: newest first."""

    history: list[BrokerTrade]
    next_start_id: Maybe[int | str] = UNSET
