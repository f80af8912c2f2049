"""A Deribit to test against: a simulated exchange on loopback that fails when told to."""

from deribit_ws.testing.book import Direction
from deribit_ws.testing.exchange import SimulatedExchange
from deribit_ws.testing.faults import (
    AcceptThenClose,
    Deaf,
    DelayReply,
    Drop,
    DropChannels,
    DropOnRequest,
    Duplicate,
    FailRequest,
    Fault,
    Garble,
    IgnoreRequest,
    Maintenance,
    RefuseConnections,
    RefuseHandshake,
    Reorder,
    Say,
    Silence,
    SkipChange,
    SkipSnapshot,
    StallHandshake,
)
from deribit_ws.testing.ledger import Ledger, Outcome

__all__ = [
    "AcceptThenClose",
    "Deaf",
    "DelayReply",
    "Direction",
    "Drop",
    "DropChannels",
    "DropOnRequest",
    "Duplicate",
    "FailRequest",
    "Fault",
    "Garble",
    "IgnoreRequest",
    "Ledger",
    "Maintenance",
    "Outcome",
    "RefuseConnections",
    "RefuseHandshake",
    "Reorder",
    "Say",
    "Silence",
    "SimulatedExchange",
    "SkipChange",
    "SkipSnapshot",
    "StallHandshake",
]
