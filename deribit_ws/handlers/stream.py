"""A stream: messages of some channels, and marks, for one reader's `async for`.

Knows: its queue. Must not know: connections, routing, subscriptions. `registry` makes them for
`Client.stream`.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

from deribit_ws.handlers.consumers import Fed, Owner, overflow_of
from deribit_ws.handlers.queues import Overflow
from deribit_ws.handlers.reading import Reading
from deribit_ws.marks import Lagged, Mark
from deribit_ws.router import Form, Receive
from deribit_ws.wire.channels import Family, Pattern
from deribit_ws.wire.messages import Notification

T_co = TypeVar("T_co", covariant=True)  # what it gives: `Notification[…]`, and marks where asked for


class Stream(Fed, Reading[T_co]):
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
        Reading.__init__(self, "a stream", opener, closer)
        Fed.__init__(self, Form.TYPED, owner, overflow, maxsize)
        self._patterns = tuple(patterns)
        self._wants_marks = marks
        self._lags: deque[Lagged] = deque()

    def __repr__(self) -> str:
        state = "ended" if self.ended else "open" if self._entered else "not entered"
        return f"<Stream {', '.join(pattern.text for pattern in self._patterns)}: {state}>"

    def bind(
        self, channel: str, values: dict[str, str], family: Family, *, recovered: bool = False
    ) -> Receive:
        """Give what is to be called for each message of one channel."""
        policy = self._overflow or overflow_of(family)
        feed, clock = self.feed, self._owner.clock

        def receive(payload: Any, size: int) -> None:
            feed(channel, size, Notification(channel, payload, clock(), recovered), policy)

        return receive

    def mark(self, mark: Mark) -> None:
        """Put a mark among the data, where the user asked for marks."""
        if self._wants_marks:
            self.feed("", 0, mark, Overflow.KEEP)

    def _has_next(self) -> bool:
        return bool(self._queue)

    def _next(self) -> T_co:
        for channel, n in self._queue.take_lost():
            self._lags.append(Lagged(channel, n))
            self._owner.lagged(self._lags[-1])
        if self._lags and self._wants_marks:
            return cast(T_co, self._lags.popleft())  # who asked for marks has them in the type
        self._lags.clear()
        item: T_co = self._take()
        return item

    def _forget(self) -> None:
        self._queue.clear()
