"""The 23 defects of the naive generator, by number: each promise holds for ours, and fails on the control.

22, what was agreed on a lost connection and is restored on the next, is a promise of `Client`.
"""

import asyncio
import functools
import gc
import random
import time
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, ClassVar

import pytest

from deribit_ws import ConnectFailed, ConnectionLost, UsageError, WebSocket, websocket_generator
from deribit_ws.backoff import Backoff
from tests.peers import frames
from tests.peers.far_end import FarEnd, Line, hold
from tests.websockets import naive

Make = Callable[[str], AsyncIterator[Any]]
Check = Callable[..., Awaitable[None]]
Fails = type[BaseException] | tuple[type[BaseException], ...]

LONGEST = 0.1  # seconds between two dials of ours here; from the second wait on, at least half of it
A_WHILE = 0.2  # seconds; long enough for a hot loop to be hot
DIALS_IN_A_WHILE = 3 + round(A_WHILE / (LONGEST / 2))


def ours(url: str) -> AsyncIterator[Any]:
    return websocket_generator(
        url, LONGEST, open_timeout=0.25, close_timeout=0.15, ping_interval=0.15, ping_timeout=0.15
    )


def defect(control: Make, fails: Fails = AssertionError) -> Callable[[Check], Check]:
    """Make two tests of a check: it holds for ours, and fails on the control in the way given."""

    def both(check: Check) -> Check:
        @pytest.mark.parametrize("make", [ours, control], ids=["ours", "naive"])
        @functools.wraps(check)
        async def test(make: Make, **rest: Any) -> None:
            if make is ours:
                await check(make, **rest)
                return
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with pytest.raises(fails):
                    await check(make, **rest)
                await naive.tidy()

        tests: Check = test
        return tests

    return both


@pytest.fixture(autouse=True)
def _controls_may_be_untidy(
    request: pytest.FixtureRequest, loop_errors: list[dict[str, Any]]
) -> Iterator[None]:
    yield
    if "naive" in request.node.name:
        gc.collect()
        loop_errors.clear()


async def greet_and_close(line: Line) -> None:
    await line.upgrade(frames.encode(frames.TEXT, b"hello"))
    line.close()


async def reset(line: Line) -> None:
    line.rst()


async def stall(line: Line) -> None:
    """Accept, and never answer the upgrade."""


async def greet(line: Line) -> None:
    await line.upgrade(frames.encode(frames.TEXT, b"hello"))


async def for_a_while(consume: Coroutine[Any, Any, None], seconds: float = A_WHILE) -> None:
    task = asyncio.create_task(consume)
    await asyncio.wait([task], timeout=seconds)
    task.cancel()
    await asyncio.wait([task])


async def consume_all(make: Make, url: str) -> None:
    async for ws in make(url):
        async for _ in ws:
            pass


@defect(naive.naive)
async def test_01_a_body_that_raises(make: Make) -> None:
    """An exception in the body counts as a drop, and the next dial waits for it."""

    async def consume() -> None:
        async for _ in make(far.url):
            try:
                raise ConnectionError("found in the body")
            except ConnectionError:
                continue

    async with FarEnd(greet) as far:
        await for_a_while(consume())

        assert 1 <= len(far.lines) <= DIALS_IN_A_WHILE


@pytest.mark.parametrize("code", [1000, 1001])
@defect(naive.naive)
async def test_02_accept_then_close(make: Make, code: int) -> None:
    """A server that accepts and closes is dialled ever more slowly, never in a hot loop."""

    async def accept_then_close(line: Line) -> None:
        await line.upgrade(frames.encode_close(code))

    async def consume() -> None:
        async for ws in make(far.url):
            try:
                async for _ in ws:
                    pass
            except ConnectionLost:
                continue

    async with FarEnd(accept_then_close) as far:
        await for_a_while(consume())

        assert 1 <= len(far.lines) <= DIALS_IN_A_WHILE


@defect(naive.unawaited)
async def test_03_wait_is_awaited(make: Make) -> None:
    """A failed dial is followed by a wait that does happen."""
    async with FarEnd(reset) as far:
        await for_a_while(consume_all(make, far.url))

        assert 1 <= len(far.lines) <= DIALS_IN_A_WHILE


@defect(naive.naive)
async def test_04_bug_in_the_body(make: Make) -> None:
    """A programming error that the body swallows does not become a storm of dials."""

    async def consume() -> None:
        async for ws in make(far.url):
            try:
                async for _ in ws:
                    raise KeyError("a bug of the user's")
            except Exception:
                continue

    async with FarEnd(greet) as far:
        await for_a_while(consume())

        assert 1 <= len(far.lines) <= DIALS_IN_A_WHILE


@defect(naive.naive)
async def test_05_break(make: Make) -> None:
    """A `break` closes the websocket with 1000 before the next line runs."""
    async with FarEnd(hold) as far:
        async for _ in make(far.url):
            break
        seen = far.last.unread()

        assert [frame.close_code for frame in seen] == [1000]


