"""Builders of the names of private channels, one per pattern; all of them need a login.

Knows: the parameters of each, and what its messages carry. Must not know: subscriptions. Users call
these; `names` writes the names, and checks the values as for public channels. None of these channels
begins with a snapshot: read what is open after subscribing. Scopes, but for block_rfq.maker and .taker and
isolated liquidations, are those of the methods that read the same. Orders, trades, changes and portfolios of
isolated margin, position locks and trailing orders are on Coinbase's retail deployment only.
"""

from typing import Any, Literal, overload

from deribit_ws.channels.names import Interval, IsolatedKind, Kind, OpenKind, write
from deribit_ws.wire.accounts import Liquidation, LspEvent, MmpTrigger, Portfolio, UserLock
from deribit_ws.wire.blocks import BlockRfq, BlockRfqQuote, BlockTradeConfirmation
from deribit_ws.wire.channels import Channel
from deribit_ws.wire.notices import AccessLog
from deribit_ws.wire.trading import Order, UserChanges, UserTrade

_Raw = Literal["raw"]
_Aggregated = Literal["100ms", "agg2"]


def block_trade_confirmations(currency: str | None = None) -> Channel[BlockTradeConfirmation]:
    """Block trades that wait for the account's confirmation; of all currencies when left out.

    Scope block_trade:read.
    https://docs.deribit.com/subscriptions/block-trade/block_trade_confirmationscurrency
    """
    if currency is None:
        return Channel("block_trade_confirmations")
    return write("block_trade_confirmations.{currency}", {"currency": currency})


def block_rfq_maker(currency: str = "any") -> Channel[BlockRfq]:
    """Block RFQs as an enrolled maker sees them.

    Scope block_rfq:read.
    https://docs.deribit.com/subscriptions/block-rfq/block_rfqmakercurrency
    """
    return write("block_rfq.maker.{currency}", {"currency": currency})


def block_rfq_taker(currency: str = "any") -> Channel[BlockRfq]:
    """The account's own Block RFQs; quotes are hidden for the first 5 seconds.

    Scope block_rfq:read.
    https://docs.deribit.com/subscriptions/block-rfq/block_rfqtakercurrency
    """
    return write("block_rfq.taker.{currency}", {"currency": currency})


def block_rfq_maker_quotes(currency: str = "any") -> Channel[list[BlockRfqQuote]]:
    """The account's own quotes on Block RFQs: added, changed, cancelled or filled.

    Scope block_rfq:read.
    https://docs.deribit.com/subscriptions/block-rfq/block_rfqmakerquotescurrency
    """
    return write("block_rfq.maker.quotes.{currency}", {"currency": currency})


def user_access_log() -> Channel[AccessLog]:
    """Logins, and changes of the account's security.

    Scope account:read.
    https://docs.deribit.com/subscriptions/user/useraccess_log
    """
    return Channel("user.access_log")


def user_lock() -> Channel[UserLock]:
    """The account was locked or released, in one currency or in all.

    Scope account:read.
    https://docs.deribit.com/subscriptions/user/userlock
    """
    return Channel("user.lock")


def user_mmp_trigger(index_name: str) -> Channel[MmpTrigger]:
    """Market maker protection has set in on an index, until `frozen_until` (ms; 0: until it is reset).

    Scope trade:read.
    https://docs.deribit.com/subscriptions/user/usermmp_triggerindex_name
    """
    return write("user.mmp_trigger.{index_name}", {"index_name": index_name})


def user_portfolio(currency: str = "any") -> Channel[Portfolio]:
    """Balances, margins, profits and greeks of a currency, in that currency.

    Scope account:read.
    https://docs.deribit.com/subscriptions/user/userportfoliocurrency
    """
    return write("user.portfolio.{currency}", {"currency": currency})


@overload
def user_orders(instrument_name: str, *, interval: _Raw) -> Channel[Order]: ...


@overload
def user_orders(instrument_name: str, *, interval: _Aggregated = "100ms") -> Channel[list[Order]]: ...


def user_orders(instrument_name: str, *, interval: Interval = "100ms") -> Channel[Any]:
    """Orders on one instrument as they change: raw gives one order a message, else a list.

    Scope trade:read.
    https://docs.deribit.com/subscriptions/user/userordersinstrument_nameinterval
    """
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.orders.{instrument_name}.{interval}", values)


@overload
def user_orders_by_kind(
    kind: Kind | OpenKind = "any", currency: str = "any", *, interval: _Raw
) -> Channel[Order]: ...


@overload
def user_orders_by_kind(
    kind: Kind | OpenKind = "any", currency: str = "any", *, interval: _Aggregated = "100ms"
) -> Channel[list[Order]]: ...


