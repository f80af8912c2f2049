"""deribit_ws: a Deribit websocket client that makes the drop a non-event.

Three ways in: `websocket_generator` for live websockets without end, `Client` with callbacks by
channel (functions or a `Handler` class), and `Client` with calls and streams inside your own loop.
"""

from deribit_ws.auth import Credentials
from deribit_ws.client import Client
from deribit_ws.client.lifecycle import State
from deribit_ws.endpoints import PRODUCTION, TESTNET
from deribit_ws.errors import (
    AuthError,
    BookGap,
    CallError,
    CallTimeout,
    ConnectFailed,
    ConnectionLost,
    DeribitError,
    OrderNotPlaced,
    OutcomeUnknown,
    ProtocolError,
    RateLimited,
    RequestNotSent,
    Retry,
    RpcError,
    SlowConsumer,
    SubscriptionRejected,
    TransportError,
    UsageError,
    WireError,
)
from deribit_ws.handlers import Handler, on
from deribit_ws.handlers.registrations import Registration
from deribit_ws.handlers.stream import Stream
from deribit_ws.marks import Connected, Disconnected, Gap, Lagged, Stale
from deribit_ws.websockets import WebSocket, websocket_generator
from deribit_ws.wire.market import (
    BookChange,
    Greeks,
    GroupedBook,
    IndexPrice,
    PlatformState,
    PublicMethodsState,
    Quote,
    Stats,
    Ticker,
    Trade,
)
from deribit_ws.wire.messages import Notification

__all__ = [
    "PRODUCTION",
    "TESTNET",
    "AuthError",
    "BookChange",
    "BookGap",
    "CallError",
    "CallTimeout",
    "Client",
    "ConnectFailed",
    "Connected",
    "ConnectionLost",
    "Credentials",
    "DeribitError",
    "Disconnected",
    "Gap",
    "Greeks",
    "GroupedBook",
    "Handler",
    "IndexPrice",
    "Lagged",
    "Notification",
    "OrderNotPlaced",
    "OutcomeUnknown",
    "PlatformState",
    "ProtocolError",
    "PublicMethodsState",
    "Quote",
    "RateLimited",
    "Registration",
    "RequestNotSent",
    "Retry",
    "RpcError",
    "SlowConsumer",
    "Stale",
    "State",
    "Stats",
    "Stream",
    "SubscriptionRejected",
    "Ticker",
    "Trade",
    "TransportError",
    "UsageError",
    "WebSocket",
    "WireError",
    "on",
    "websocket_generator",
]
