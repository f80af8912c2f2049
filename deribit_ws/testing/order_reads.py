"""The methods that read orders: open, recent, past.

Knows: their parameters, pages and results. Must not know: books, matching, envelopes. `methods`
lists them by name. Source: trading pages of docs.deribit.com; order of history by the last change,
newest first, is an assumption.
"""

from collections.abc import Callable
from typing import Any

from deribit_ws.testing.calls import Call, Method
from deribit_ws.testing.envelope import Refusal
from deribit_ws.testing.order_choice import READ_TYPES, among, chosen_currencies, listed, of_kind
from deribit_ws.testing.order_methods import ORDER_NOT_FOUND
from deribit_ws.testing.own_orders import OwnOrder

Answer = dict[str, Any]
DEFAULT_PAGE = 20
LARGEST_PAGE = 1000
OLD = 2 * 86_400_000  # ms beyond which history wants include_old


def get_open_orders(call: Call) -> list[Answer]:
    """All open orders, those that wait for a trigger included."""
    return _open(call, of_kind(call, READ_TYPES))


def get_open_orders_by_currency(call: Call) -> list[Answer]:
    """Those of one currency."""
    currencies, fits = chosen_currencies(call), of_kind(call, READ_TYPES)
    return _open(call, lambda order: among(order, currencies) and fits(order))


def get_open_orders_by_instrument(call: Call) -> list[Answer]:
    """Those of one instrument."""
    name, fits = listed(call, past=True).name, of_kind(call, READ_TYPES)
    return _open(call, lambda order: order.instrument.name == name and fits(order))


def get_open_orders_by_label(call: Call) -> list[Answer]:
    """Those of one currency and label."""
    currencies, label = chosen_currencies(call), call.params.optional("label") or ""
    return _open(call, lambda order: among(order, currencies) and order.terms.label == label)


def get_order_state(call: Call) -> Answer:
    """One order, open or recent."""
    user_id, now = call.required_login().user_id, call.venue.market.now_ms()
    order = call.venue.engine.store.find(user_id, call.params.text("order_id"), now)
    if order is None:
        raise Refusal(ORDER_NOT_FOUND)
    return order.shown()


def get_order_state_by_label(call: Call) -> list[Answer]:
    """The open and recent orders of one currency and label."""
    currencies, label = chosen_currencies(call), call.params.optional("label") or ""
    found = _stored(call, historical=False)
    return [one.shown() for one in found if among(one, currencies) and one.terms.label == label]


def get_order_history_by_currency(call: Call) -> Any:
    """A page of what was filled, and with include_unfilled of what closed without, newest first."""
    currencies, fits = chosen_currencies(call), of_kind(call, READ_TYPES)
    return _history(call, lambda order: among(order, currencies) and fits(order))


def get_order_history_by_instrument(call: Call) -> Any:
    """The same of one instrument."""
    name = listed(call, past=True).name
    return _history(call, lambda order: order.instrument.name == name)


def get_trigger_order_history(call: Call) -> Answer:
    """A page of the trigger orders, newest first."""
    currencies = chosen_currencies(call)
    name = call.params.optional("instrument_name")
    found = [
        order
        for order in _stored(call, historical=False)
        if order.terms.trigger and among(order, currencies) and name in (order.instrument.name, None)
    ]
    page, continuation = _page(call, found)
    return {"entries": [_entry(order) for order in page], "continuation": continuation}


def _open(call: Call, fits: Callable[[OwnOrder], bool]) -> list[Answer]:
    alive = call.venue.engine.store.alive(call.required_login().user_id)
    return [order.shown() for order in alive if fits(order)]


def _stored(call: Call, *, historical: bool) -> list[OwnOrder]:
    user_id, now = call.required_login().user_id, call.venue.market.now_ms()
    return call.venue.engine.store.orders(user_id, now, historical=historical)


def _history(call: Call, fits: Callable[[OwnOrder], bool]) -> Any:
    params = call.params
    unfilled = params.flag("include_unfilled")
    oldest = 0 if params.flag("include_old") else call.venue.market.now_ms() - OLD
    found = [
        order
        for order in _stored(call, historical=params.flag("historical"))
        if fits(order) and order.updated >= oldest and (order.filled or (unfilled and not order.alive))
    ]
    page, continuation = _page(call, found)
    shown = [order.shown() for order in page]
    if params.flag("with_continuation"):
        return {"orders": shown, "continuation": continuation}
    return shown


def _page(call: Call, orders: list[OwnOrder]) -> tuple[list[OwnOrder], str | None]:
    """The page asked for, newest first, and the token that asks for the next."""
    params = call.params
    count = min(params.integer("count", DEFAULT_PAGE, least=1) or DEFAULT_PAGE, LARGEST_PAGE)
    token = params.optional("continuation") or "0"
    if not token.isdecimal():
        raise Refusal.param("continuation", "wrong format")
    start = int(token) + (params.integer("offset", 0) or 0)
    newest = sorted(orders, key=lambda order: order.updated)[::-1]
    end = start + count
    return newest[start:end], str(end) if end < len(newest) else None


def _entry(order: OwnOrder) -> Answer:
    shown = order.shown()
    names = (
        "trigger", "trigger_price", "trigger_offset", "order_state", "order_type", "instrument_name",
        "direction", "price", "amount", "label", "last_update_timestamp", "post_only", "reduce_only",
    )  # fmt: skip
    requests = {"untriggered": "trigger:order", "triggered": "trigger:order", "cancelled": "trigger:cancel"}
    return {name: shown[name] for name in names if name in shown} | {
        "timestamp": order.created,
        "trigger_order_id": order.order_id,
        "order_id": order.order_id,
        "request": requests.get(order.state.value, "trigger:order"),
    }


METHODS: dict[str, Method] = {
    "private/get_open_orders": get_open_orders,
    "private/get_open_orders_by_currency": get_open_orders_by_currency,
    "private/get_open_orders_by_instrument": get_open_orders_by_instrument,
    "private/get_open_orders_by_label": get_open_orders_by_label,
    "private/get_order_state": get_order_state,
    "private/get_order_state_by_label": get_order_state_by_label,
    "private/get_order_history_by_currency": get_order_history_by_currency,
    "private/get_order_history_by_instrument": get_order_history_by_instrument,
    "private/get_trigger_order_history": get_trigger_order_history,
}
