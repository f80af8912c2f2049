"""What the rooms above ask of a connection: frames out, frames in, and one word about its end.

Knows: the shape of a transport, nothing else. Must not know: aiohttp, Deribit, JSON.
`aiohttp_transport` is the real one; tests may bring their own.
"""

from collections.abc import Callable
from typing import NoReturn, Protocol


class Tap(Protocol):
    """Who is told of everything that happens on the links of a client, in order; it must return at once."""

    def opened(self, number: int) -> None:
        """Link `number` is open; what lived on the last one is now rebuilt."""

    def received(self, frame: bytes) -> None:
        """This frame arrived, and is handed on next."""

    def sent(self, frame: bytes) -> None:
        """This frame was written."""

    def live(self) -> None:
        """All is rebuilt: `Connected` is told next, then the notifications held back so far."""

    def lost(self, code: int, reason: str, *, is_reset: bool = False) -> None:
        """The link ended, as `ConnectionLost` has it; `is_reset`: by an error below the stream."""


def tapped(sink: Callable[[bytes], None], tap: Tap | None) -> Callable[[bytes], None]:
    """Give a sink that has each frame told to `tap` before; the sink itself where there is none."""
    if tap is None:
        return sink

    def both(frame: bytes) -> None:
        tap.received(frame)
        sink(frame)

    return both


class Transport(Protocol):
    """One live websocket. Text frames only, as UTF-8 bytes without the websocket framing."""

    @property
    def heard_at(self) -> float:
        """When the last bytes arrived, on the loop's clock, in seconds."""

    @property
    def behind(self) -> bool:
        """True while received data may still wait to be handed out: silence proves nothing then."""

    @property
    def received(self) -> tuple[int, int]:
        """Text frames taken so far, handed out or refused, and bytes that arrived."""

    @property
    def latest(self) -> bytes:
        """One of the frames handed out last; b"" before the first."""

    def send_now(self, frame: bytes) -> None:
        """Write `frame` at once; raise `ConnectionLost` when it did not reach the wire."""

    async def send(self, frame: bytes) -> None:
        """Write `frame` at once, then wait until the write buffer has room."""

    def ping(self) -> None:
        """Write a websocket PING at once; its PONG shows in `heard_at`."""

    async def pump(self, sink: Callable[[bytes], None]) -> NoReturn:
        """Hand every received frame to `sink`, in order; end with `ConnectionLost`."""

    def redirect(self, sink: Callable[[bytes], None]) -> None:
        """Have `pump` hand the frames to another sink from the next on."""

    def pause(self) -> None:
        """Stop handing out frames after the current one; the peer feels it as back-pressure."""

    def resume(self) -> None:
        """Go on after `pause`."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in order within the close deadline, then abort; nothing of the socket is left."""

    def abandon(self, code: int = 1000, reason: str = "") -> None:
        """Write a close frame and drop the socket at once, without waiting for anything."""
