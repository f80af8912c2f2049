"""Builders of the names of private channels, one per pattern; all of them need a login.

Knows: the parameters of each, and what its messages carry. Must not know: subscriptions. Users call
these; `names` writes the names, and checks the values as for public channels. None of these channels
begins with a snapshot: read what is open before or after subscribing. Those of isolated margin, position
locks and trailing orders are Coinbase's retail deployment's only. Source: docs.deribit.com, subscriptions.
"""

from typing import Any, Literal, overload

from deribit_ws.channels.names import Interval, IsolatedKind, Kind, write
from deribit_ws.wire.accounts import Liquidation, LspEvent, MmpTrigger, Portfolio, UserLock
from deribit_ws.wire.blocks import BlockRfq, BlockRfqQuote, BlockTradeConfirmation
from deribit_ws.wire.channels import Channel
from deribit_ws.wire.notices import AccessLog
from deribit_ws.wire.trading import Order, UserChanges, UserTrade

_Raw = Literal["raw"]
_Aggregated = Literal["100ms", "agg2"]


def block_trade_confirmations(currency: str | None = None) -> Channel[BlockTradeConfirmation]:
    """Block trades that wait for their parties, of one currency or of all."""
    if currency is None:
        return Channel("block_trade_confirmations")
    return write("block_trade_confirmations.{currency}", {"currency": currency})


def block_rfq_maker(currency: str = "any") -> Channel[BlockRfq]:
    """Block RFQs as an enrolled maker sees them."""
    return write("block_rfq.maker.{currency}", {"currency": currency})


def block_rfq_taker(currency: str = "any") -> Channel[BlockRfq]:
    """The user's own Block RFQs; quotes are hidden for the first 5 seconds."""
    return write("block_rfq.taker.{currency}", {"currency": currency})


def block_rfq_maker_quotes(currency: str = "any") -> Channel[list[BlockRfqQuote]]:
    """The user's own quotes on Block RFQs."""
    return write("block_rfq.maker.quotes.{currency}", {"currency": currency})


def user_access_log() -> Channel[AccessLog]:
    """Logins, and changes of the account's security."""
    return Channel("user.access_log")


def user_lock() -> Channel[UserLock]:
    """The account was locked or released."""
    return Channel("user.lock")


def user_mmp_trigger(index_name: str) -> Channel[MmpTrigger]:
    """Market maker protection was triggered."""
    return write("user.mmp_trigger.{index_name}", {"index_name": index_name})


def user_portfolio(currency: str = "any") -> Channel[Portfolio]:
    """Balances, margins and greeks."""
    return write("user.portfolio.{currency}", {"currency": currency})


@overload
def user_orders(instrument_name: str, *, interval: _Raw) -> Channel[Order]: ...


@overload
def user_orders(instrument_name: str, *, interval: _Aggregated = "100ms") -> Channel[list[Order]]: ...


def user_orders(instrument_name: str, *, interval: Interval = "100ms") -> Channel[Any]:
    """The user's orders on one instrument: raw gives one order a message, else a list."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.orders.{instrument_name}.{interval}", values)


@overload
def user_orders_by_kind(kind: Kind = "any", currency: str = "any", *, interval: _Raw) -> Channel[Order]: ...


@overload
def user_orders_by_kind(
    kind: Kind = "any", currency: str = "any", *, interval: _Aggregated = "100ms"
) -> Channel[list[Order]]: ...


def user_orders_by_kind(
    kind: Kind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[Any]:
    """The user's orders of a kind and currency: raw gives one order a message, else a list."""
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.orders.{kind}.{currency}.{interval}", values)


def user_trades(instrument_name: str, *, interval: Interval = "100ms") -> Channel[list[UserTrade]]:
    """The user's trades on one instrument."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.trades.{instrument_name}.{interval}", values)


def user_trades_by_kind(
    kind: Kind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[list[UserTrade]]:
    """The user's trades of a kind and currency."""
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.trades.{kind}.{currency}.{interval}", values)


def user_combo_trades(instrument_name: str, *, interval: Interval = "100ms") -> Channel[list[UserTrade]]:
    """The user's trades of combos, with their legs, on one instrument."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.combo_trades.{instrument_name}.{interval}", values)


def user_combo_trades_by_kind(
    kind: Kind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[list[UserTrade]]:
    """The user's trades of combos, with their legs, of a kind and currency."""
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.combo_trades.{kind}.{currency}.{interval}", values)


def user_changes(instrument_name: str, *, interval: Interval = "100ms") -> Channel[UserChanges]:
    """Orders, trades and positions that changed together on one instrument."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.changes.{instrument_name}.{interval}", values)


def user_changes_by_kind(
    kind: Kind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[UserChanges]:
    """Orders, trades and positions that changed together of a kind and currency."""
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.changes.{kind}.{currency}.{interval}", values)


def user_liquidation() -> Channel[Liquidation]:
    """Liquidations of the account, and transfers by them."""
    return Channel("user.liquidation")


def user_isolated_liquidation() -> Channel[Liquidation]:
    """The same of all subaccounts, for the main account's key."""
    return Channel("user.isolated.liquidation")


def user_lsp() -> Channel[LspEvent]:
    """Events of the liquidity support programme, for its participants."""
    return Channel("user.lsp")


def user_isolated_orders(instrument_name: str, *, interval: Interval = "100ms") -> Channel[list[Order]]:
    """Orders under isolated margin on one instrument."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.isolated.orders.{instrument_name}.{interval}", values)


def user_isolated_orders_by_kind(
    kind: IsolatedKind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[list[Order]]:
    """Orders under isolated margin of a kind and currency."""
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.isolated.orders.{kind}.{currency}.{interval}", values)


def user_isolated_trades(instrument_name: str, *, interval: Interval = "100ms") -> Channel[list[UserTrade]]:
    """Trades under isolated margin on one instrument."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.isolated.trades.{instrument_name}.{interval}", values)


def user_isolated_trades_by_kind(
    kind: IsolatedKind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[list[UserTrade]]:
    """Trades under isolated margin of a kind and currency."""
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.isolated.trades.{kind}.{currency}.{interval}", values)


def user_isolated_changes(instrument_name: str, *, interval: Interval = "100ms") -> Channel[UserChanges]:
    """Changes under isolated margin on one instrument."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.isolated.changes.{instrument_name}.{interval}", values)


def user_isolated_changes_by_kind(
    kind: IsolatedKind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[UserChanges]:
    """Changes under isolated margin of a kind and currency."""
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.isolated.changes.{kind}.{currency}.{interval}", values)


def user_isolated_portfolio(currency: str = "any") -> Channel[Portfolio]:
    """Balances and margins under isolated margin."""
    return write("user.isolated.portfolio.{currency}", {"currency": currency})


def user_position_lock() -> Channel[dict[str, Any]]:
    """Locks of positions; of no published shape."""
    return Channel("user.position_lock")


def user_trailing_orders_trigger_price(currency: str = "any") -> Channel[dict[str, Any]]:
    """Trigger prices of trailing orders; of no published shape."""
    return write("user.trailing_orders.trigger_price.{currency}", {"currency": currency})
