"""The methods that place, change and cancel orders.

Knows: their parameters, results and refusals. Must not know: books, how orders match, envelopes.
`methods` lists them by name. Source: trading pages of docs.deribit.com.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from deribit_ws.testing.book import Direction
from deribit_ws.testing.calls import Call, Method
from deribit_ws.testing.envelope import Refusal
from deribit_ws.testing.order_choice import CANCEL_TYPES, among, chosen_currencies, listed, of_kind
from deribit_ws.testing.own_orders import OwnOrder, is_market
from deribit_ws.testing.terms import (
    LIMIT,
    MARKET,
    Terms,
    read_lots,
    read_terms,
    read_ticks,
    read_trigger_price,
)

ORDER_NOT_FOUND = 10004
TIMED_OUT = 13888
LABEL_NOT_UNIQUE = 13032
Answer = dict[str, Any]


def buy(call: Call) -> Answer:
    """The order and its trades so far."""
    return _placed(call, Direction.BUY)


def sell(call: Call) -> Answer:
    """The order and its trades so far."""
    return _placed(call, Direction.SELL)


def edit(call: Call) -> Answer:
    """The order as it is now, and the trades that came of the change."""
    return _edited(call, _order(call))


def edit_by_label(call: Call) -> Answer:
    """The same, of the one open order that has the label."""
    name, label = listed(call).name, call.params.optional("label") or ""
    alive = call.venue.engine.store.alive(call.required_login().user_id)
    found = [one for one in alive if one.instrument.name == name and one.terms.label == label]
    if not found:
        raise Refusal(ORDER_NOT_FOUND)
    if len(found) > 1:
        raise Refusal(LABEL_NOT_UNIQUE)
    return _edited(call, found[0])


def cancel(call: Call) -> Answer:
    """The order, cancelled."""
    order = _order(call)
    call.venue.engine.cancel(order)
    return order.shown()


def cancel_by_label(call: Call) -> int | list[Answer]:
    """How many orders of a label were cancelled, of one currency or of all."""
    label = call.params.text("label")
    currencies = chosen_currencies(call, required=False)
    return _swept(call, lambda order: order.terms.label == label and among(order, currencies))


def cancel_all(call: Call) -> int | list[Answer]:
    """How many orders were cancelled."""
    return _swept(call, lambda order: True)


def cancel_all_by_currency(call: Call) -> int | list[Answer]:
    """The same, of one currency."""
    currencies, fits = chosen_currencies(call), of_kind(call, CANCEL_TYPES)
    return _swept(call, lambda order: among(order, currencies) and fits(order))


def cancel_all_by_kind_or_type(call: Call) -> int | list[Answer]:
    """The same, of one currency, several, or any."""
    currencies, fits = chosen_currencies(call, required=False), of_kind(call, CANCEL_TYPES)
    return _swept(call, lambda order: among(order, currencies) and fits(order))


def cancel_all_by_currency_pair(call: Call) -> int | list[Answer]:
    """The same, of what has one index."""
    pair = call.params.text("currency_pair", among=call.venue.market.indices)
    fits = of_kind(call, CANCEL_TYPES)
    return _swept(call, lambda order: order.instrument.price_index == pair and fits(order))


def cancel_all_by_instrument(call: Call) -> int | list[Answer]:
    """The same, of one instrument."""
    name, fits = listed(call).name, of_kind(call, CANCEL_TYPES)
    return _swept(call, lambda order: order.instrument.name == name and fits(order))


def close_position(call: Call) -> Answer:
    """An order for the whole position, the other way round, that can only reduce it."""
    instrument = listed(call)
    user_id = call.required_login().user_id
    order_type = call.params.text("type", among=(LIMIT, MARKET))
    lots = call.venue.engine.positions.lots(user_id, instrument)
    if not lots:
        raise Refusal.param("instrument_name", "no position to close")
    terms = Terms(
        instrument,
        Direction.SELL if lots > 0 else Direction.BUY,
        abs(lots),
        order_type=order_type,
        ticks=read_ticks(call.params, instrument, required=True) if order_type == LIMIT else None,
        reduce_only=True,
    )
    order, fills = call.venue.engine.place(user_id, terms, connection=call.number)
    return {"order": order.shown(), "trades": fills}


def _placed(call: Call, direction: Direction) -> Answer:
    terms = read_terms(call.params, listed(call), direction)
    _check_time(call)
    user_id = call.required_login().user_id
    order, fills = call.venue.engine.place(user_id, terms, connection=call.number)
    return {"order": order.shown(), "trades": fills}


def _edited(call: Call, order: OwnOrder) -> Answer:
    params, instrument, terms = call.params, order.instrument, order.terms
    _check_time(call)
    trigger = terms.trigger
    if trigger is not None and "trigger_price" in params:
        trigger = replace(trigger, price=read_trigger_price(params, instrument))
    fills = call.venue.engine.edit(
        order,
        lots=read_lots(params, instrument),
        ticks=None if is_market(terms.order_type) else read_ticks(params, instrument),
        post_only=_changed(call, "post_only"),
        reject_post_only=_changed(call, "reject_post_only"),
        reduce_only=_changed(call, "reduce_only"),
        trigger=trigger,
    )
    return {"order": order.shown(), "trades": fills}


def _changed(call: Call, name: str) -> bool | None:
    return call.params.flag(name) if name in call.params else None


def _check_time(call: Call) -> None:
    """Refuse what the engine would begin later than it may."""
    until = call.params.integer("valid_until")
    if until is not None and call.venue.market.now_ms() > until:
        raise Refusal(TIMED_OUT)


def _order(call: Call) -> OwnOrder:
    store, user_id = call.venue.engine.store, call.required_login().user_id
    order = store.find(user_id, call.params.text("order_id"), call.venue.market.now_ms())
    if order is None:
        raise Refusal(ORDER_NOT_FOUND)
    return order


def _swept(call: Call, fits: Callable[[OwnOrder], bool]) -> int | list[Answer]:
    """Cancel the caller's orders that fit, and tell how many, or with `detailed` which."""
    detailed = call.params.flag("detailed")
    engine = call.venue.engine
    cancelled = [one for one in _alive(call) if fits(one)]
    for order in cancelled:
        engine.cancel(order)
    return [order.shown() for order in cancelled] if detailed else len(cancelled)


def _alive(call: Call) -> Iterable[OwnOrder]:
    return call.venue.engine.store.alive(call.required_login().user_id)


METHODS: dict[str, Method] = {
    "private/buy": buy,
    "private/sell": sell,
    "private/edit": edit,
    "private/edit_by_label": edit_by_label,
    "private/cancel": cancel,
    "private/cancel_by_label": cancel_by_label,
    "private/cancel_all": cancel_all,
    "private/cancel_all_by_currency": cancel_all_by_currency,
    "private/cancel_all_by_kind_or_type": cancel_all_by_kind_or_type,
    "private/cancel_all_by_currency_pair": cancel_all_by_currency_pair,
    "private/cancel_all_by_instrument": cancel_all_by_instrument,
    "private/close_position": close_position,
}
