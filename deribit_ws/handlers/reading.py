"""A reading: something entered with `async with`, then read by one task with `async for`.

Knows: who opens and closes it, that only one task reads, and how it ends. Must not know: what it gives,
or where that comes from. `stream` reads messages; the rooms above read books and trades. The registry
tells each reading the marks, and ends it with the client.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, Self, TypeVar

from deribit_ws.errors import UsageError
from deribit_ws.handlers.consumers import Sleeper
from deribit_ws.marks import Mark

T_co = TypeVar("T_co", covariant=True)  # what it gives


class Reading(Sleeper, Generic[T_co]):
    """Base of what is read with `async for`; `_has_next` and `_next` say what there is to give.

    Args:
        what: its name in messages, e.g. "stream".
        opener: called on entering; raises what keeps it from being opened.
        closer: called on leaving, also after an opener that raised.
    """

    def __init__(
        self,
        what: str,
        opener: Callable[[Any], Awaitable[None]],
        closer: Callable[[Any], None],
    ) -> None:
        super().__init__()
        self._what = what
        self._opener = opener
        self._closer = closer
        self._entered = False
        self._error: Exception | None = None

    @property
    def depth(self) -> int:
        """How many items wait to be read."""
        return 0

    def mark(self, mark: Mark) -> None:
        """Hear of a mark; by default it makes no difference."""

    def fail(self, error: Exception) -> None:
        """End with an error, raised after what is there already."""
        self._error = self._error or error
        self.end()

    def _has_next(self) -> bool:
        raise NotImplementedError

    def _next(self) -> T_co:
        """Give what comes next; called only when there is something."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Drop what was not read; called on leaving."""

    async def __aenter__(self) -> Self:
        if self._entered:
            raise UsageError(f"{self._what} can be entered only once")
        self._entered = True
        try:
            await self._opener(self)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()
        self._forget()
        self._closer(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        """Give what comes next.

        Raises:
            SlowConsumer: what it may not lose did not fit.
            ConnectFailed: the client can't go on.
            UsageError: not entered, or another task is reading already.
        """
        if not self._entered:
            raise UsageError(f"use {self._what} in `async with`")
        while not self._has_next():
            if self.ended:
                if self._error is not None:
                    raise self._error.with_traceback(None)  # shared with others: it must not grow
                raise StopAsyncIteration
            if self._sleeper is not None:
                raise UsageError(f"another task is already reading {self._what}")
            await self._sleep()
        return self._next()
