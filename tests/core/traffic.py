"""Requests by name, and traffic of them: who went, in order, and when.

Shared by the tests of `limits`. Knows nothing of how turns are given out.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from deribit_ws.errors import RateLimited, RequestNotSent
from deribit_ws.limits import Limits

Request = tuple[str, Mapping[str, Any]]
FOREVER = 1e6  # a deadline that never comes
PERPETUAL = {"instrument_name": "BTC-PERPETUAL"}
COMBO = {"instrument_name": "BTC-FS-27NOV26_PERP"}
LINEAR = {"instrument_name": "ETH_USDC-PERPETUAL"}
QUOTE = {"instrument_name": "BTC-PERPETUAL", "bid": {"price": 1}, "ask": {"price": 2}}
BUY = ("private/buy", {"instrument_name": "BTC-PERPETUAL", "amount": 10})
BUY_ETH = ("private/buy", {"instrument_name": "ETH-PERPETUAL", "amount": 10})
BUY_LINEAR = ("private/buy", {"instrument_name": "ETH_USDC-PERPETUAL", "amount": 1})
BUY_SPOT = ("private/buy", {"instrument_name": "BTC_USDC", "amount": 1})
CANCEL = ("private/cancel", {"order_id": "1234567"})
READ = ("public/ticker", {"instrument_name": "BTC-PERPETUAL"})
SUBSCRIBE: Request = ("private/subscribe", {"channels": []})
INSTRUMENTS = ("public/get_instruments", {"currency": "any"})


def now() -> float:
    return asyncio.get_running_loop().time()


def too_many(method: str, code: int = 10028) -> RateLimited:
    return RateLimited(code, "too_many_requests", None, method)


def granted(rate: float, burst: float) -> dict[str, Any]:
    """The limits of an account with the same figures for everything."""
    figures = {"rate": rate, "burst": burst}
    engine = {"trading": {"total": figures}, "spot": figures, "cancel_all": figures}
    return {"non_matching_engine": figures, "matching_engine": engine}


async def plenty(limits: Limits) -> None:
    """Grant so much that only places in flight are short, and let the pools fill: takes a second."""
    limits.learn(granted(1000, 1000))
    await asyncio.sleep(1)


def goes_at_once(limits: Limits, request: Request) -> bool:
    """Tell whether a request's turn comes without a step of the loop; its answer comes at once, too."""
    turn = limits.turn(*request, deadline=FOREVER)
    return stepped(turn.__aenter__()) and stepped(turn.__aexit__(None, None, None))


def stepped(step: Coroutine[Any, Any, Any]) -> bool:
    try:
        step.send(None)
    except StopIteration:
        return True
    step.close()
    return False


class Traffic:
    """Sends requests as tasks, and notes who went, in order, and when."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.went: list[tuple[str, float]] = []
        self.failed: list[tuple[str, float]] = []
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def send(self, name: str, request: Request, *, deadline: float = FOREVER, answered: bool = True) -> None:
        self._answers[name] = asyncio.get_running_loop().create_future()
        if answered:
            self.answer(name)
        self._tasks[name] = asyncio.create_task(self._call(name, request, deadline))

    def answer(self, name: str) -> None:
        self._answers[name].set_result(None)

    def fail(self, name: str, error: Exception) -> None:
        self._answers[name].set_exception(error)

    def cancel(self, name: str) -> None:
        self._tasks[name].cancel()

    async def _call(self, name: str, request: Request, deadline: float) -> None:
        try:
            async with self.limits.turn(*request, deadline=deadline):
                self.went.append((name, now()))
                await self._answers[name]
        except RequestNotSent:
            self.failed.append((name, now()))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.went]

    def when(self, name: str) -> float:
        return dict(self.went)[name]

    async def end(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@contextmanager
def taken(limits: Limits) -> Iterator[dict[str, float]]:
    """Note what is taken of each pool within."""
    before = limits.snapshot().pools
    out: dict[str, float] = {}
    yield out
    after = limits.snapshot().pools
    out.update({name: round(before[name].left - pool.left, 6) for name, pool in after.items()})
    for name in [name for name, cost in out.items() if not cost]:
        del out[name]
