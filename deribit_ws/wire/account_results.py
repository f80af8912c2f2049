"""Answers about an account: its sums, margins and limits, its subaccounts, its transaction log.

Knows: their fields and units. Must not know: calls, connections, channels. Most fields are there only
on some accounts (cross margin, portfolio margin, extended answers), so nearly none is required.

Units: sums are in `currency`, except those named `…_usd`; timestamps are ms since the epoch.
Source: docs.deribit.com API reference, Account Management; what may be null is from real answers.
"""

from typing import Any

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe
from deribit_ws.wire.accounts import ByIndex
from deribit_ws.wire.trading import Id, Order, Position

Odd = float | str | bool | list[Any] | None  # an entry of a map that is not what its entries are


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """Requests allowed in a second, and at once."""

    rate: Maybe[float] = UNSET
    burst: Maybe[float] = UNSET


class EngineLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `matching_engine`: a rate, the rates of trading by kind, or all those of a currency."""

    rate: Maybe[float] = UNSET
    burst: Maybe[float] = UNSET
    total: Maybe[RateLimit] = UNSET  # trading, from here on
    perpetuals: Maybe[RateLimit] = UNSET
    futures: Maybe[RateLimit] = UNSET
    options: Maybe[RateLimit] = UNSET
    trading: Maybe["EngineLimit"] = UNSET  # a currency, from here on
    spot: Maybe[RateLimit] = UNSET
    quotes: Maybe[RateLimit] = UNSET
    max_quotes: Maybe[RateLimit] = UNSET
    guaranteed_quotes: Maybe[RateLimit] = UNSET
    maximum_quotes: Maybe[RateLimit] = UNSET  # newer names of these three
    maximum_mass_quotes: Maybe[RateLimit] = UNSET
    guaranteed_mass_quotes: Maybe[RateLimit] = UNSET
    cancel_all: Maybe[RateLimit] = UNSET


class AccountLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`limits` of a summary: how fast this account may ask.

    `matching_engine` is by name (`["trading"].total.rate`), or by currency where
    `limits_per_currency` is true (`["btc"].trading.total.rate`). On older accounts it is one rate
    (`["rate"]`, `["burst"]`).
    """

    limits_per_currency: Maybe[bool] = UNSET
    non_matching_engine: Maybe[RateLimit] = UNSET
    matching_engine: Maybe[dict[str, EngineLimit | Odd]] = UNSET


class DefaultFee(msgspec.Struct, frozen=True, kw_only=True):
    """The fee of an ordinary trade."""

    type: Maybe[str] = UNSET  # fixed: a fraction of the amount; relative: a multiple of the usual fee
    taker: Maybe[float] = UNSET
    maker: Maybe[float] = UNSET  # negative: a rebate


class Fees(msgspec.Struct, frozen=True, kw_only=True):
    """The fees of one kind of instrument on one index."""

    default: Maybe[DefaultFee] = UNSET
    block_trade: Maybe[float] = UNSET