@defect(naive.naive)
async def test_06_exception(make: Make) -> None:
    """An exception that leaves the loop finds the websocket closed where it is caught."""
    seen: list[frames.Frame] = []
    async with FarEnd(hold) as far:
        try:
            async for _ in make(far.url):
                raise LookupError("a bug of the user's")
        except LookupError:
            seen = far.last.unread()

        assert [frame.close_code for frame in seen] == [1000]


@defect(naive.naive)
async def test_07_clean_up_needs_no_task(make: Make) -> None:
    """Leaving the loop starts no task: what has to be done is done by then."""
    async with FarEnd(hold) as far:
        async for _ in make(far.url):
            break
        before = asyncio.all_tasks()
        await asyncio.sleep(0)
        started = asyncio.all_tasks() - before

        assert started == set()


@defect(naive.timing_out, asyncio.CancelledError)
async def test_08_no_time_limit_spans_the_body(make: Make) -> None:
    """The time limits of the dial and the close never act on the body (PEP 789)."""
    async with FarEnd(hold) as far:
        async for ws in make(far.url):
            await asyncio.sleep(0.3)

            assert not ws.aiohttp.closed
            break


@defect(naive.naive, StopAsyncIteration)
async def test_09_cancelled_anext(make: Make) -> None:
    """An `anext` given up by its time limit leaves the iterator usable."""
    async with FarEnd(stall, hold) as far:
        generator = make(far.url)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(generator), 0.05)
        async with asyncio.timeout(1):
            assert await anext(generator)
    del generator


@defect(naive.naive, RuntimeError)
async def test_10_second_consumer(make: Make) -> None:
    """A second consumer is told so by a `UsageError`, and the first one gets its websocket."""
    async with FarEnd(stall, hold) as far:
        generator = make(far.url)
        first = asyncio.ensure_future(anext(generator))
        await far.until_accepted(1)
        try:
            with pytest.raises(UsageError):
                await anext(generator)

            assert await first
        finally:
            first.cancel()
            await asyncio.wait([first])
            del generator, first


@defect(naive.catching_all)
async def test_11_cancellation_ends_it(make: Make) -> None:
    """A cancelled consumer ends at once, also while it dials."""
    async with FarEnd(stall) as far:
        task = asyncio.create_task(consume_all(make, far.url))
        await far.until_accepted(1)
        task.cancel()
        await asyncio.wait([task], timeout=0.3)
        ended = task.cancelled()
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)

        assert ended


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "not a URL at all", "ws://127.0.0.1:99999/"])
@defect(naive.naive, TimeoutError)
async def test_12_bad_url_is_fatal(make: Make, url: str) -> None:
    """A URL that can never be dialled raises instead of being tried for ever."""
    with pytest.raises(ConnectFailed):
        async with asyncio.timeout(A_WHILE):
            await anext(make(url))


@defect(naive.naive, TimeoutError)
async def test_12_forbidden_is_fatal(make: Make) -> None:
    """A first dial that is answered with 403 raises, after this one attempt."""

    async def forbid(line: Line) -> None:
        await line.answer(403)

    async with FarEnd(forbid) as far:
        with pytest.raises(ConnectFailed) as failure:
            async with asyncio.timeout(A_WHILE):
                await anext(make(far.url))

        assert failure.value.status == 403
        assert len(far.lines) == 1


class Fixed:
    """The back-off of the control: always the same wait."""

    steps: ClassVar[int] = 0

    def failed(self) -> None:
        """Count nothing."""

    def wait(self) -> float:
        """Give the one wait there is."""
        return 5.0


@pytest.mark.parametrize(("jitter", "herd"), [(True, False), (False, True)], ids=["ours", "naive"])
def test_13_herd(jitter: bool, herd: bool) -> None:
    """A thousand clients that lost one server come back spread out, not as a herd."""
    seeds = random.Random(13)
    returns: Counter[int] = Counter()
    for _ in range(1000):
        backoff = Backoff(30.0, random.Random(seeds.random()).random) if jitter else Fixed()
        at = 0.0
        while at < 20.0:  # the server is away this long
            backoff.failed()
            at += backoff.wait()
        returns[int(at * 10)] += 1

    assert (max(returns.values()) > 150) is herd  # in any tenth of a second


@defect(naive.naive, TimeoutError)
async def test_14_half_open_peer(make: Make) -> None:
    """A peer that never answers the close frame does not hold up the next dial."""

    async def ignore(line: Line) -> None:
        line.answers_close = False
        await line.upgrade()

    async with FarEnd(ignore) as far:
        generator = make(far.url)
        await anext(generator)
        async with asyncio.timeout(0.15 + LONGEST + 0.2):
            await anext(generator)

        assert len(far.lines) == 2
        del generator


async def fin(line: Line) -> None:
    await line.upgrade(frames.encode(frames.TEXT, b"hello"))
    line.fin()


async def rst(line: Line) -> None:
    await line.upgrade(frames.encode(frames.TEXT, b"hello"))
    await asyncio.sleep(0.02)
    line.rst()


