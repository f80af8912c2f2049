"""A recording in the place of the exchange: what a client dials, so that it hears again what it heard then.

Knows: the links of a recording in their order. Must not know: clients, handlers, how a call is answered or
when a frame is due. `client` dials it in place of the network; all it needs of the client is injected.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Literal, NoReturn

from deribit_ws.errors import UsageError
from deribit_ws.recorder.answers import Answers
from deribit_ws.recorder.cursor import Cursor
from deribit_ws.recorder.index import Index, LinkPlan
from deribit_ws.recorder.pace import Pace
from deribit_ws.recorder.played_link import PlayedLink
from deribit_ws.recorder.reader import read_header

Speed = float | Literal["max"]

_NS_IN_MS = 1_000_000


class Player:
    """Plays a recording to one client.

    Args:
        path: of the recording, or of the part to begin with.
        speed: 1.0 is the recorded pace, 10 ten times as fast; "max" as fast as the client takes it.
        wait_live: waits until the client says that what lives on a link is rebuilt; called once a link.
        depth: gives how many messages wait in the client's queues.
        finished: called once, when everything was played; the client is then to be closed.

    Raises:
        RecordingError: there is no such recording.
        UsageError: `speed` is none.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        speed: Speed = 1.0,
        *,
        wait_live: Callable[[], Awaitable[object]],
        depth: Callable[[], int] = lambda: 0,
        finished: Callable[[], object] = lambda: None,
    ) -> None:
        self.header = read_header(path)
        self._path = path
        self._speed = _speed_of(speed)
        self._wait_live = wait_live
        self._depth = depth
        self._told_finished = finished
        self._pace: Pace | None = None  # from the first dial on, as is all the rest
        self._left: list[LinkPlan] = []
        self._cursor = Cursor(path)
        self._link: PlayedLink | None = None

    @property
    def now_ns(self) -> int:
        """When what is played just now was received, in ns since the epoch."""
        return self.header.began if self._pace is None else self._pace.now_ns

    def clock(self) -> int:
        """Give `now_ns`: what is to stamp the messages of the client."""
        return self.now_ns

    async def dial(self) -> PlayedLink:
        """Open the next recorded link, not before its time; does not return when there is none left.

        One that the client itself gave up before its recorded end goes on where it was.

        Raises:
            RecordingError: the recording can't be read, or not to its end.
        """
        if self._pace is None:
            await self._open()
        assert self._pace is not None
        if self._link is None or self._link.is_over:
            if not self._left:
                await self._finish()
            plan = self._left[0]
            await self._pace.wait(plan.opened)
            del self._left[0]
        else:
            self._cursor.check()
            plan = self._link.plan
        self._link = PlayedLink(
            plan,
            self._cursor,
            self._pace,
            answers=self._answers,
            wait_live=self._wait_live,
            is_last=not self._left,
            finish=self._finish,
        )
        return self._link

    async def close(self) -> None:
        """Play no more."""
        await self._cursor.close()

    async def _open(self) -> None:
        index = await asyncio.to_thread(Index.of, self._path)
        self._left = index.links
        self._answers = Answers(index, lambda: self.now_ns // _NS_IN_MS)
        self._pace = Pace(self._speed, self._depth)
        if self._left:
            self._pace.begin(self._left[0].opened)

    async def _finish(self) -> NoReturn:
        """Let the client have what waits in its queues, say that it was all, and wait to be closed."""
        assert self._pace is not None
        await self._pace.settled()
        self._told_finished()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


def _speed_of(speed: object) -> float:
    if speed == "max":
        return float("inf")
    if not (isinstance(speed, int | float) and 0 < speed < float("inf")):
        raise UsageError(f'speed {speed!r}: a number above 0, or "max"')
    return float(speed)
