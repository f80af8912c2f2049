"""The programs of the pages about coming from elsewhere, through what those pages say is different."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from deribit_ws.testing import AcceptThenClose, Drop, SimulatedExchange
from tests.docs.blocks import blocks_of
from tests.docs.stage import redirected

WEBSOCKETS = "docs/coming-from/websockets.md"
CCXT = "docs/coming-from/ccxt-pro.md"
END = "asyncio.run(main())"
PATIENCE = 30.0  # seconds; only a program that has given up takes so long


def program(page: str, first_line: str, number: int = 0) -> str:
    """The `number`-th program of a page that begins with this line, without its last."""
    found = [block.code for block in blocks_of(page) if block.code.startswith(first_line)]
    assert found[number].rstrip().endswith(END)
    return found[number].replace(END, "")


class Printed:
    """What a program prints."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, *words: object, **_: object) -> None:
        self.lines.append(" ".join(map(str, words)))
        self._news.set()

    async def more(self, count: int = 3) -> None:
        """Wait for so many lines from now on."""
        wanted = len(self.lines) + count
        async with asyncio.timeout(PATIENCE):
            while len(self.lines) < wanted:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(code: str, exchange: SimulatedExchange) -> AsyncIterator[Printed]:
    """Run a program's `main` beside the test."""
    printed = Printed()
    scope: dict[str, Any] = {"__name__": "program", "print": printed}
    exec(compile(redirected(code, exchange.url), "program", "exec"), scope)
    scope["TESTNET"] = exchange.url
    task = asyncio.create_task(scope["main"]())
    try:
        yield printed
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def exchange() -> AsyncIterator[SimulatedExchange]:
    async with SimulatedExchange(seed=5, step_seconds=0.02) as running:
        yield running


@pytest.mark.parametrize("line", ["# before", "# after"])
async def test_both_loops_survive_a_reset(line: str, exchange: SimulatedExchange) -> None:
    """The websockets program and its successor both go on after a reset."""
    async with running(program(WEBSOCKETS, line), exchange) as printed:
        await printed.more()
        exchange.inject(Drop.rst())
        await printed.more()

    assert len(exchange.ledger.requests_of("public/subscribe")) == 2


@pytest.mark.parametrize(("line", "is_told"), [("# before", False), ("# after", True)])
async def test_a_close_in_order_ends_the_inner_loop(
    line: str, is_told: bool, exchange: SimulatedExchange
) -> None:
    """A close with 1000 ends the old inner loop in silence, and is raised in the new one."""
    code = program(WEBSOCKETS, line).replace("            continue\n", "            print('raised')\n")
    async with running(code, exchange) as printed:
        await printed.more()
        exchange.inject(Drop.close(1000))
        await printed.more()

    assert ("raised" in printed.lines) is is_told


async def dials(code: str, exchange: SimulatedExchange, enough: Callable[[int], bool], seconds: float) -> int:
    """How often a program dials a server that accepts and closes, within some seconds or until enough."""
    exchange.inject(AcceptThenClose(how=1000, times=10_000))
    async with running(code, exchange):
        try:
            async with asyncio.timeout(seconds):
                await exchange.ledger.until(lambda: enough(len(exchange.ledger.handshakes)))
        except TimeoutError:
            pass
    return len(exchange.ledger.handshakes)


async def test_the_old_loop_is_hot(exchange: SimulatedExchange) -> None:
    """A server that accepts and closes is dialled by the websockets program without a wait."""
    assert await dials(program(WEBSOCKETS, "# before"), exchange, lambda n: n >= 30, PATIENCE) >= 30


async def test_the_new_loop_is_not(exchange: SimulatedExchange) -> None:
    """The same server is dialled by its successor a few times in two seconds, however quick the machine."""
    assert await dials(program(WEBSOCKETS, "# after"), exchange, lambda n: n >= 30, 2.0) <= 8


@pytest.mark.parametrize("number", [0, 1])
async def test_ccxt_successors_survive_a_reset(number: int, exchange: SimulatedExchange) -> None:
    """The programs in place of the watching loops go on after a reset, the book's says so."""
    async with running(program(CCXT, "# after", number), exchange) as printed:
        await printed.more()
        exchange.inject(Drop.rst())
        await printed.more(5)

    assert ("again, by itself" in printed.lines) is (number == 0)
