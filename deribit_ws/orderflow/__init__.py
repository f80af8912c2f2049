"""The account's own orders and fills as a flow without snapshots: what of it is new, what was missed.

Knows: what tells two versions of an order apart, which reads a channel's name asks for, what was handed
out already. Must not know: how anything is read or handed out, or the time. `orders` keeps a `Feed` per
channel and a `Standing` of all that is open.
"""

from deribit_ws.orderflow.feed import Feed
from deribit_ws.orderflow.keys import OrderKey, Read, TradeKey
from deribit_ws.orderflow.scope import Content, Scope, scope_of
from deribit_ws.orderflow.standing import Standing

__all__ = ["Content", "Feed", "OrderKey", "Read", "Scope", "Standing", "TradeKey", "scope_of"]
