"""The methods that read an account, as far as one without orders goes.

Knows: parameters and results of these reads. Must not know: connections or subscriptions.
`methods` lists them by name. Source: account management pages of docs.deribit.com, and recorded
answers, whose field names these are.
"""

from typing import Any

from deribit_ws.testing.calls import Call, Method
from deribit_ws.testing.channels import KINDS
from deribit_ws.testing.instruments import OPENED_MS
from deribit_ws.testing.payloads import Payload

DEPOSITS = {"BTC": 10.0, "ETH": 100.0, "USDC": 250_000.0, "USDT": 0.0, "EURR": 0.0}  # what everybody owns
FUNDED = tuple(currency for currency, amount in DEPOSITS.items() if amount)
WHOLE = ("balance", "equity", "margin_balance", "available_funds", "available_withdrawal_funds")
NOTHING = (
    "total_pl", "session_rpl", "session_upl", "futures_pl", "futures_session_rpl", "futures_session_upl",
    "options_pl", "options_session_rpl", "options_session_upl", "options_value", "options_delta",
    "options_gamma", "options_theta", "options_vega", "delta_total", "projected_delta_total",
    "initial_margin", "maintenance_margin", "projected_initial_margin", "projected_maintenance_margin",
    "spot_reserve", "additional_reserve", "fee_balance", "locked_balance", "estimated_liquidation_ratio",
)  # fmt: skip
MAPS = (
    "delta_total_map", "options_gamma_map", "options_theta_map", "options_vega_map",
    "estimated_liquidation_ratio_map",
)  # fmt: skip


def get_account_summary(call: Call) -> Payload:
    """One currency's sums, limits included; with `extended` the account's own fields too."""
    currency = call.params.text("currency", among=DEPOSITS)
    more = _identity(call) if call.params.flag("extended") else {}
    return _summary(call, currency) | more


def get_account_summaries(call: Call) -> Payload:
    """The same of every currency there is something of."""
    call.params.flag("extended")
    return _identity(call) | {"summaries": [_summary(call, currency) for currency in FUNDED]}


def no_positions(call: Call) -> list[Any]:
    """None: nobody trades here."""
    call.params.optional("currency", among=(*DEPOSITS, "any"))
    call.params.optional("kind", among=KINDS)
    return []


def no_open_orders(call: Call) -> list[Any]:
    """None."""
    return []


def no_open_orders_of_currency(call: Call) -> list[Any]:
    """None, of a currency that must be named."""
    call.params.text("currency", among=DEPOSITS)
    return []


def no_open_orders_of_instrument(call: Call) -> list[Any]:
    """None, of an instrument that must be named."""
    call.params.text("instrument_name")
    return []


def nothing_cancelled(call: Call) -> int | list[Any]:
    """No order, so none cancelled: the count, or with `detailed` the list."""
    return [] if call.params.flag("detailed") else 0


def _summary(call: Call, currency: str) -> Payload:
    return {
        "currency": currency,
        **dict.fromkeys(NOTHING, 0.0),
        **dict.fromkeys(WHOLE, DEPOSITS[currency]),
        **{name: {} for name in MAPS},
        "margin_model": "segregated_sm",
        "portfolio_margining_enabled": False,
        "cross_collateral_enabled": False,
        "limits": call.venue.credits.limits(),
    }


def _identity(call: Call) -> Payload:
    login = call.required_login()
    return {
        "id": login.user_id,
        "email": "user@example.com",
        "system_name": f"user_{login.user_id}",
        "username": f"user_{login.user_id}",
        "type": "main" if login.scope.main else "subaccount",
        "creation_timestamp": OPENED_MS,
        "referrer_id": None,
        "login_enabled": False,
        "security_keys_enabled": False,
        "mmp_enabled": False,
        "interuser_transfers_enabled": False,
        "self_trading_reject_mode": "cancel_maker",
        "self_trading_extended_to_subaccounts": False,
        "block_rfq_self_match_prevention": True,
    }


METHODS: dict[str, Method] = {
    "private/get_account_summary": get_account_summary,
    "private/get_account_summaries": get_account_summaries,
    "private/get_positions": no_positions,
    "private/get_open_orders": no_open_orders,
    "private/get_open_orders_by_currency": no_open_orders_of_currency,
    "private/get_open_orders_by_instrument": no_open_orders_of_instrument,
    "private/get_open_orders_by_label": no_open_orders_of_currency,
    "private/cancel_all": nothing_cancelled,
    "private/cancel_all_by_currency": nothing_cancelled,
    "private/cancel_all_by_instrument": nothing_cancelled,
    "private/cancel_all_by_kind_or_type": nothing_cancelled,
    "private/cancel_by_label": nothing_cancelled,
}