class FeesOfKind(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `fees` where they come as a list."""

    index_name: Maybe[str] = UNSET
    kind: Maybe[str] = UNSET
    value: Maybe[Fees] = UNSET
    currency: Maybe[str] = UNSET  # older rows, from here on
    instrument_type: Maybe[str] = UNSET
    fee_type: Maybe[str] = UNSET  # fixed or relative
    maker_fee: Maybe[float] = UNSET
    taker_fee: Maybe[float] = UNSET


FeesByIndex = dict[str, dict[str, Fees | Odd] | Odd]  # index name → kind → fees


class TradingProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A product, and whether the account may trade it."""

    product: Maybe[str] = UNSET
    enabled: Maybe[bool] = UNSET
    overwriteable: Maybe[bool] = UNSET
    requires_consent: Maybe[bool] = UNSET


class AccountDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Whose account it is; with `extended` only."""

    id: Maybe[int] = UNSET
    email: Maybe[str] = UNSET
    system_name: Maybe[str] = UNSET
    username: Maybe[str] = UNSET
    type: Maybe[str] = UNSET  # main or subaccount
    creation_timestamp: Maybe[int] = UNSET
    referrer_id: Maybe[str | int] = UNSET
    login_enabled: Maybe[bool] = UNSET
    security_keys_enabled: Maybe[bool] = UNSET
    mmp_enabled: Maybe[bool] = UNSET
    interuser_transfers_enabled: Maybe[bool] = UNSET
    receive_notifications: Maybe[bool] = UNSET
    is_direct_access_allowed: Maybe[bool] = UNSET
    self_trading_reject_mode: Maybe[str] = UNSET  # reject_taker or cancel_maker
    self_trading_extended_to_subaccounts: Maybe[bool | str] = UNSET
    block_rfq_self_match_prevention: Maybe[bool | str] = UNSET
    affiliate_promotion_fee: Maybe[float] = UNSET
    trading_products_details: Maybe[list[TradingProduct]] = UNSET


class AccountSummary(AccountDetails, frozen=True, kw_only=True):
    """`private/get_account_summary`: one currency's sums and margins; greeks are of its options."""

    currency: str
    balance: Maybe[float] = UNSET
    equity: Maybe[float] = UNSET
    margin_balance: Maybe[float] = UNSET
    available_funds: Maybe[float] = UNSET
    available_withdrawal_funds: Maybe[float] = UNSET
    available_subaccount_transfer_funds: Maybe[float] = UNSET
    initial_margin: Maybe[float] = UNSET
    maintenance_margin: Maybe[float] = UNSET
    projected_initial_margin: Maybe[float] = UNSET
    projected_maintenance_margin: Maybe[float] = UNSET
    additional_reserve: Maybe[float] = UNSET
    spot_reserve: Maybe[float] = UNSET
    locked_balance: Maybe[float] = UNSET
    fee_balance: Maybe[float] = UNSET
    fee_group: Maybe[str] = UNSET
    total_pl: Maybe[float] = UNSET
    session_rpl: Maybe[float] = UNSET
    session_upl: Maybe[float] = UNSET
    futures_pl: Maybe[float] = UNSET
    futures_session_rpl: Maybe[float] = UNSET
    futures_session_upl: Maybe[float] = UNSET
    options_pl: Maybe[float] = UNSET
    options_session_rpl: Maybe[float] = UNSET
    options_session_upl: Maybe[float] = UNSET
    options_value: Maybe[float] = UNSET
    delta_total: Maybe[float] = UNSET
    delta_total_map: Maybe[ByIndex] = UNSET  # by index, as the other maps
    projected_delta_total: Maybe[float] = UNSET
    options_delta: Maybe[float] = UNSET
    options_gamma: Maybe[float] = UNSET
    options_gamma_map: Maybe[ByIndex] = UNSET
    options_theta: Maybe[float] = UNSET
    options_theta_map: Maybe[ByIndex] = UNSET
    options_vega: Maybe[float] = UNSET
    options_vega_map: Maybe[ByIndex] = UNSET
    estimated_liquidation_ratio: Maybe[float] = UNSET
    estimated_liquidation_ratio_map: Maybe[ByIndex] = UNSET
    margin_model: Maybe[str] = UNSET  # segregated_sm, cross_sm, segregated_pm, cross_pm
    portfolio_margining_enabled: Maybe[bool] = UNSET
    cross_collateral_enabled: Maybe[bool] = UNSET
    has_non_block_chain_equity: Maybe[bool] = UNSET
    total_equity_usd: Maybe[float] = UNSET  # cross margin, from here on
    total_margin_balance_usd: Maybe[float] = UNSET
    total_initial_margin_usd: Maybe[float] = UNSET
    total_maintenance_margin_usd: Maybe[float] = UNSET
    total_delta_total_usd: Maybe[float] = UNSET
    deposit_address: Maybe[str] = UNSET
    limits: Maybe[AccountLimits] = UNSET
    fees: Maybe[list[FeesOfKind] | FeesByIndex] = UNSET


class AccountSummaries(AccountDetails, frozen=True, kw_only=True):
    """`private/get_account_summaries`: all currencies of an account."""

    summaries: list[AccountSummary] = []


class SubaccountFunds(msgspec.Struct, frozen=True, kw_only=True):
    """One currency of a subaccount."""

    currency: Maybe[str] = UNSET
    balance: Maybe[float] = UNSET
    equity: Maybe[float] = UNSET
    margin_balance: Maybe[float] = UNSET
    available_funds: Maybe[float] = UNSET
    available_withdrawal_funds: Maybe[float] = UNSET
    initial_margin: Maybe[float] = UNSET
    maintenance_margin: Maybe[float] = UNSET
    additional_reserve: Maybe[float] = UNSET
    spot_reserve: Maybe[float] = UNSET


class Subaccount(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_subaccounts`, `private/create_subaccount`."""

    id: int
    username: Maybe[str] = UNSET
    system_name: Maybe[str] = UNSET
    type: Maybe[str] = UNSET  # main or subaccount
    email: Maybe[str] = UNSET
    not_confirmed_email: Maybe[str] = UNSET
    is_password: Maybe[bool] = UNSET
    login_enabled: Maybe[bool] = UNSET
    receive_notifications: Maybe[bool] = UNSET
    security_keys_enabled: Maybe[bool] = UNSET
    security_keys_assignments: Maybe[list[str]] = UNSET
    margin_model: Maybe[str] = UNSET
    disabled_trading_products: Maybe[list[str]] = UNSET
    trading_products_details: Maybe[list[TradingProduct]] = UNSET
    referrals_count: Maybe[int] = UNSET
    proof_id: Maybe[str] = UNSET  # of the proof of reserves
    proof_id_signature: Maybe[str] = UNSET
    portfolio: Maybe[dict[str, SubaccountFunds]] = UNSET  # by currency, with `with_portfolio`


class SubaccountDetails(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_subaccounts_details`: positions, and orders where asked for."""

    uid: int
    positions: Maybe[list[Position]] = UNSET
    open_orders: Maybe[list[Order]] = UNSET


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the transaction log; trades, settlements and transfers fill different fields."""

    id: int
    timestamp: int
    type: str  # trade, settlement, deposit, withdrawal, transfer, …
    currency: str
    user_id: Maybe[int] = UNSET
    username: Maybe[str] = UNSET
    user_seq: Maybe[int] = UNSET
    change: Maybe[float] = UNSET
    cashflow: Maybe[float] = UNSET
    balance: Maybe[float] = UNSET  # after it
    equity: Maybe[float] = UNSET
    commission: Maybe[float] = UNSET
    instrument_name: Maybe[str] = UNSET
    side: Maybe[str] = UNSET  # open buy, close sell, long, "-", …
    amount: Maybe[float] = UNSET
    contracts: Maybe[float] = UNSET
    price: Maybe[float] = UNSET
    price_currency: Maybe[str] = UNSET
    position: Maybe[float] = UNSET
    mark_price: Maybe[float] = UNSET
    index_price: Maybe[float] = UNSET
    settlement_price: Maybe[float] = UNSET
    trade_id: Maybe[Id] = UNSET
    order_id: Maybe[Id] = UNSET
    block_rfq_id: Maybe[Id] = UNSET
    user_role: Maybe[str] = UNSET  # maker or taker
    fee_role: Maybe[str] = UNSET
    profit_as_cashflow: Maybe[bool] = UNSET
    interest_pl: Maybe[float] = UNSET
    total_interest_pl: Maybe[float] = UNSET
    session_rpl: Maybe[float] = UNSET
    session_upl: Maybe[float] = UNSET
    ip: Maybe[str] = UNSET
    info: Any = UNSET  # its shape depends on the type


class TransactionLogPage(msgspec.Struct, frozen=True, kw_only=True):
    """`private/get_transaction_log`: a page of it, newest first."""

    logs: list[Transaction]
    continuation: Maybe[int] = UNSET  # None: that was all


class MarginState(msgspec.Struct, frozen=True, kw_only=True):
    """What a margin model makes of an account."""

    initial_margin_rate: Maybe[float] = UNSET
    maintenance_margin_rate: Maybe[float] = UNSET
    available_balance: Maybe[float] = UNSET


class MarginModelChange(msgspec.Struct, frozen=True, kw_only=True):
    """`private/change_margin_model`: what the change does to one currency."""

    currency: str
    old_state: Maybe[MarginState] = UNSET
    new_state: Maybe[MarginState] = UNSET
