"""An exchange that says again what was recorded of another one.

Knows: which of the records it is given are data, and which are ends of links. Must not know: files, or how
anything was recorded: `deribit-ws simulate --from` hands the records in.

Doors, logins, heartbeats and subscriptions are the simulated exchange's; the history of trades is what was
played so far. The market stands still, and what would ask for it is refused. It begins with the first
subscription. Where the recorded link was lost, all links are cut in that way, and it goes on when somebody is
back. When it is over and everybody has left, it is ready to begin anew.
"""

import asyncio
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any, Protocol

import msgspec

from deribit_ws.testing import login_methods, methods, session_methods
from deribit_ws.testing.calls import Venue
from deribit_ws.testing.exchange import SimulatedExchange
from deribit_ws.testing.faults import Drop
from deribit_ws.testing.link import TOO_SLOW
from deribit_ws.testing.playback_history import RecordedTrades
from deribit_ws.testing.playback_hub import UNREADABLE, RecordedHub
from deribit_ws.testing.positions import Positions
from deribit_ws.testing.session import Session
from deribit_ws.wire.codec import decode_envelope

LOST = "lost"
CLOSED_BY_US = (1000, "closed by us")  # how the recording client ended its last link itself
NO_CODE = 1005  # a close frame without one
NO_CLOSE_FRAME = 1006  # a link that broke
LONGEST_REASON = 123  # bytes, of a close frame
SHORTEST_SLEEP = 0.001  # seconds; below it a sleep takes longer than it should
TURN = 64  # messages between two looks at who came, and who can't keep up
MOST_UNREAD = 1 << 20  # bytes a client may leave unread while it is played as fast as it is taken
PATIENCE = 5.0  # seconds for a client to read on; then it is too slow
ROOM_SECONDS = 0.002  # between two looks at whether it has
SERVED = {
    *login_methods.METHODS,
    *login_methods.WEBSOCKET_METHODS,
    *session_methods.WEBSOCKET_METHODS,
    *("public/test", "public/hello", "public/get_time", "public/status"),
}


class Recorded(Protocol):
    """One record: a frame that came in, or an event of a link."""

    @property
    def t(self) -> int:
        """When, in ns since the epoch."""

    @property
    def received(self) -> str | None:
        """The frame."""

    @property
    def event(self) -> str:
        """What happened; "lost" is what is heeded here."""

    @property
    def code(self) -> int:
        """How the link was lost, as `ConnectionLost` has it."""

    @property
    def reason(self) -> str:
        """The same in words."""


def channels_in(records: Iterable[Recorded]) -> set[str]:
    """The channels that have messages in a recording."""
    return {message[0] for record in records if (message := _message_of(record)) is not None}


