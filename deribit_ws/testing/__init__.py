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
    DelayRequest,
    Drop,
    DropChannels,
    DropOnRequest,
    Duplicate,
    FailRequest,
    Fault,
    Garble,
    HistoryLag,
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
from deribit_ws.testing.memory import MemoryNetwork, loop_clock
from deribit_ws.testing.proxy import ChaosProxy
from deribit_ws.testing.proxy_faults import (
    Cut,
    CutAfter,
    CutRequest,
    Ending,
    Latency,
    Moment,
    Pause,
    Refuse,
    Way,
    staircase,
)

__all__ = [
    "DERIBIT_CREDITS",
    "AcceptThenClose",
    "Account",
    "ChaosProxy",
    "Cut",
    "CutAfter",
    "CutRequest",
    "Deaf",
    "DelayReply",
    "DelayRequest",
    "Direction",
    "Drop",
    "DropChannels",
    "DropOnRequest",
    "Duplicate",
    "Ending",
    "FailRequest",
    "Fault",
    "Garble",
    "HistoryLag",
    "IgnoreRequest",
    "Latency",
    "Ledger",
    "Maintenance",
    "MemoryNetwork",
    "Moment",
    "Outcome",
    "Pause",
    "Pool",
    "Refuse",
    "RefuseConnections",
    "RefuseHandshake",
    "Reorder",
    "Say",
    "Silence",
    "SimulatedExchange",
    "SkipChange",
    "SkipSnapshot",
    "StallHandshake",
    "Way",
    "loop_clock",
    "staircase",
]
