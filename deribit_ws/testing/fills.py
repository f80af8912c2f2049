"""A user's fill as the wire shows it.

Knows: the fields of a user trade, most of which are the public trade's. Must not know: books,
stores, who is told. `engine` has one made for each fill. Source: the trading pages of
docs.deribit.com, and recorded answers.
"""

from typing import Any, Literal

import msgspec

from deribit_ws.testing.events import Trade
from deribit_ws.testing.own_orders import OwnOrder
from deribit_ws.testing.positions import Booked


def user_trade(order: OwnOrder, trade: Trade, liquidity: Literal["M", "T"], booked: Booked) -> dict[str, Any]:
    """One fill, from the side of the order it belongs to: M maker, T taker."""
    shown = order.shown()
    fill: dict[str, Any] = msgspec.to_builtins(trade) | {
        "direction": order.direction.value,
        "order_id": order.order_id,
        "order_type": shown["order_type"],
        "state": order.state.value,
        "liquidity": liquidity,
        "fee": round(booked.fee, 8),
        "fee_currency": order.instrument.settlement,
        "profit_loss": round(booked.profit, 8),
        "matching_id": None,
        "post_only": order.terms.post_only,
        "reduce_only": order.terms.reduce_only,
        "mmp": False,
        "self_trade": False,
        "risk_reducing": False,
        "api": True,
        "user_id": order.user_id,
    }
    return fill | ({"label": order.terms.label} if order.terms.label else {})
