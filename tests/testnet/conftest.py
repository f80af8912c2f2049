"""An exchange to judge, and the runner with its verdicts by name."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from deribit_ws import Credentials
from deribit_ws.testing import Account, SimulatedExchange
from tools.testnet.bench import Bench
from tools.testnet.catalogue import CHECKS
from tools.testnet.masking import Mask
from tools.testnet.pace import Pace
from tools.testnet.running import Result, Terms, run

CLIENT_ID = "8ki53dYq"  # made up, in Deribit's form
SECRET = "xK2f9vTq0hZr5LwN7bYd3MsE8cJaGuP1oViR4tXnQ6W"

EPOCH = 1_795_000_000.0  # seconds: where the exchange's clock begins, so that it goes as the loop's does

Verdicts = dict[str, tuple[str, str]]  # by full name: what was said, and what was seen
Build = Callable[..., Awaitable[SimulatedExchange]]
Judge = Callable[..., Awaitable[Verdicts]]


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """Start exchanges whose market moves by itself, on the clock of the test's loop; they stop with it."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> SimulatedExchange:
            loop = asyncio.get_running_loop()
            ours: dict[str, Any] = {
                "accounts": {CLIENT_ID: Account(SECRET)},
                "wall_clock": lambda: EPOCH + loop.time(),
            }
            return await stack.enter_async_context(SimulatedExchange(**ours | options))

        yield start


async def judge(
    exchange: SimulatedExchange,
    *names: str,
    logged_in: bool = True,
    may_act: bool = False,
    seconds: float = 1.5,
) -> Verdicts:
    """Run the checks of these names, all by default, and give what each said."""
    credentials = Credentials(CLIENT_ID, SECRET) if logged_in else None
    pace = Pace()
    results: list[Result] = []

    def bench(most: float) -> Bench:
        return Bench(exchange.url, credentials, Mask(SECRET), pace, most)

    chosen = [check for check in CHECKS if not names or check.name in names]
    assert len(chosen) == len(names) or not names
    await run(chosen, bench, Terms(may_act, seconds), results.append)
    return {
        f"{result.check.name}/{name}".rstrip("/"): (finding.verdict.value, finding.seen)
        for result in results
        for name, finding in result.findings.items()
    }
