"""What goes wrong in the demo, and when.

Knows: the ways a connection can be made to end, and how to spread them over a time. Must not know:
what a client makes of them. `show` plays the story; `simulate --drop-every` takes its drops in turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from deribit_ws.testing import (
    AcceptThenClose,
    Drop,
    DropOnRequest,
    Fault,
    IgnoreRequest,
    Maintenance,
    RefuseConnections,
    RefuseHandshake,
    Say,
    SimulatedExchange,
    StallHandshake,
)

LEAST_SPACING = 0.7  # seconds: most recoveries take less, and the next drop waits for the others
LEAD = (0.2, 3.0)  # the share of the whole before the first drop, and at most so many seconds
REST = (0.3, 4.0)  # the same after the last one, for it to be recovered from


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A name to show, and the faults it is made of, in the order they are injected."""

    name: str
    faults: tuple[Fault, ...]
    needs_order: bool = False  # it strikes at an order to buy

    def happen(self, exchange: SimulatedExchange) -> None:
        """Do it to every live connection, or have it happen to the next order."""
        for fault in self.faults:
            exchange.inject(fault)


DISTURBANCES = (
    Disturbance("TCP reset", (Drop.rst(),)),
    Disturbance("TCP end, no close frame", (Drop.fin(),)),
    Disturbance("end in mid-frame", (Drop.fin(inside_frame=True),)),
    Disturbance("close 1012, restart", (Drop.close(1012, "service restart"),)),
    Disturbance("close 4000, heartbeat", (Drop.close(4000, "heartbeat close"),)),
    Disturbance("reset, then 503 twice", (RefuseHandshake(503, times=2), Drop.rst())),
    Disturbance("let in and shut out x2", (AcceptThenClose(1000, times=2), Drop.fin())),
    Disturbance("text that isn't UTF-8", (Say(text=b'{"jsonrpc":"2.0","\xff'),)),
    Disturbance("maintenance, 503 for 1 s", (Maintenance(1.0),)),
    Disturbance("reset, no listener 1 s", (RefuseConnections(seconds=1.0), Drop.rst())),
    Disturbance("end, handshake stalls", (StallHandshake(), Drop.fin())),
)

_LOST_ON_THE_WAY = Disturbance(
    "order cut on its way", (DropOnRequest("private/buy", Drop.rst()),), needs_order=True
)
_LOST_ANSWER = Disturbance(
    "order's answer cut",
    (
        IgnoreRequest("private/buy", executed=True),
        DropOnRequest("private/buy", Drop.rst(), before_reply=False),
    ),
    needs_order=True,
)
# The plainest first, and the worst next: a short demo takes as many as fit, from the top.
STORY = (*DISTURBANCES[:2], _LOST_ON_THE_WAY, _LOST_ANSWER, *DISTURBANCES[2:])


def schedule(seconds: float, available: int = len(STORY)) -> Sequence[float]:
    """When each disturbance is due in a demo of so many seconds; as many as fit."""
    first = min(LEAD[0] * seconds, LEAD[1])
    last = seconds - min(REST[0] * seconds, REST[1])
    count = min(available, int((last - first) / LEAST_SPACING) + 1)
    spacing = (last - first) / max(1, count - 1)
    return [first + n * spacing for n in range(count)]
