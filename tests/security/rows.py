"""Row 3 of the scoreboard: whatever is wrong with a certificate ends the client after one attempt.

Knows the real client and generator, and the simulated exchange over TLS. The fault is the server's
certificate. The runner of the rows calls `refused_certificates` once a seed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

import trustme

from deribit_ws import Client, ConnectFailed, Credentials, Retry, websocket_generator
from deribit_ws.testing import Drop, SimulatedExchange
from tests.security.certificates import BAD, Certified, trusted

_KEY = Credentials("simulated", "secret")
_PATIENCE = 20.0  # seconds; on loopback each case takes a few hundredths of one

Case = Callable[[SimulatedExchange, Callable[[], None], bool], Awaitable[ConnectFailed]]


async def refused_certificates(seed: int) -> int:
    """Dial servers with every kind of bad certificate, first and after a link has lived; count the cases.

    Raises:
        AssertionError: one was accepted, tried again, told wrongly, or was sent something.
    """
    rng = Random(seed)
    authority = trustme.CA()
    server = Certified(authority)
    cases = [(kind, lived, act) for kind in BAD for lived in (False, True) for act in (_client, _generator)]
    rng.shuffle(cases)
    async with exchange_behind(server) as exchange:
        with trusted(authority):
            for kind, lived, act in cases:
                told = f"seed {seed}: {kind}, {'later' if lived else 'first'} dial, {act.__name__[1:]}"
                await _refused(exchange, server, rng, kind, lived=lived, act=act, told=told)
    return len(cases)


@asynccontextmanager
async def exchange_behind(server: Certified) -> AsyncIterator[SimulatedExchange]:
    """Run an exchange over TLS that moves only by hand."""
    async with SimulatedExchange(ssl_context=server.context, autoplay=False) as exchange:
        yield exchange


async def _refused(
    exchange: SimulatedExchange,
    server: Certified,
    rng: Random,
    kind: str,
    *,
    lived: bool,
    act: Case,
    told: str,
) -> None:
    server.turn_good()
    before: list[int] = []

    def turn() -> None:
        before.extend((server.hellos, len(exchange.ledger.handshakes), len(exchange.ledger.requests)))
        server.turn_bad(kind, rng)

    try:
        async with asyncio.timeout(_PATIENCE):
            failure = await act(exchange, turn, lived)
    except TimeoutError:
        raise AssertionError(f"{told}: not ended by it") from None
    hellos, handshakes, requests = before
    assert failure.retry is Retry.NEVER and not failure.retryable, f"{told}: {failure!r}"
    assert "verif" in str(failure), f"{told}: {failure}"
    assert server.hellos == hellos + 1, f"{told}: {server.hellos - hellos} attempts"
    assert len(exchange.ledger.handshakes) == handshakes, f"{told}: a request was sent before verification"
    assert len(exchange.ledger.requests) == requests, f"{told}: a call was sent before verification"


async def _client(exchange: SimulatedExchange, turn: Callable[[], None], lived: bool) -> ConnectFailed:
    client = Client(exchange.url, credentials=_KEY, retry_seconds=0.01)
    try:
        if not lived:
            turn()
        async with client:
            turn()
            exchange.inject(Drop.rst())
            await client.wait_closed()
    except ConnectFailed as failure:
        return failure
    raise AssertionError("the client closed without a word")


async def _generator(exchange: SimulatedExchange, turn: Callable[[], None], lived: bool) -> ConnectFailed:
    async with websocket_generator(exchange.url, 0.01) as websockets:
        try:
            if not lived:
                turn()
            await anext(websockets)
            turn()
            await anext(websockets)
        except ConnectFailed as failure:
            return failure
    raise AssertionError("a certificate that does not verify was accepted")
