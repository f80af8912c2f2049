"""The methods that read an account and its positions.

Knows: parameters and results of these reads. Must not know: connections, subscriptions, orders.
`methods` lists them by name. Source: account management pages of docs.deribit.com, and recorded
answers, whose field names these are.
"""

from deribit_ws.testing.calls import Call, Method
from deribit_ws.testing.channels import KINDS
from deribit_ws.testing.instruments import OPENED_MS
from deribit_ws.testing.order_choice import listed
from deribit_ws.testing.payloads import Payload
from deribit_ws.testing.portfolio import DEPOSITS, FUNDED, summary


def get_account_summary(call: Call) -> Payload:
    """One currency's sums, limits included; with `extended` the account's own fields too."""
    currency = call.params.text("currency", among=DEPOSITS)
    more = _identity(call) if call.params.flag("extended") else {}
    return _summary(call, currency) | more


def get_account_summaries(call: Call) -> Payload:
    """The same of every currency there is something of."""
    call.params.flag("extended")
    return _identity(call) | {"summaries": [_summary(call, currency) for currency in FUNDED]}


def get_positions(call: Call) -> list[Payload]:
    """The open positions, of one currency and kind or of all."""
    currency = call.params.optional("currency", among=(*DEPOSITS, "any")) or "any"
    kind = call.params.optional("kind", among=KINDS) or "any"
    positions, user_id = call.venue.engine.positions, call.required_login().user_id
    return [
        positions.shown(user_id, call.venue.market[held.instrument.name])
        for held in positions.of(user_id)
        if held.lots
        and currency in (held.instrument.settlement, "any")
        and kind in (held.instrument.kind, "any")
    ]


def get_position(call: Call) -> Payload:
    """The position in one instrument, which may be none."""
    line = call.venue.market[listed(call).name]
    return call.venue.engine.positions.shown(call.required_login().user_id, line)


def _summary(call: Call, currency: str) -> Payload:
    venue = call.venue
    user_id = call.required_login().user_id
    sums = summary(venue.market, venue.engine.positions, user_id, currency)
    return sums | {"limits": venue.credits.limits()}


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
    "private/get_positions": get_positions,
    "private/get_position": get_position,
}
