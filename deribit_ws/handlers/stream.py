"""A stream: messages of some channels, and marks, for one reader's `async for`.

Knows: its queue, and who opens and closes it. Must not know: connections, routing, subscriptions.
`registry` makes them for `Client.stream`.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Self, TypeVar, cast

from deribit_ws.errors import UsageError
from deribit_ws.handlers.consumers import Fed, Owner, overflow_of
from deribit_ws.handlers.queues import Overflow
from deribit_ws.marks import Lagged, Mark
from deribit_ws.router import Form, Receive
from deribit_ws.wire.channels import Family, Pattern
from deribit_ws.wire.messages import Notification

T_co = TypeVar("T_co", covariant=True)  # what it gives: `Notification[…]`, and marks where asked for


class Stream(Fed, Generic[T_co]):
    """Messages of some channels, in order, for an `async for`. Made by `Client.stream`.

    Use it as `async with client.stream(…) as stream: async for notification in stream: …`.
    """

    def __init__(
        self,
        owner: Owner,
        patterns: Sequence[Pattern],
        opener: Callable[["Stream[Any]"], Awaitable[None]],
        closer: Callable[["Stream[Any]"], None],
        overflow: Overflow | None,
        maxsize: int | None,
        marks: bool,
    ) -> None:
        super().__init__(Form.TYPED, owner, overflow, maxsize)
        self._patterns = tuple(patterns)
        self._opener = opener
        self._closer = closer
        self._wants_marks = marks
        self._lags: deque[Lagged] = deque()
        self._entered = False
        self._error: Exception | None = None

    def __repr__(self) -> str:
        state = "ended" if self.ended else "open" if self._entered else "not entered"
        return f"<Stream {', '.join(pattern.text for pattern in self._patterns)}: {state}>"

    def bind(self, channel: str, values: dict[str, str], family: Family) -> Receive:
        """Give what is to be called for each message of one channel."""
        policy = self._overflow or overflow_of(family)
        feed, clock = self.feed, time.time_ns

        def receive(payload: Any, size: int) -> None:
            feed(channel, size, Notification(channel, payload, clock()), policy)

        return receive

    def mark(self, mark: Mark) -> None:
        """Put a mark among the data, where the user asked for marks."""
        if self._wants_marks:
            self.feed("", 0, mark, Overflow.KEEP)

    def fail(self, error: Exception) -> None:
        """End with an error, raised after what is queued."""
        self._error = self._error or error
        self.end()

    async def __aenter__(self) -> Self:
        if self._entered:
            raise UsageError("a stream can be entered only once")
        self._entered = True
        try:
            await self._opener(self)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()
        self._queue.clear()
        self._closer(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        """Give the next `Notification` (or mark).

        Raises:
            SlowConsumer: the policy is "fail", and the queue was full.
            ConnectFailed: the client can't go on.
            UsageError: not entered, or another task is reading already.
        """
        if not self._entered:
            raise UsageError("use the stream in `async with`")
        while not self._queue:
            if self.ended:
                if self._error is not None:
                    raise self._error.with_traceback(None)  # shared with others: it must not grow
                raise StopAsyncIteration
            if self._sleeper is not None:
                raise UsageError("another task is already reading this stream")
            await self._sleep()
        for channel, n in self._queue.take_lost():
            self._lags.append(Lagged(channel, n))
            self._owner.lagged(self._lags[-1])
        if self._lags and self._wants_marks:
            return cast(T_co, self._lags.popleft())  # who asked for marks has them in the type
        self._lags.clear()
        item: T_co = self._take()
        return item
