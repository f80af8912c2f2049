"""The account's balances and margins, and what is done to it when they fall short.

Knows: the fields of each, their units, and which may be absent or null. Must not know: channels,
calls. Words stay plain strings; fields nobody has heard of are ignored.

Units: timestamps are ms since the epoch; money is in the currency that the message names.
Source: docs.deribit.com, user.portfolio, user.liquidation, user.lsp, user.mmp_trigger.
"""

from typing import Any

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe

ByIndex = dict[str, float | None]  # index name → value


class Portfolio(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`user.portfolio.{currency}`: balances, margins, profit and greeks in one currency.

    On `user.portfolio.any` only `currency` says which. The `total_…_usd` are there under cross margin.
    """

    total_maintenance_margin_usd: Maybe[float] = UNSET
    projected_initial_margin: Maybe[float] = UNSET
    total_delta_total_usd: Maybe[float] = UNSET
    options_gamma_map: Maybe[ByIndex] = UNSET
    options_session_rpl: Maybe[float] = UNSET
    options_session_upl: Maybe[float] = UNSET
    futures_session_rpl: Maybe[float] = UNSET
    estimated_liquidation_ratio_map: Maybe[ByIndex] = UNSET
    estimated_liquidation_ratio: Maybe[float] = UNSET
    fee_balance: Maybe[float] = UNSET
    projected_maintenance_margin: Maybe[float] = UNSET
    session_upl: Maybe[float] = UNSET  # unrealised profit and loss since the last settlement
    projected_delta_total: Maybe[float] = UNSET
    initial_margin: Maybe[float] = UNSET
    options_pl: Maybe[float] = UNSET
    options_vega_map: Maybe[ByIndex] = UNSET
    margin_balance: Maybe[float] = UNSET
    balance: float
    maintenance_margin: Maybe[float] = UNSET
    total_initial_margin_usd: Maybe[float] = UNSET
    additional_reserve: Maybe[float] = UNSET
    locked_balance: Maybe[float] = UNSET
    options_value: Maybe[float] = UNSET
    options_delta: Maybe[float] = UNSET
    margin_model: Maybe[str] = UNSET  # segregated_sm, segregated_pm, cross_sm, cross_pm
    portfolio_margining_enabled: Maybe[bool] = UNSET
    options_gamma: Maybe[float] = UNSET
    available_funds: Maybe[float] = UNSET
    cross_collateral_enabled: Maybe[bool] = UNSET
    delta_total: Maybe[float] = UNSET
    options_theta_map: Maybe[ByIndex] = UNSET
    spot_reserve: Maybe[float] = UNSET
    total_equity_usd: Maybe[float] = UNSET
    options_theta: Maybe[float] = UNSET
    futures_session_upl: Maybe[float] = UNSET
    delta_total_map: Maybe[ByIndex] = UNSET
    session_rpl: Maybe[float] = UNSET  # realised profit and loss since the last settlement
    futures_pl: Maybe[float] = UNSET
    available_withdrawal_funds: Maybe[float] = UNSET
    options_vega: Maybe[float] = UNSET
    equity: float
    total_pl: Maybe[float] = UNSET
    currency: str  # upper case
    total_margin_balance_usd: Maybe[float] = UNSET


class Liquidation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`user.liquidation`, `user.isolated.liquidation`: a liquidation's steps, and what it moved away.

    The margins come with `…_started` and `…_completed`, the rest with `…_transfer…`.
    """

    state: str
    user_id: Maybe[int] = UNSET
    currency: Maybe[str] = UNSET
    instrument_name: Maybe[str] = UNSET
    direction: Maybe[str] = UNSET
    amount: Maybe[float] = UNSET
    price: Maybe[float] = UNSET
    commission: Maybe[float] = UNSET
    timestamp: int
    margin_balance: Maybe[float] = UNSET
    maintenance_margin: Maybe[float] = UNSET
    initial_margin: Maybe[float] = UNSET
    close_out_margin: Maybe[float] = UNSET
    equity: Maybe[float] = UNSET
    isolated: Maybe[bool] = UNSET


class LspEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`user.lsp`: what befell a participant of the liquidity support programme."""

    type: str  # transfer, enabled, disabled, configuration_changed
    instrument_name: Maybe[str] = UNSET
    direction: Maybe[str] = UNSET
    amount: Maybe[float] = UNSET
    price: Maybe[float] = UNSET
    currency: Maybe[str] = UNSET
    success: Maybe[bool] = UNSET
    error_reason: Maybe[str] = UNSET
    automatic: Maybe[bool] = UNSET
    failure_count: Maybe[int] = UNSET
    window_minutes: Maybe[int] = UNSET
    configuration: Maybe[dict[str, Any]] = UNSET  # of no published shape
    timestamp: int


class MmpTrigger(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`user.mmp_trigger.{index_name}`: market maker protection has cancelled quotes."""

    index_name: Maybe[str] = UNSET  # "all" when Block RFQs traded too often
    frozen_until: int  # 0: until it is reset by hand
    mmp_group: Maybe[str] = UNSET  # mass quotes only
    block_rfq: Maybe[bool] = UNSET


class UserLock(msgspec.Struct, frozen=True, gc=False):
    """`user.lock`: the account was locked or released."""

    locked: bool
    currency: str  # or ALL
