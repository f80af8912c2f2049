"""The public names, all of them, and nothing else.

`deribit_ws` hands them out when they are asked for; nobody else imports this.
"""

from deribit_ws import channels
from deribit_ws.auth import Credentials, RefreshToken
from deribit_ws.books import LiveBook
from deribit_ws.client import Client
from deribit_ws.client.lifecycle import State
from deribit_ws.client.stats import ClientStats
from deribit_ws.endpoints import PRODUCTION, TESTNET
from deribit_ws.errors import (
    AuthError,
    BookGap,
    CallError,
    CallTimeout,
    ConnectFailed,
    ConnectionLost,
    DeribitError,
    DuplicateOrder,
    ErrorClass,
    OrderNotPlaced,
    OutcomeUnknown,
    ProtocolError,
    RateLimited,
    RequestNotSent,
    Retry,
    RpcError,
    ScopeReduced,
    SlowConsumer,
    SubscriptionRejected,
    TransportError,
    UsageError,
    WireError,
)
from deribit_ws.handlers import Handler, on
from deribit_ws.handlers.registrations import Registration
from deribit_ws.handlers.stream import Stream
from deribit_ws.limits import LimitsSnapshot, PoolSnapshot
from deribit_ws.marks import Connected, Disconnected, Gap, InstrumentAdded, InstrumentRemoved, Lagged, Stale
from deribit_ws.orderbook import BookUnsound, Level, OrderBook
from deribit_ws.orders import Orders, label_of
from deribit_ws.recorder import Recording, RecordingError
from deribit_ws.tally import Drop
from deribit_ws.trades import LiveTrades
from deribit_ws.universe import Instruments
from deribit_ws.websockets import WebSocket, websocket_generator
from deribit_ws.wire.absent import UNSET, UnsetType
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
    "UNSET",
    "AuthError",
    "BookChange",
    "BookGap",
    "BookUnsound",
    "CallError",
    "CallTimeout",
    "Client",
    "ClientStats",
    "ConnectFailed",
    "Connected",
    "ConnectionLost",
    "Credentials",
    "DeribitError",
    "Disconnected",
    "Drop",
    "DuplicateOrder",
    "ErrorClass",
    "Gap",
    "Greeks",
    "GroupedBook",
    "Handler",
    "IndexPrice",
    "InstrumentAdded",
    "InstrumentRemoved",
    "Instruments",
    "Lagged",
    "Level",
    "LimitsSnapshot",
    "LiveBook",
    "LiveTrades",
    "Notification",
    "OrderBook",
    "OrderNotPlaced",
    "Orders",
    "OutcomeUnknown",
    "PlatformState",
    "PoolSnapshot",
    "ProtocolError",
    "PublicMethodsState",
    "Quote",
    "RateLimited",
    "Recording",
    "RecordingError",
    "RefreshToken",
    "Registration",
    "RequestNotSent",
    "Retry",
    "RpcError",
    "ScopeReduced",
    "SlowConsumer",
    "Stale",
    "State",
    "Stats",
    "Stream",
    "SubscriptionRejected",
    "Ticker",
    "Trade",
    "TransportError",
    "UnsetType",
    "UsageError",
    "WebSocket",
    "WireError",
    "channels",
    "label_of",
    "on",
    "websocket_generator",
]
