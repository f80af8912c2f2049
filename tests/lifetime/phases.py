"""Where in its life a client is when it is left: how it is brought there, and what shows that it is there.

Knows the faults of the exchange and what its ledger shows. Must not know how it is left (`departures`).
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from deribit_ws import Client, State
from deribit_ws.testing import IgnoreRequest, RefuseHandshake, SkipChange, SkipSnapshot, StallHandshake
from deribit_ws.testing.faults import Fault
from deribit_ws.testing.proxy_faults import Cut
from tests.lifetime.stage import BTC, MISSED, Stage

BY_SEQ = "public/get_last_trades_by_instrument"
BOOK = f"book.{BTC}.100ms"
MANY = 99  # times: a phase lasts for as long as anybody looks
GUARD_SECONDS = 9.0  # to be in a phase takes a second or two, and the client's own patience is ten


class Met(Enum):
    """On which connection a phase is met."""

    FIRST = "on the first connection"
    LIVE = "without a drop"
    LATER = "after a drop"


@dataclass(frozen=True)
class Phase:
    """A moment of a client's life that lasts until the client is left.

    Args:
        name: of it.
        faults: that keep the client in it.
        is_there: tells by the outside of client and exchange, and whether `asks` was asked.
        asks: a method whose request shows it.
        met: on which connections.
    """

    name: str
    faults: tuple[Fault, ...]
    is_there: Callable[[Stage, Client, bool], bool]
    asks: str = ""
    met: tuple[Met, ...] = (Met.FIRST, Met.LATER)


def _dialling(stage: Stage, client: Client, _: bool) -> bool:
    return client.state is State.CONNECTING and bool(stage.network.live) and not stage.exchange.connections


def _waiting(stage: Stage, client: Client, _: bool) -> bool:
    refused = any(handshake.status == 503 for handshake in stage.exchange.ledger.handshakes)
    return client.state is State.CONNECTING and not stage.network.live and refused


def _restoring(_: Stage, client: Client, is_asked: bool) -> bool:
    return client.state is State.RESTORING and is_asked


def _connected(_: Stage, client: Client, is_asked: bool) -> bool:
    return client.state is State.CONNECTED and is_asked


PHASES = (
    Phase("dialling", (StallHandshake(MANY),), _dialling),
    Phase("waiting to dial", (RefuseHandshake(503, MANY, retry_after=60.0),), _waiting),
    Phase("logging in", (IgnoreRequest("public/auth", MANY),), _restoring, "public/auth"),
    Phase("subscribing", (IgnoreRequest("public/subscribe", MANY),), _restoring, "public/subscribe"),
    Phase("live", (), _connected, met=(Met.LIVE,)),
    Phase("back-fill", (IgnoreRequest(BY_SEQ, MANY),), _connected, BY_SEQ, (Met.LATER,)),
    Phase(
        "resync", (SkipChange(BOOK), SkipSnapshot(BOOK, MANY)), _connected, "public/unsubscribe", (Met.LIVE,)
    ),
)


def all_phases() -> Iterator[tuple[Phase, Met]]:
    """Give each phase with each connection it is met on."""
    for phase in PHASES:
        for met in phase.met:
            yield phase, met


async def arrange(stage: Stage, client: Client, phase: Phase, met: Met) -> None:
    """Bring a client there, live or about to dial; TimeoutError when it does not come to that."""

    def asked() -> int:
        return len(stage.exchange.ledger.requests_of(phase.asks)) if phase.asks else 1

    before = asked() if phase.asks else 0
    for fault in phase.faults:
        stage.exchange.inject(fault)
    if met is Met.LATER:
        stage.network.inject(Cut())
        stage.trade(MISSED)
    async with asyncio.timeout(GUARD_SECONDS):
        while not phase.is_there(stage, client, asked() > before):  # noqa: ASYNC110  it has no event of its own
            await asyncio.sleep(0.001)
