"""Frames that aiohttp has parsed and nobody has received yet: how to take them without a coroutine for each.

Knows: the queue inside aiohttp's websocket, and how it counts bytes. Must not know: what is done with the
frames. `link` takes texts from here while more than one frame waits; whatever else there is, and the last
frame, goes through `receive()`, which alone knows about ends, errors and back-pressure.
"""

from collections import deque
from typing import Any

import aiohttp

# What the queue counts for each frame beside its size. It is nowhere public; where it is not to be found the
# queue may count otherwise, and all frames go through `receive()`.
try:
    from aiohttp._websocket import reader_py
except ImportError:
    _OVERHEAD: int | None = None
else:
    _OVERHEAD = getattr(reader_py, "MSG_SIZE_OVERHEAD", None)


class Backlog:
    """The frames that wait in a websocket's queue.

    What this gains: `receive()` costs about as much as all the rest that is done with a message.

    Attributes:
        frames: each as aiohttp's message and its size; always empty where aiohttp is not as it was.
    """

    __slots__ = ("frames",)

    def __init__(self, websocket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        queue = getattr(getattr(websocket, "_reader", None), "_buffer", None)
        self.frames: deque[Any] = queue if _OVERHEAD is not None and isinstance(queue, deque) else deque()

    def taken(self, count: int, size: int) -> None:
        """Have the queue count right again, after so many frames were taken of so many bytes in all.

        It can't be told. But when the next frame is received it subtracts that one's size: to which all the
        others are added here. Then it lets the socket be read again just when it should.
        """
        if count and self.frames and _OVERHEAD is not None:
            frame, length = self.frames[0]
            self.frames[0] = frame, length + size + count * _OVERHEAD
