"""The loop of dials, in virtual time and without sockets: how often, how long, and when it gives up."""

import asyncio
import random

import pytest

from deribit_ws.backoff import Backoff
from deribit_ws.errors import ConnectFailed, Retry
from deribit_ws.reconnect import Reconnect

pytestmark = pytest.mark.looptime


class Opener:
    """Opens numbers, or fails as told; keeps the time of each try."""

    def __init__(self, *failures: ConnectFailed | None) -> None:
        self.failures = iter(failures)
        self.tries: list[float] = []
        self.reports: list[tuple[ConnectFailed, float]] = []

    async def __call__(self) -> int:
        self.tries.append(now())
        if failure := next(self.failures, None):
            raise failure
        return len(self.tries)

    def reconnect(self, longest: float = 30.0, seed: int = 0) -> Reconnect[int]:
        """One that opens with this."""
        backoff = Backoff(longest, random.Random(seed).random)
        return Reconnect(self, backoff=backoff, report=lambda *told: self.reports.append(told))

    @property
    def waits(self) -> list[float]:
        """The seconds between two tries."""
        return [after - before for before, after in zip(self.tries, self.tries[1:], strict=False)]


def now() -> float:
    return asyncio.get_running_loop().time()


def passing() -> ConnectFailed:
    return ConnectFailed("refused")


def status(code: int, retry: Retry = Retry.YES, retry_after: float | None = None) -> ConnectFailed:
    return ConnectFailed(f"HTTP {code}", retry=retry, status=code, retry_after=retry_after)


def forbidden() -> ConnectFailed:
    return status(403, Retry.ONCE_LIVED)


async def test_accept_then_close_for_a_minute() -> None:
    """A server that accepts and at once closes is dialled at most twelve times in its first minute."""
    for seed in range(50):
        opener = Opener()
        reconnect = opener.reconnect(seed=seed)
        began = now()
        while now() - began < 60:
            await anext(reconnect)
            reconnect.lost(healthy=0.0)

        assert len([at for at in opener.tries if at - began < 60]) <= 12


async def test_greeting_then_close_for_a_minute() -> None:
    """A server that says something and closes within a second is no better than one that just closes."""
    for seed in range(20):
        opener = Opener()
        reconnect = opener.reconnect(seed=seed)
        began = now()
        while now() - began < 60:
            await anext(reconnect)
            await asyncio.sleep(0.9)
            reconnect.lost(healthy=0.9)

        assert len([at for at in opener.tries if at - began < 60]) <= 12


async def test_refused_for_a_minute() -> None:
    """A server that refuses is dialled at most twelve times in a minute, and each failure is reported."""
    for seed in range(20):
        opener = Opener(*[passing() for _ in range(100)])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await anext(opener.reconnect(seed=seed))
        reported = [wait for _, wait in opener.reports[: len(opener.waits)]]

        assert len(opener.tries) <= 12
        assert reported == pytest.approx(opener.waits, abs=0.01)


async def test_first_try_waits_for_nothing() -> None:
    """The first try is made at once."""
    opener = Opener()
    began = now()
    await anext(opener.reconnect())

    assert opener.tries == [began]


async def test_rare_drops_cost_next_to_nothing() -> None:
    """Links that live for half a minute are each followed within a quarter of a second."""
    opener = Opener()
    reconnect = opener.reconnect()
    for _ in range(20):
        await anext(reconnect)
        before = now()
        reconnect.lost(healthy=30.0)
        await anext(reconnect)
        reconnect.lost(healthy=30.0)

        assert now() - before <= 0.25 + 0.01


async def test_opening_is_no_health() -> None:
    """An opened link takes no step back by itself: the waits grow over any number of them."""
    opener = Opener()
    reconnect = opener.reconnect()
    for _ in range(8):
        await anext(reconnect)
        reconnect.lost(healthy=0.0)

    assert opener.waits[-1] >= 8.0


@pytest.mark.parametrize(
    ("failure", "low", "high"),
    [
        (status(429), 5.0, 5.0),
        (status(429, retry_after=2.0), 5.0, 5.0),
        (status(429, retry_after=77.0), 77.0, 77.0),
        (status(503, retry_after=42.0), 42.0, 42.0),
        (status(503), 0.0, 0.25),
        (passing(), 0.0, 0.25),
    ],
)
async def test_floors(failure: ConnectFailed, low: float, high: float) -> None:
    """After 429 at least 5 s pass, and always as many as the server asked for."""
    opener = Opener(failure)
    await anext(opener.reconnect())

    assert low <= opener.waits[0] <= high + 0.01


async def test_floor_of_a_loss() -> None:
    """Whoever counts a loss may ask for a floor of its own."""
    opener = Opener()
    reconnect = opener.reconnect()
    await anext(reconnect)
    reconnect.lost(healthy=100.0, floor=5.0)
    await anext(reconnect)

    assert opener.waits == pytest.approx([5.0], abs=0.01)


@pytest.mark.parametrize(
    "failure", [forbidden(), status(301, Retry.ONCE_LIVED), ConnectFailed("bad URL", retry=Retry.NEVER)]
)
async def test_fatal_at_first(failure: ConnectFailed) -> None:
    """Before a link has lived, what only would happen again is raised after the one try."""
    opener = Opener(passing(), failure)
    with pytest.raises(ConnectFailed) as raised:
        await anext(opener.reconnect())

    assert raised.value is failure
    assert (len(opener.tries), len(opener.reports)) == (2, 1)


async def test_retried_once_lived() -> None:
    """Once a link has lived, such a refusal is reported and tried again, not sooner than after 5 s."""
    opener = Opener(None, forbidden(), forbidden())
    reconnect = opener.reconnect()
    await anext(reconnect)
    reconnect.lost(healthy=100.0)
    await anext(reconnect)

    assert opener.waits[0] <= 0.25 + 0.01
    assert opener.waits[1:] == pytest.approx([5.0, 5.0], abs=0.01)
    assert [failure.status for failure, _ in opener.reports] == [403, 403]


async def test_patience_of_a_refusal_once_lived() -> None:
    """Such a refusal that asks for more than 5 s is given more."""
    opener = Opener(None, status(403, Retry.ONCE_LIVED, retry_after=60.0))
    reconnect = opener.reconnect()
    await anext(reconnect)
    reconnect.lost(healthy=100.0)
    await anext(reconnect)

    assert opener.waits[1] == pytest.approx(60.0, abs=0.01)


async def test_never_stays_never() -> None:
    """What is fatal at any time, as bad TLS, is raised also after a link has lived."""
    opener = Opener(None, ConnectFailed("TLS", retry=Retry.NEVER))
    reconnect = opener.reconnect()
    await anext(reconnect)
    reconnect.lost(healthy=100.0)
    with pytest.raises(ConnectFailed, match="TLS"):
        await anext(reconnect)


async def test_cancelled_wait() -> None:
    """A wait that is cancelled goes on where it was: cancelling is no way around it."""
    opener = Opener(status(429))
    reconnect = opener.reconnect()
    for _ in range(4):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await anext(reconnect)
    await anext(reconnect)

    assert opener.waits == pytest.approx([5.0], abs=0.01)


async def test_other_exceptions_pass() -> None:
    """What the opener did not mean to raise is not swallowed."""

    async def broken() -> int:
        raise ZeroDivisionError

    def report(*_: object) -> None:
        raise AssertionError

    reconnect = Reconnect(broken, backoff=Backoff(30.0, random.random), report=report)
    with pytest.raises(ZeroDivisionError):
        await anext(reconnect)
