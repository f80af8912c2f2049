"""What the rows of connecting have in common: how long dials may take, and clients made anew.

Knows the stage. Must not know which fault is played.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import trustme

from deribit_ws.testing import SimulatedExchange
from tests.faults.stage import (
    HARD_SECONDS,
    LOOK_SECONDS,
    QUIET_SECONDS,
    Layer,
    Recovery,
    Stage,
    backoff_bound,
    staged,
)
from tests.faults.subject import Ours, OursAlone, Subject

SLOW_LOOK = 0.05  # seconds between two looks while a bound of minutes is far: each costs real time
FAR = 0.9  # of a bound


def allowed(stage: Stage, fails: int) -> float:
    """Give the seconds in which a client must be back that lost its link, then failed to dial so often."""
    waits = backoff_bound(fails + 1, stage.retry_seconds) - backoff_bound(1, stage.retry_seconds)
    return HARD_SECONDS + waits  # which has the first wait in it


async def comes_back(stage: Stage, bound: float, *, drops: int = 1) -> None:
    """Wait as `stage.recovers`, for bounds of minutes too."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    observed = stage.subject.observed
    wanted = observed.drops + drops
    async with asyncio.timeout(bound + QUIET_SECONDS):
        while observed.drops < wanted or not stage.subject.is_up:
            is_far = bound > QUIET_SECONDS and loop.time() < since + FAR * bound
            await asyncio.sleep(SLOW_LOOK if is_far else LOOK_SECONDS)
    await stage.recovers(bound, drops=0, since=since)


async def opens(stage: Stage, bound: float) -> None:
    """Start a client, and note how long it took to connect."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    start = asyncio.create_task(stage.start(), name="start")
    await stage.until(lambda: stage.subject.is_up or start.done(), bound + QUIET_SECONDS)
    stage.recoveries.append(Recovery(loop.time() - since, bound))
    await start


def ours(stage: Stage) -> Ours:
    """Give the subject, where a row needs more of it than every client has."""
    if not isinstance(stage.subject, Ours):
        raise OursAlone
    return stage.subject


def fresh(stage: Stage, url: str | None = None, **options: Any) -> Subject:
    """Make another client of the same kind for the same stage, not started yet."""
    links: Any = stage.links
    make: Any = type(stage.subject)
    options = {"retry_seconds": stage.retry_seconds} | options
    if stage.layer is Layer.MEMORY:
        options = {"session": links.session} | options
    subject: Subject = make(
        stage.exchange, url or (links.url if stage.layer is Layer.SOCKETS else stage.exchange.url), **options
    )
    return subject


def afterwards(subject: Subject) -> AsyncExitStack:
    """Give a stack that ends right after a client has stopped."""
    stack, stop = AsyncExitStack(), subject.stop

    async def stop_all() -> None:
        async with stack:
            await stop()

    subject.stop = stop_all  # type: ignore[method-assign]  # what it dials with is its own
    return stack


@asynccontextmanager
async def tls_stage(seed: int, **options: Any) -> AsyncIterator[Stage]:
    """Give a stage over sockets and TLS, with a client, not started, that trusts the exchange's authority."""
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    def make(exchange: SimulatedExchange, url: str, **more: Any) -> Ours:
        connector = aiohttp.TCPConnector(ssl=trusting, force_close=True)
        session = aiohttp.ClientSession(connector=connector)
        subject = Ours(exchange, url, session=session, **more)
        afterwards(subject).push_async_callback(session.close)
        return subject

    terms = {"exchange_options": {"ssl_context": serving}, "options": options}
    async with staged(Layer.SOCKETS, seed, make=make, **terms) as stage:
        yield stage
