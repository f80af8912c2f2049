"""Faults from servers and proxies that are not ours, judged by the same invariants: who tests the tests.

Knows what each scene does, and what must be seen. Must not know how the strangers are run (`outside_server`,
`outside_proxies`). `python -m tests.faults.outside` plays all scenes and prints a line each; `test_outside`
plays them in the suite. A scene whose stranger is not installed is skipped, with the reason.
"""

import argparse
import asyncio
import importlib.util
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from deribit_ws.testing import SimulatedExchange
from tests.faults import outside_proxies as proxies
from tests.faults.kernel_referee import behind, facts, faults, lacking_channels
from tests.faults.kernel_witness import SCHEDULE, Witness

AT_EASE = 1.2  # seconds of undisturbed life before each fault: enough for the drop before to be forgiven
SOON = 0.6  # seconds in which a link is back after a drop that is told
WAIT_SECONDS = 20.0  # for a drop and its end; how soon it must be is in `BOUNDS`
SETTLE_SECONDS = 30.0  # in which all must have been delivered after the last trade
CODES = (
    (1000, "bye"),
    (1001, "going away"),
    (1011, "internal"),
    (1012, "restart"),
    (4000, "heartbeat close"),
)
RETRY_SECONDS = 0.5
UNTOLD = 20.6  # seconds in which a link is found dead that nobody ends
Before = Callable[[str], AbstractAsyncContextManager[tuple[str, Any]]]