def user_orders_by_kind(
    kind: Kind | OpenKind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[Any]:
    """Orders of a kind and currency as they change: raw gives one order a message, else a list.

    Scope trade:read.
    https://docs.deribit.com/subscriptions/user/userorderskindcurrencyinterval
    """
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.orders.{kind}.{currency}.{interval}", values)


def user_trades(instrument_name: str, *, interval: Interval = "100ms") -> Channel[list[UserTrade]]:
    """The account's fills on one instrument, a list even when raw.

    Scope trade:read.
    https://docs.deribit.com/subscriptions/user/usertradesinstrument_nameinterval
    """
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.trades.{instrument_name}.{interval}", values)


def user_trades_by_kind(
    kind: Kind | OpenKind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[list[UserTrade]]:
    """The account's fills of a kind and currency, a list even when raw.

    Scope trade:read.
    https://docs.deribit.com/subscriptions/user/usertradeskindcurrencyinterval
    """
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.trades.{kind}.{currency}.{interval}", values)


def user_combo_trades(instrument_name: str, *, interval: Interval = "100ms") -> Channel[list[UserTrade]]:
    """The account's fills of one combo, each with its legs; those of Block RFQs never come.

    Scope trade:read.
    https://docs.deribit.com/subscriptions/user/usercombo_tradesinstrument_nameinterval
    """
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.combo_trades.{instrument_name}.{interval}", values)


def user_combo_trades_by_kind(
    kind: Kind | OpenKind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[list[UserTrade]]:
    """The account's fills of combos of a kind and currency, each with its legs.

    Scope trade:read.
    https://docs.deribit.com/subscriptions/user/usercombo_tradeskindcurrencyinterval
    """
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.combo_trades.{kind}.{currency}.{interval}", values)


def user_changes(instrument_name: str, *, interval: Interval = "100ms") -> Channel[UserChanges]:
    """Orders, trades and positions that changed together on one instrument.

    Scope trade:read.
    https://docs.deribit.com/subscriptions/user/userchangesinstrument_nameinterval
    """
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.changes.{instrument_name}.{interval}", values)


def user_changes_by_kind(
    kind: Kind | OpenKind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[UserChanges]:
    """Orders, trades and positions that changed together, of a kind and currency, an instrument a message.

    Scope trade:read.
    https://docs.deribit.com/subscriptions/user/userchangeskindcurrencyinterval
    """
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.changes.{kind}.{currency}.{interval}", values)


def user_liquidation() -> Channel[Liquidation]:
    """Liquidations of the account: begin, end, and positions handed over.

    Scope account:read.
    https://docs.deribit.com/subscriptions/user/userliquidation
    """
    return Channel("user.liquidation")


def user_isolated_liquidation() -> Channel[Liquidation]:
    """Liquidations of all isolated subaccounts, for a key of the main account.

    Scope account:read.
    https://docs.deribit.com/subscriptions/user/userisolatedliquidation
    """
    return Channel("user.isolated.liquidation")


def user_lsp() -> Channel[LspEvent]:
    """Events of the liquidity support programme, for a subaccount that takes part.

    Scope account:read.
    https://docs.deribit.com/subscriptions/user/userlsp
    """
    return Channel("user.lsp")


def user_isolated_orders(instrument_name: str, *, interval: Interval = "100ms") -> Channel[list[Order]]:
    """Orders under isolated margin on one instrument."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.isolated.orders.{instrument_name}.{interval}", values)


def user_isolated_orders_by_kind(
    kind: IsolatedKind | OpenKind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[list[Order]]:
    """Orders under isolated margin of a kind and currency."""
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.isolated.orders.{kind}.{currency}.{interval}", values)


def user_isolated_trades(instrument_name: str, *, interval: Interval = "100ms") -> Channel[list[UserTrade]]:
    """Fills under isolated margin on one instrument."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.isolated.trades.{instrument_name}.{interval}", values)


def user_isolated_trades_by_kind(
    kind: IsolatedKind | OpenKind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[list[UserTrade]]:
    """Fills under isolated margin of a kind and currency."""
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.isolated.trades.{kind}.{currency}.{interval}", values)


def user_isolated_changes(instrument_name: str, *, interval: Interval = "100ms") -> Channel[UserChanges]:
    """Orders, trades and positions under isolated margin that changed together on one instrument."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("user.isolated.changes.{instrument_name}.{interval}", values)


def user_isolated_changes_by_kind(
    kind: IsolatedKind | OpenKind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[UserChanges]:
    """Orders, trades and positions under isolated margin that changed together, of a kind and currency."""
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("user.isolated.changes.{kind}.{currency}.{interval}", values)


def user_isolated_portfolio(currency: str = "any") -> Channel[Portfolio]:
    """Balances and margins under isolated margin, in the currency."""
    return write("user.isolated.portfolio.{currency}", {"currency": currency})


def user_position_lock() -> Channel[dict[str, Any]]:
    """Locks of positions; of no published shape."""
    return Channel("user.position_lock")


def user_trailing_orders_trigger_price(currency: str = "any") -> Channel[dict[str, Any]]:
    """Trigger prices of trailing orders; of no published shape."""
    return write("user.trailing_orders.trigger_price.{currency}", {"currency": currency})
