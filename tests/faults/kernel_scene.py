"""A client and an exchange in two processes, from their start to the judgement of what came of it.

Knows how both are started and joined, and what is asked of them. Must not know which fault there is: the rows
of `kernel` bring it, between the start and `judge`.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.faults import kernel_net as net
from tests.faults.kernel_lines import Process
from tests.faults.kernel_referee import FOUND_SECONDS, behind

AT_EASE = 2.0  # seconds of undisturbed life before a fault: some trades, and a call of each kind
SETTLE_SECONDS = 30.0  # in which all must have been delivered after the last trade
LATE_SECONDS = 0.3  # in which what comes a second time would come
RETRY_SECONDS = 1.0  # of the client: how long the exchange is out of reach is up to the scene
TROUBLE = ("was destroyed", "never retrieved", "never awaited", "ResourceWarning", "Traceback")


@dataclass
class Scene:
    """Both ends, and the link between them where it is one of their own."""

    far: Process
    near: Process
    seed: int
    wire: net.Wire | None = None

    async def mark(self, count: int, seconds: float = FOUND_SECONDS + 1) -> dict[str, Any]:
        """Give the mark of that number, the first being 1; wait for it."""
        marks = await self.near.ask("marks_beyond", count=count - 1, seconds=seconds)
        assert len(marks) >= count, f"seed {self.seed}: mark {count} did not come in {seconds:.0f} s"
        mark: dict[str, Any] = marks[count - 1]
        return mark

    async def judge(self, *, drops: int) -> dict[str, Any]:
        """Let it come to rest, and hold it against the ledger; give the witness's account.

        Raises:
            AssertionError: an invariant does not hold.
        """
        await self.near.ask("still")
        await self.far.ask("still")
        until, lacking = time.monotonic() + SETTLE_SECONDS, ["not asked"]
        while lacking and time.monotonic() < until:
            await asyncio.sleep(0.1)
            lacking = behind(await self.near.ask("at"), await self.far.ask("facts"))
        await asyncio.sleep(LATE_SECONDS)
        wrong = lacking + await self.far.ask("lacking_channels")
        refused = Counter(map(tuple, await self.far.ask("refusals")))
        account: dict[str, Any] = await self.near.ask("close")
        wrong += await self.far.ask("faults", account=account, drops=drops)
        said = self.near.stderr()
        wrong += [f"G6: the client's process said {word!r}" for word in TROUBLE if word in said]
        await self.far.ask("stop")
        assert not wrong, f"seed {self.seed}: " + "; ".join(wrong) + f"; refused: {dict(refused)}"
        return account

    def stop(self) -> None:
        """Stop the exchange's process; its kernel goes on acknowledging."""
        self.far.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self.far.signal(signal.SIGCONT)


@asynccontextmanager
async def on_loopback(
    seed: int, *, environment: Mapping[str, str] | None = None, by_name: bool = False
) -> AsyncIterator[Scene]:
    """Start both on this machine's loopback, and let them live for a moment; needs no rights."""
    async with _processes(environment=environment) as (far, near):
        url = await far.ask("start", host="127.0.0.1", port=0, seed=seed)
        await near.ask("open", url=_named(url) if by_name else url, retry_seconds=RETRY_SECONDS)
        await asyncio.sleep(AT_EASE)
        yield Scene(far, near, seed)


@asynccontextmanager
async def on_a_wire(seed: int) -> AsyncIterator[Scene]:
    """Start each in a network of its own, joined by one link, and let them live for a moment."""
    async with _processes(before=net.ALONE) as (far, near):
        await asyncio.gather(far.ask("ready"), near.ask("ready"))  # in their networks by now
        wire = net.Wire(far.pid, near.pid)
        await wire.lay()
        url = await far.ask("start", host=net.FAR, port=net.PORT, seed=seed)
        await near.ask("open", url=url, retry_seconds=RETRY_SECONDS)
        await asyncio.sleep(AT_EASE)
        yield Scene(far, near, seed, wire)


@asynccontextmanager
async def _processes(
    *, before: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Process, Process]]:
    far = Process("tests.faults.kernel_exchange", before=before)
    near = Process("tests.faults.kernel_client", before=before, environment=environment)
    async with far, near:
        yield far, near


def _named(url: str) -> str:
    """Give the same by a name, which has to be looked up at each dial."""
    return url.replace("127.0.0.1", "localhost")