@dataclass
class Play:
    """One client before one exchange, with a stranger between them."""

    exchange: SimulatedExchange
    witness: Witness
    stranger: Any
    slowest: float = 0.0
    told: int = 1  # marks that were seen to, the first Connected among them

    async def dropped(self) -> dict[str, Any]:
        """Wait until the next drop is told and mended; give the mark of it. The time counts from now."""
        began = time.monotonic()
        self.told += 2
        marks = await self.witness.marks_beyond(self.told - 1, WAIT_SECONDS)
        assert len(marks) == self.told, f"no drop, or not mended, or too many: {marks[self.told - 2 :]}"
        self.slowest = max(self.slowest, marks[-1]["at"] - began)
        return marks[-2]

    async def judge(self) -> None:
        """Let it come to rest, and hold it against the ledger."""
        await self.witness.still()
        self.lock("locked")
        until, lacking = time.monotonic() + SETTLE_SECONDS, ["not asked"]
        while lacking and time.monotonic() < until:
            await asyncio.sleep(0.05)
            lacking = behind(self.witness.at(), facts(self.exchange))
        wrong = lacking + lacking_channels(self.exchange)
        account = await self.witness.close()
        wrong += faults(account, self.exchange, drops=self.told // 2)
        assert not wrong, "; ".join(wrong)

    def lock(self, state: str) -> None:
        """Let all trading stop, or go on."""
        for name in self.exchange.instruments:
            self.exchange.set_state(name, state)


@asynccontextmanager
async def playing(seed: int, before: Before) -> AsyncIterator[Play]:
    """Start all three, and let them live for a moment; judge in the end."""
    async with SimulatedExchange(seed=seed) as exchange, before(exchange.url) as (url, stranger):
        play = Play(exchange, Witness(url, retry_seconds=RETRY_SECONDS), stranger)
        await play.witness.open()
        await asyncio.sleep(AT_EASE)
        yield play
        await asyncio.sleep(0.5)
        await play.judge()


# --- a server on the `websockets` library


def _relay(seed: int) -> Before:
    from tests.faults.outside_server import relay  # that library is there for tests only

    return lambda url: relay(url, seed)


async def close_codes(seed: int) -> float:
    """It closes with each code, with a reason: the mark has both."""
    async with playing(seed, _relay(seed)) as play:
        for code, reason in CODES:
            closing = asyncio.create_task(play.stranger.close(code, reason))
            mark = await play.dropped()
            await closing
            assert (mark["code"], mark["reason"]) == (code, reason)
            await asyncio.sleep(AT_EASE)
    return play.slowest


async def aborts(seed: int) -> float:
    """It resets the connection, thrice."""
    async with playing(seed, _relay(seed)) as play:
        for _ in range(3):
            play.stranger.abort()
            assert (await play.dropped())["code"] == 1006
            await asyncio.sleep(AT_EASE)
    return play.slowest


async def fragments_and_pings(seed: int) -> float:
    """It sends all in fragments, some empty, with pings between them: no drop, and each is answered."""
    async with playing(seed, _relay(seed)) as play:
        play.stranger.fragments = True
        for payload in (b"", b"\x00\xff", b"x" * 125, b"deribit") * 5:
            assert await play.stranger.ping(payload) < SOON
            await asyncio.sleep(0.1)
        assert len(play.witness.marks) == 1
    return 0.0


async def unagreed_deflate(seed: int) -> float:
    """It compresses though that was not agreed on: the link is given up with 1002."""
    async with playing(seed, _relay(seed)) as play:
        play.stranger.compress()
        assert (await play.dropped())["code"] == 1002
    return play.slowest


async def takes_little(seed: int) -> float:
    """It takes no message as long as any of ours, and closes with 1009."""
    async with playing(seed, _relay(seed)) as play:
        play.stranger.take_little()
        assert (await play.dropped())["code"] == 1009  # at our next request
    return play.slowest


# --- proxies


async def socat_killed(seed: int) -> float:
    """Socat is killed and started again, then one connection's process is."""
    async with playing(seed, proxies.socat) as play:
        await play.stranger.kill()
        await asyncio.sleep(1.0)
        await play.stranger.start()
        await play.dropped()
        await asyncio.sleep(AT_EASE)
        play.stranger.kill_children()
        await play.dropped()
    return play.slowest


async def socat_stopped(seed: int) -> float:
    """Socat stops for 5 s: nothing is lost, and nobody dials."""
    async with playing(seed, proxies.socat) as play:
        play.stranger.signal(signal.SIGSTOP)
        await asyncio.sleep(5)
        play.stranger.signal(signal.SIGCONT)
        await asyncio.sleep(1)
        assert len(play.witness.marks) == 1
    return 0.0


async def socat_stopped_for_long(seed: int) -> float:
    """Socat stops until the link is found dead; then it goes on."""
    async with playing(seed, proxies.socat) as play:
        began = time.monotonic()
        play.stranger.signal(signal.SIGSTOP)
        try:
            marks = await play.witness.marks_beyond(1, UNTOLD + 2)
        finally:
            play.stranger.signal(signal.SIGCONT)
        took = float(marks[1]["at"] - began)
        assert took <= UNTOLD, f"it was found after {took:.1f} s"
        await play.dropped()
    return took


async def haproxy_idle(seed: int) -> float:
    """HAProxy ends links on which nothing passes for 3 s, again and again."""
    async with playing(seed, proxies.haproxy) as play:
        await play.witness.still()
        play.lock("locked")
        for _ in range(2):
            await play.dropped()
        play.lock("open")
        await asyncio.sleep(AT_EASE)
    return play.slowest - proxies.IDLE_SECONDS


async def haproxy_shut(seed: int) -> float:
    """HAProxy shuts the session down, twice; then its server is out of service for a while."""
    async with playing(seed, proxies.haproxy) as play:
        for _ in range(2):
            await play.stranger.tell("shutdown sessions server relay/far")
            await play.dropped()
            await asyncio.sleep(AT_EASE)
        await play.stranger.tell("disable server relay/far")
        await play.stranger.tell("shutdown sessions server relay/far")
        await asyncio.sleep(2)
        await play.stranger.tell("enable server relay/far")
        await play.dropped()
    return play.slowest


async def nginx_killed(seed: int) -> float:
    """Nginx's worker is killed, and another takes its place."""
    async with playing(seed, proxies.nginx) as play:
        for _ in range(2):
            play.stranger.kill_children()
            await play.dropped()
            await asyncio.sleep(AT_EASE)
    return play.slowest


async def nginx_slow(seed: int) -> float:
    """Nginx lets so little through that the market's word comes late: late it comes, and nobody drops."""
    async with playing(seed, lambda url: proxies.nginx(url, slow=True)) as play:
        await asyncio.sleep(5)
        assert behind(play.witness.at(), facts(play.exchange)), "it is not slow"
        assert len(play.witness.marks) == 1
    return 0.0


Scene = Callable[[int], Coroutine[Any, Any, float]]
SCENES: dict[str, tuple[Scene, ...]] = {
    "websockets": (close_codes, aborts, fragments_and_pings, unagreed_deflate, takes_little),
    "socat": (socat_killed, socat_stopped, socat_stopped_for_long),
    "haproxy": (haproxy_idle, haproxy_shut),
    "nginx": (nginx_killed, nginx_slow),
}
# Seconds: where not said here, a link is back as soon as after a drop that is told.
BOUNDS: dict[Scene, float] = {
    takes_little: SCHEDULE + SOON,  # it closes at our next request
    socat_killed: RETRY_SECONDS + SOON,  # it is away for a while, as is HAProxy's server
    socat_stopped_for_long: UNTOLD,
    haproxy_shut: RETRY_SECONDS + SOON,
}


def why_not(stranger: str) -> str | None:
    """Say why a stranger's scenes can't be played here; None where they can."""
    if stranger != "websockets":
        return proxies.why_not(stranger)
    return None if importlib.util.find_spec("websockets") else "the websockets library is not installed"


def main() -> int:
    """Play all scenes, and print what each came to; non-zero when one falls."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("names", nargs="*", help="of strangers or scenes; all by default")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    fallen = 0
    for stranger, scenes in SCENES.items():
        reason = why_not(stranger)
        for scene in scenes:
            if given.names and not {stranger, scene.__name__} & set(given.names):
                continue
            if reason:
                print(f"{stranger}: {scene.__name__}: skipped: {reason}")
            else:
                fallen += sum(not _told(stranger, scene, seed) for seed in range(given.seeds))
    return min(fallen, 1)


def _told(stranger: str, scene: Scene, seed: int) -> bool:
    name = f"{stranger}: {scene.__name__}, seed {seed}"
    try:
        seconds = asyncio.run(scene(seed))
    except Exception as error:
        print(f"{name}: FALLEN: {type(error).__name__}: {error}", flush=True)
        return False
    bound = BOUNDS.get(scene, SOON)
    word = "survived" if seconds <= bound else "TOO SLOW"
    print(f"{name}: {word}, {seconds:.2f} s of {bound:g} s", flush=True)
    return seconds <= bound


if __name__ == "__main__":
    sys.exit(main())