class PlaybackExchange(SimulatedExchange):
    """A simulated exchange whose channels are those of a recording.

    Args:
        records: gives the records, each time from the beginning.
        channels: which channels they hold; any other is left out of what is subscribed.
        speed: how many times as fast as they were recorded; `math.inf`: as fast as all clients take them.
        tell: is told in a line what happens.
        options: those of `SimulatedExchange` that concern no market.
    """

    def __init__(
        self,
        records: Callable[[], Iterable[Recorded]],
        channels: Collection[str],
        *,
        speed: float = 1.0,
        tell: Callable[[str], None] = lambda _: None,
        **options: Any,
    ) -> None:
        self._records = records
        self._channels = channels
        self._tell_line = tell
        self._clockwork = _Clockwork(speed)
        self._is_eager = math.isinf(speed)
        self._transports: dict[int, asyncio.Transport] = {}
        self._trades = RecordedTrades()
        super().__init__(**options)
        self._refuse_the_rest()

    def clear_faults(self) -> None:
        """End all standing faults; what is not recorded stays refused."""
        super().clear_faults()
        self._refuse_the_rest()

    def _refuse_the_rest(self) -> None:
        for method in methods.METHODS.keys() - SERVED - self._trades.answers.keys():
            self.refuse(method, methods.NOT_IMPLEMENTED, times=None)

    def _made_venue(self, seed: int) -> Venue:
        venue = super()._made_venue(seed)
        self._hub = RecordedHub(
            self.market,
            Positions(self.market),
            rng=venue.rng,
            step_seconds=self._step_seconds,
            standing=venue.standing,
        )
        self._hub.channels = self._channels
        return replace(venue, hub=self._hub, answers=self._trades.answers)

    def _enter(self, transport: asyncio.Transport) -> Session:
        session = super()._enter(transport)
        self._transports[session.number] = transport
        return session

    async def _play(self) -> None:
        while True:
            await self._play_once()
            self._tell_line("the recording is over: it begins anew when everybody has left, and one comes")
            await self._hub.empty.wait()

    async def _play_once(self) -> None:
        self._hub.forget()
        self._trades.forget()
        await self._hub.occupied.wait()
        holds = True
        for n, record in enumerate(self._records()):
            if record.event == LOST and (record.code, record.reason) != CLOSED_BY_US:
                await self._clockwork.wait(record.t)
                self._cut(record)
                holds = True
            elif record.received is not None and (message := _message_of(record)) is not None:
                await self._clockwork.wait(record.t)
                if holds:
                    await self._hub.occupied.wait()
                    self._clockwork.go_on(record.t)
                    holds = False
                self._trades.hear(*message)
                self._hub.relay(*message, record.received.encode())
            if n % TURN == 0:
                await self._room()

    def _cut(self, record: Recorded) -> None:
        self._tell_line(f"drop, as recorded: {record.code} {record.reason}".rstrip())
        for session in self.connections.values():
            session.drop(_drop_of(record.code, record.reason))
            for channel in tuple(session.channels):
                session.unsubscribe(channel)
        self._hub.forget()

    async def _room(self) -> None:
        """Let others act; while it is played as fast as it is taken, until all have taken it."""
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while self._is_eager and (slow := self._behind()):
            if loop.time() > until:
                for session in slow:
                    session.drop(TOO_SLOW)
            await asyncio.sleep(ROOM_SECONDS)

    def _behind(self) -> list[Session]:
        live = self.connections
        self._transports = {number: one for number, one in self._transports.items() if number in live}
        return [
            live[number]
            for number, transport in self._transports.items()
            if transport.get_write_buffer_size() > MOST_UNREAD
        ]


class _Clockwork:
    """When a recorded time is due, by the loop's clock."""

    def __init__(self, speed: float) -> None:
        self._ns_a_second = 1e9 * speed
        self._offset: float | None = None
        self._last = 0

    async def wait(self, t: int) -> None:
        """Wait until `t` is due."""
        now = asyncio.get_running_loop().time()
        if self._offset is None or t < self._last:  # the first, or the recorded clock was set back
            self.go_on(t)
        self._last = t
        ahead = (self._offset or 0.0) + t / self._ns_a_second - now
        if ahead > SHORTEST_SLEEP:
            await asyncio.sleep(ahead)

    def go_on(self, t: int) -> None:
        """Let `t` be now, if it is overdue or nothing was yet."""
        self._offset = asyncio.get_running_loop().time() - t / self._ns_a_second


def _message_of(record: Recorded) -> tuple[str, bytes] | None:
    """The channel and data of a notification; None of anything else, and of what can't be read."""
    if record.received is None:
        return None
    try:
        params = decode_envelope(record.received.encode()).params
    except UNREADABLE:
        return None
    if params is None or params.channel is None or params.data is msgspec.UNSET:
        return None
    return params.channel, bytes(params.data)


def _drop_of(code: int, reason: str) -> Drop:
    """The end of a link that a client sees as it was recorded."""
    if code == NO_CLOSE_FRAME:
        return Drop.rst() if "reset" in reason.lower() else Drop.fin()
    said = reason.encode()[:LONGEST_REASON].decode(errors="ignore")
    return Drop.close(None if code == NO_CODE else code, said)
