"""Whether an order is as an edit asked for.

Knows: which field of an order shows which parameter of private/edit. Must not know: calls or time beyond
timestamps. `doubts` asks. Pure.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from deribit_ws.wire.trading import Order

# What an order in one of these states is, it stays.
_ENDED = frozenset({"filled", "rejected", "cancelled", "triggered"})
_SLIDES = "price"  # of a post-only order that would trade at once
# Fields of other names than the parameter, in the order they are looked at.
_SHOWN_AS = {"display_amount": ("display_amount", "max_show")}


def is_ended(order: Order) -> bool:
    """Tell whether an order is over; speed_bumped and states nobody knows count as live."""
    return order.order_state in _ENDED


def shows(order: Order, asked: Mapping[str, Any]) -> bool:
    """Tell whether an order has every value asked for; what it does not show contradicts nothing."""
    return all(_agrees(order, name, value) for name, value in asked.items())


def may_show(order: Order, asked: Mapping[str, Any], sent_ms: float) -> bool:
    """Tell whether an order was most likely edited as asked, its price slid to the side that can't trade.

    Only a post-only order slides. One that says it was never replaced, or that nothing touched since the
    edit was sent, was not edited. A fill also touches an order: told only of one replaced before, whose
    edit failed and that was filled in part meanwhile, this is wrong.
    """
    others = {name: value for name, value in asked.items() if name != _SLIDES}
    price = asked.get(_SLIDES)
    if price is None or not shows(order, others) or not isinstance(order.price, float | int):
        return False
    is_passive = order.price <= float(price) if order.direction == "buy" else order.price >= float(price)
    touched = order.last_update_timestamp or 0
    return bool(order.post_only and order.replaced is not False and is_passive and touched >= sent_ms)


def is_unproven(order: Order, sent_ms: float) -> bool:
    """Tell whether an order that does not show an edit may have had it: it was changed since, by whomever."""
    return order.replaced is not False and (order.last_update_timestamp or 0) >= sent_ms


def _agrees(order: Order, name: str, value: Any) -> bool:
    shown = _shown(order, name)
    if not isinstance(shown, bool | int | float | str):
        return True
    if isinstance(value, Decimal | float) or (isinstance(value, int) and not isinstance(value, bool)):
        # Through JSON and back a number may lose its last bits.
        return not isinstance(shown, str) and math.isclose(shown, float(value), rel_tol=1e-9)
    return bool(shown == value)


def _shown(order: Order, name: str) -> Any:
    if name == "price" and order.advanced in ("usd", "implv"):  # its price in coin follows the market
        return getattr(order, str(order.advanced))
    values = [getattr(order, field, None) for field in _SHOWN_AS.get(name, (name,))]
    return next((value for value in values if isinstance(value, bool | int | float | str)), None)
