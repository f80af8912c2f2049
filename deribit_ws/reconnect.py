"""An endless iterator of live things: when one is lost, wait as the back-off says and open another.

Knows: an opener, the waits between two tries, and the verdict on a failed one. Must not know: what
it opens. A class with `__anext__`, not an async generator: a cancelled `__anext__` leaves it usable,
and no timeout of the consumer's ever spans a `yield` (PEP 789). `websockets` and `client` own one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from deribit_ws.backoff import FORGIVEN_AFTER, Backoff
from deribit_ws.errors import ConnectFailed, ConnectionLost, Retry

T = TypeVar("T")

RATE_LIMIT_FLOOR = 5.0  # seconds; dialling again any sooner is what got us refused (HTTP 429, 10028)
LIVED_FLOOR = 5.0  # seconds; a refusal that would be fatal at first is most likely maintenance later
_TOO_MANY_REQUESTS = 429
_TOO_BIG = 1009  # the close code for a message over the limit
_MOST_TOO_BIG = 3  # links in a row that a longer message ended; whatever asks for it will do so on each


class Reconnect(Generic[T]):
    """Gives live things for ever, waiting between them.

    Args:
        open: opens one; raises `ConnectFailed` when it can't.
        backoff: the steps and waits; shared with nobody.
        report: told of each failed try and of the seconds until the next.
    """

    def __init__(
        self,
        open: Callable[[], Awaitable[T]],
        *,
        backoff: Backoff,
        report: Callable[[ConnectFailed, float], None],
    ) -> None:
        self._open = open
        self._backoff = backoff
        self._report = report
        self._lived = False
        self._too_big = 0
        self._due = 0.0  # when the next try may start, on the loop's clock

    def lost(self, healthy: float, floor: float = 0.0, how: ConnectionLost | None = None) -> None:
        """Count the loss of the last one given, which was healthy for `healthy` seconds.

        `how` it was lost: the third time in a row by a message over our limit, the next try is the end. A
        link that was healthy for half a minute begins a new row.
        """
        self._lived = True
        if healthy >= FORGIVEN_AFTER or not _is_too_big(how):
            self._too_big = 0
        self._too_big += _is_too_big(how)
        self._failed(healthy, floor)

    def __aiter__(self) -> "Reconnect[T]":
        return self

    async def __anext__(self) -> T:
        """Wait until the next try is due, then open; raise `ConnectFailed` when that is final."""
        if self._too_big >= _MOST_TOO_BIG:
            what = f"{self._too_big} links in a row ended with a message over max_message"
            raise ConnectFailed(what, retry=Retry.NEVER)
        while True:
            # The due time outlives a cancelled wait: cancelling must not be a way around it.
            await asyncio.sleep(max(0.0, self._due - asyncio.get_running_loop().time()))
            try:
                return await self._open()
            except ConnectFailed as failure:
                wait = self._failed(0.0, self._floor(failure))
                if self._is_final(failure):
                    raise
                self._report(failure, wait)

    def _failed(self, healthy: float, floor: float) -> float:
        self._backoff.failed(healthy)
        wait = self._backoff.wait(floor)
        self._due = asyncio.get_running_loop().time() + wait
        return wait

    def _is_final(self, failure: ConnectFailed) -> bool:
        if failure.retry is Retry.ONCE_LIVED:
            return not self._lived
        return failure.retry is Retry.NEVER

    @staticmethod
    def _floor(failure: ConnectFailed) -> float:
        asked = failure.retry_after or 0.0
        if failure.retry is Retry.ONCE_LIVED:
            return max(LIVED_FLOOR, asked)
        if failure.status == _TOO_MANY_REQUESTS:
            return max(RATE_LIMIT_FLOOR, asked)
        return asked


def _is_too_big(how: ConnectionLost | None) -> bool:
    """Tell whether we ended a link over a message's size; where the peer did, there is no cause below."""
    return how is not None and how.code == _TOO_BIG and how.cause is not None