async def close_1000(line: Line) -> None:
    await line.upgrade(frames.encode(frames.TEXT, b"hello"), frames.encode_close(1000))


async def close_1011(line: Line) -> None:
    await line.upgrade(frames.encode(frames.TEXT, b"hello"), frames.encode_close(1011))


@pytest.mark.parametrize("end", [fin, rst, close_1000, close_1011])
@defect(naive.naive, pytest.fail.Exception)
async def test_15_a_drop_raises(make: Make, end: Callable[[Line], Awaitable[None]]) -> None:
    """A drop raises `ConnectionLost` in whoever is reading; `async for` never ends in silence."""
    async with FarEnd(end) as far:
        async for ws in make(far.url):
            with pytest.raises(ConnectionLost):
                async for _ in ws:
                    pass
            break


@defect(naive.naive)
async def test_16_what_is_read_is_text(make: Make) -> None:
    """What comes out of the loop is text; trouble of the link raises instead of being handed out."""

    async def shout(line: Line) -> None:
        # A frame of 17 MiB: its head will do.
        await line.upgrade(b"\x81\x7f" + (17 * 1024 * 1024).to_bytes(8))

    got: list[Any] = []
    async with FarEnd(shout) as far:
        async for ws in make(far.url):
            try:
                got += [message async for message in ws]
            except ConnectionLost as lost:
                assert lost.code == 1009
            break

    assert got == []


@defect(naive.naive, TimeoutError)
async def test_17_half_open_is_noticed(make: Make) -> None:
    """A link on which nothing comes any more, not even a PONG, is lost after a while."""

    async def fall_silent(line: Line) -> None:
        line.answers_pings = line.answers_close = False
        await line.upgrade()

    async with FarEnd(fall_silent) as far:
        async for ws in make(far.url):
            with pytest.raises(ConnectionLost):
                async with asyncio.timeout(0.15 + 0.15 + 0.2):
                    async for _ in ws:
                        pass
            break


@defect(naive.naive, TimeoutError)
async def test_17_dial_has_a_deadline(make: Make) -> None:
    """A server that accepts but never answers the upgrade is given up, and dialled again."""
    async with FarEnd(stall, hold) as far:
        async with asyncio.timeout(0.25 + LONGEST + 0.25):
            async for _ in make(far.url):
                break

        assert len(far.lines) == 2


@defect(naive.heartbeat)
async def test_18_slow_body(make: Make) -> None:
    """A body slower than the PING interval loses nothing, though the PONG waits behind what is unread."""
    count = 600
    message = b"x" * 20_000  # far beyond what the sockets and aiohttp buffer

    async def flood(line: Line) -> None:
        await line.upgrade(frames.encode(frames.TEXT, message) * count)

    got = 0
    async with FarEnd(flood) as far:
        async for ws in make(far.url):
            await asyncio.sleep(0.45)
            async for _ in ws:
                got += 1
                if got == count:
                    break
            break

        assert got == count


@defect(naive.helped)
async def test_19_helpers_end_with_their_link(make: Make) -> None:
    """Whatever serves a link in the background ends with it; nothing piles up."""
    async with FarEnd(greet_and_close) as far:
        before = len(asyncio.all_tasks())
        turns = 0
        async for _ in make(far.url):
            turns += 1
            if turns == 4:
                break
        left = [task for task in asyncio.all_tasks() if "keep_alive" in repr(task)]
        now = len(asyncio.all_tasks())

        assert left == []
        assert now <= before + 1 + turns  # the far end's scripts, and the reader that is about to end


@defect(naive.leaking)
async def test_20_sessions_are_closed(make: Make) -> None:
    """Whatever was made for a link is closed with it: nothing is left for the garbage collector."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        async with FarEnd(greet_and_close) as far:
            turns = 0
            async for _ in make(far.url):
                turns += 1
                if turns == 3:
                    break
        await asyncio.sleep(0.01)
        gc.collect()

    assert [str(warning.message) for warning in said] == []


async def test_21_names_that_stay() -> None:
    """An item has the names that were promised, whatever aiohttp calls its own."""
    async with FarEnd(greet) as far:
        async for ws in websocket_generator(far.url):
            assert isinstance(ws, WebSocket)
            assert (ws.open, ws.close_code) == (True, None)
            assert await ws.recv() == "hello"
            await ws.send({"hello": "again"})
            await ws.close(4000, "enough")
            assert (ws.open, ws.close_code) == (False, 4000)
            break


# 22: the naive generator restores nothing. Subscriptions, login, heartbeat and open questions belong to
# `Client`, and so do their tests.


@defect(naive.blocking)
async def test_23_waiting_blocks_nobody(make: Make) -> None:
    """While it waits for the next dial, everything else in the loop goes on."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)

    async with FarEnd(reset) as far:
        watcher = asyncio.create_task(watch())
        await for_a_while(consume_all(make, far.url))
        watcher.cancel()

        assert longest < 0.15
