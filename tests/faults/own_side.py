"""Rows 43, 44 and 48, what of them needs no kernel: clocks that step, loops that block, callbacks that raise.

Knows: faults of the program around the client, and what must be seen of each. Judges that. What the kernel
does to a program is in `kernel`; cancelling, leaving and signals (45 to 47) are `tests.lifetime`'s.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any
from unittest.mock import patch

from deribit_ws import Connected, Disconnected, Handler
from deribit_ws.testing import Cut, Drop, Ending, Say
from tests.faults.blocking import block
from tests.faults.dialled import afterwards, fresh, ours
from tests.faults.invariants import judge, watched
from tests.faults.row import BOTH, MEMORY, SOCKETS, alone, row
from tests.faults.session import SIGNED, TEST_REQUEST
from tests.faults.stage import DETECT_SECONDS, HARD_SECONDS, RESTORE_SECONDS, Layer, Stage, staged
from tests.faults.subject import BTC, PRINTED, TICKER

HOUR = 3600.0  # of a step, the scoreboard's
BETWEEN_SECONDS = 2.0  # two steps
SHORT_BLOCK, LONG_BLOCK = 10.0, 45.0  # the scoreboard's
ABNORMAL, HEARTBEAT_CLOSE = 1006, 4000
CALM_SECONDS = 2.0
CROWD = 8  # clients in one loop


# --- 43: the wall clock


@row(43, "wall clock steps by an hour", BOTH, cold=True)
async def stepping_clock(stage: Stage) -> None:
    """A wall clock that steps moves no timer, ends no link, and spoils no signature."""
    clock = _Clock()
    patches = AsyncExitStack()  # before the client is made, as it takes its clock then
    patches.enter_context(patch("time.time", clock.time))
    patches.enter_context(patch("time.time_ns", clock.time_ns))
    stage.subject = fresh(stage, credentials=SIGNED)
    afterwards(stage.subject).push_async_exit(patches)
    await stage.start()
    for step in stage.rng.sample((HOUR, -HOUR, 2 * HOUR, -2 * HOUR), 3):
        clock.off += step
        await asyncio.sleep(BETWEEN_SECONDS)
    assert stage.subject.observed.drops == 0, "a step ended the link"
    stage.links.inject(Cut(Ending.RST))
    clock.off -= HOUR
    await stage.recovers(HARD_SECONDS)

    assert not stage.subject.observed.errors, stage.subject.observed.errors


class _Clock:
    """This machine's time of day, `off` by so many seconds."""

    def __init__(self) -> None:
        self.off = 0.0
        self._time, self._time_ns = time.time, time.time_ns

    def time(self) -> float:
        return self._time() + self.off

    def time_ns(self) -> int:
        return self._time_ns() + round(self.off * 1e9)


# --- 44: the loop


@row(44, "event loop blocked for 10 s and for 45 s", MEMORY)
@row(44, "event loop blocked for 10 s and for 45 s", SOCKETS, most_seeds=1)
async def blocked_shortly(stage: Stage) -> None:
    """What lies unread after ten seconds is read before anything is held against the link."""
    ledger = stage.exchange.ledger
    if stage.choose(True, False):  # our sign of life is answered, and the answer unread past its deadline
        answers = len(ledger.requests_of("public/test"))
        stage.exchange.inject(Say(TEST_REQUEST))
        await ledger.until(lambda: len(ledger.requests_of("public/test")) > answers)
    _block(stage, SHORT_BLOCK)
    await stage.recovers(DETECT_SECONDS + RESTORE_SECONDS, drops=0)
    await asyncio.sleep(CALM_SECONDS)

    assert not stage.subject.observed.drops, "the link was given up"


@row(44, "event loop blocked for 10 s and for 45 s", MEMORY)
async def blocked_long(stage: Stage) -> None:
    """After 45 s the exchange has closed with 4000: a drop like any, and told as that."""
    said = stage.choose(True, False)
    stage.exchange.inject(Drop.close(HEARTBEAT_CLOSE, "heartbeat close") if said else Drop.fin())
    _block(stage, LONG_BLOCK)
    await stage.recovers(HARD_SECONDS)

    codes = [turn.code for turn in stage.subject.observed.turns if not turn.up]
    assert codes == [HEARTBEAT_CLOSE if said else ABNORMAL], codes


def _block(stage: Stage, seconds: float) -> None:
    block(stage, seconds)
    stage.subject.observed.heard_at = asyncio.get_running_loop().time()  # nobody could be told anything


# --- 48: the program


@row(48, "callbacks that raise, eight clients in one loop; limits of the system", BOTH)
async def raising_callbacks(stage: Stage) -> None:
    """Callbacks that always raise cost nobody else a message, and `on_error` hears of each."""
    subject = ours(stage)
    observed, client = subject.observed, subject.client

    def plain(_: Any) -> None:
        raise RuntimeError("plain")

    async def coroutine(_: Any) -> None:
        raise RuntimeError("coroutine")

    spoilers = [
        client.register(PRINTED, plain),
        client.register(PRINTED, coroutine),
        client.register(TICKER, coroutine),
        client.register(f"trades.{BTC}.100ms", plain),
        client.register(f"book.{BTC}.100ms", plain),
    ]
    handler = client.add_handler(_Raising())
    before = observed.counts.copy()
    await asyncio.sleep(CALM_SECONDS)
    stage.links.inject(Cut(Ending.RST))
    await stage.recovers(HARD_SECONDS)
    await asyncio.sleep(CALM_SECONDS)
    handler.cancel()
    for spoiler in spoilers:
        spoiler.cancel()

    heard = {str(error) for error in observed.errors}
    assert heard >= {"plain", "coroutine"}, f"on_error heard {heard}"
    for who in ("callback", "stream"):
        assert observed.counts[who] > before[who] + CALM_SECONDS, f"{who} heard {observed.counts[who]}"


class _Raising(Handler):
    """Raises whatever it is told."""

    def on_connected(self, event: Connected) -> None:
        raise RuntimeError("connected")

    async def on_disconnected(self, event: Disconnected) -> None:
        raise RuntimeError("disconnected")

    def on_error(self, error: Exception) -> None:
        raise RuntimeError("error")


def crowd(layer: Layer) -> Any:
    """Give what plays eight clients, each with an exchange of its own, in one loop."""

    async def play(seed: int) -> float:
        async with watched(), AsyncExitStack() as stack:
            stages = [
                await stack.enter_async_context(staged(layer, CROWD * seed + number))
                for number in range(CROWD)
            ]
            await asyncio.gather(*(stage.start() for stage in stages))
            down = stages[: 1 + seed % CROWD]
            for stage in down:
                stage.links.inject(Cut(Ending.RST))
            await asyncio.gather(*(stage.recovers(HARD_SECONDS) for stage in down))
            for stage in stages:
                await stage.settle()
                judge(stage)
                drops = stage.subject.observed.drops
                assert drops == (stage in down), f"{drops} drops of client {stages.index(stage)}"
            return max(stage.recoveries[0].seconds for stage in down)

    return play


for _layer, _most in ((Layer.MEMORY, 1000), (Layer.SOCKETS, 5)):
    alone(
        48,
        "callbacks that raise, eight clients in one loop; limits of the system",
        _layer,
        crowd(_layer),
        bound=HARD_SECONDS,
        most_seeds=_most,
    )
