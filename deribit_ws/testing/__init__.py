"""A Deribit to test against: a simulated exchange on loopback that fails when told to.

Knows: Deribit's wire as documented and as captured, from its own reading. Must not know: anything
of the client; only the words in `wire` are shared. Tests and the command line start a
`SimulatedExchange`, `inject` faults into it, and compare what a client saw with its `ledger`.
"""

from deribit_ws.testing.book import Direction
from deribit_ws.testing.credits import DERIBIT_CREDITS, Pool
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
from deribit_ws.testing.logins import Account

__all__ = [
    "DERIBIT_CREDITS",
    "AcceptThenClose",
    "Account",
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
    "Pool",
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
