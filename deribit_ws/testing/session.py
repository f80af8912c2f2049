"""One websocket connection: what it is subscribed to, who is logged in on it, how it ends.

Knows: its subscriptions, its login, and the faults that concern it. Must not know: what requests
mean (that is `service`), how the market works, or TCP (that is `link`). The door makes one per
accepted upgrade and runs it; the hub notifies it; `exchange` injects faults into it.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import assert_never

from aiohttp import WSCloseCode, WSMsgType, web

from deribit_ws.testing import channels, frames
from deribit_ws.testing.calls import Venue
from deribit_ws.testing.faults import (
    ConnectionFault,
    Deaf,
    DelayReply,
    DelayRequest,
    Drop,
    DropChannels,
    DropOnRequest,
    Duplicate,
    FailRequest,
    Garble,
    IgnoreRequest,
    Reorder,
    Say,
    Silence,
    SkipChange,
    SkipSnapshot,
    Standing,
)
from deribit_ws.testing.hub import PUBLIC
from deribit_ws.testing.ledger import Dropped, Farewell, Mark, Sent
from deribit_ws.testing.link import Link, LinkState
from deribit_ws.testing.logins import Login
from deribit_ws.testing.pulse import Pulse
from deribit_ws.testing.service import Manner, Service
from deribit_ws.testing.tamper import Tamper

NO_CODE = 1005  # what an empty close frame counts as


class Session:
    """A connection from its upgrade to its end."""

    def __init__(
        self,
        number: int,
        venue: Venue,
        transport: asyncio.Transport,
        manner: Manner,
        on_end: Callable[[], object],
    ) -> None:
        self.number = number
        self.login: Login | None = None
        self.cancel_on_disconnect = False
        self._venue = venue
        self._manner = manner
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._sent = venue.ledger.begin(number)
        self._subscribed: dict[str, Sent] = {}
        self._owners: dict[str, int] = {}  # of the private channels: the user who subscribed
        self._deaf = False
        self._standing = Standing()
        self._tamper = Tamper(self._standing)
        self._farewell: int | None = None
        self._logged_out = False
        self._link = Link(transport, limit=manner.output_limit, on_slow=self.drop)
        self._pulse = Pulse(
            scale=manner.heartbeat_scale,
            say=lambda message: self._link.write(frames.frame(message)),
            idle=lambda: not self._subscribed,
            end=self._expire,
        )
        peer = transport.get_extra_info("peername") or ("",)
        self._service = Service(
            self,
            venue,
            self._standing,
            self._link,
            address=peer[0],
            shuffle=manner.shuffle_answers,
            drop=self.drop,
            expire=self._expire,
        )

    @property
    def dropped_channels(self) -> set[str]:
        """What the faults leave out of its subscriptions."""
        return self._standing.dropped_channels() | self._venue.standing.dropped_channels()

    @property
    def channels(self) -> Collection[str]:
        """What it is subscribed to."""
        return self._subscribed.keys()

    async def run(self, socket: web.WebSocketResponse, lost: asyncio.Event) -> None:
        """Read until the connection ends; `lost` is set when TCP is gone."""
        try:
            await self._read(socket)
            if not (self._deaf or self._link.silent or self._link.lingers):
                self._link.answer_close(None if self._farewell == NO_CODE else self._farewell)
            await lost.wait()
        finally:
            self._end()

    def inject(self, fault: ConnectionFault) -> None:
        """Let a fault happen to this connection: now, or when its moment comes."""
        match fault:
            case Drop():
                self.drop(fault)
            case Say():
                self._link.say(fault)
            case Silence():
                self._link.silence(fault)
            case Deaf():
                self._deaf = True
            case DropOnRequest() | FailRequest() | IgnoreRequest() | DelayReply() | DelayRequest():
                self._standing.arm(fault, fault.times)
            case SkipChange() | SkipSnapshot() | Duplicate() | Reorder() | Garble():
                self._standing.arm(fault, fault.times)
            case DropChannels():
                self._standing.arm(fault)
            case _:
                assert_never(fault)

    def clear_faults(self) -> None:
        """Hear and speak again, and forget what was still to come."""
        self._deaf = False
        self._standing.clear()
        self._link.speak()

    def drop(self, drop: Drop) -> None:
        """End the connection from this side."""
        if self._link.state is LinkState.OPEN:
            self._venue.ledger.note(Dropped(self._loop.time(), self.number, drop))
            self._link.drop(drop)

    def leave(self) -> None:
        """End it politely, because the client logged out."""
        self._logged_out = True
        self.drop(Drop.close(WSCloseCode.OK))

    def shut(self) -> None:
        """End it because the exchange stops: no waiting for the client."""
        self._link.drop(Drop.close(WSCloseCode.GOING_AWAY))
        self._link.finish()

    def beat(self, interval: float | None) -> None:
        """Start heartbeats of so many seconds, or stop them."""
        self._pulse.disable() if interval is None else self._pulse.start(interval)

    def tested(self) -> None:
        """Note that public/test was called."""
        self._pulse.tested()

    def subscribe(self, channel: str) -> None:
        """Begin to receive a channel; nothing new happens if it is received already."""
        self._subscribed[channel] = self._sent.setdefault(channel, Sent())
        if channels.private(channel) and self.login is not None:
            self._owners.setdefault(channel, self.login.user_id)
        mute = bool(self._service.due(SkipSnapshot, channel))
        self._venue.hub.join(self, channel, user=self._owners.get(channel, PUBLIC), mute=mute)

    def unsubscribe(self, channel: str) -> None:
        """Receive it no more."""
        del self._subscribed[channel]
        self._venue.hub.leave(self, channel, user=self._owners.pop(channel, PUBLIC))

    def lapse(self) -> None:
        """Without a valid login no private channel stays, unless such channels outlive their tokens."""
        if not self._may_hear_private():
            for channel in [name for name in self._subscribed if channels.private(name)]:
                self.unsubscribe(channel)

    def notify(self, channel: str, framed: bytes, mark: Mark) -> None:
        """Send a notification, as this connection's own faults would have it."""
        if channels.private(channel) and not self._may_hear_private():
            self._loop.call_soon(self.lapse)  # not at once: the hub is going through its subscribers
            return
        if not self._tamper:
            self._send(channel, framed, mark)
            return
        for altered, altered_mark in self._tamper.treat(channel, framed, mark):
            self._send(channel, altered, altered_mark)

    def _send(self, channel: str, framed: bytes, mark: Mark) -> None:
        if self._link.write(framed):
            self._subscribed[channel].add(mark)
            self._pulse.sent()

    async def _read(self, socket: web.WebSocketResponse) -> None:
        while True:
            message = await socket.receive()
            match message.type:
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    self._hear(message.data)
                case WSMsgType.PING:
                    self._hear_ping(message.data)
                case WSMsgType.CLOSE:
                    self._farewell = message.data or NO_CODE
                    return
                case WSMsgType.PONG:
                    pass  # nothing here ever pings, so it answers nothing
                case _:  # CLOSED, CLOSING or ERROR: the connection is gone
                    return

    def _hear_ping(self, payload: bytes) -> None:
        if not self._deaf:
            self._pulse.heard()
            self._link.write(frames.frame(payload, frames.PONG))

    def _hear(self, payload: str | bytes) -> None:
        if self._deaf or self._link.state is not LinkState.OPEN:
            return
        self._pulse.heard()
        self.lapse()
        self._service.hear(payload)

    def _expire(self, drop: Drop) -> None:
        """A rule ends the connection, but not one that is to be silent: that stays half-open."""
        if not self._link.silent:
            self.drop(drop)

    def _may_hear_private(self) -> bool:
        if self._manner.private_outlives_token:
            return True
        return self.login is not None and self._venue.logins.valid(self.login)

    def _end(self) -> None:
        self._pulse.stop()
        self._service.end()
        for channel in tuple(self._subscribed):
            self.unsubscribe(channel)
        self._venue.logins.forget(self.number)
        self._link.end()
        self._on_end()
        cancels = self.cancel_on_disconnect and not self._logged_out
        if cancels:
            self._venue.engine.disconnected(self.number)
        self._venue.ledger.note(Farewell(self._loop.time(), self.number, self._farewell, cancels))
