"""One websocket connection: what it asked, what it gets, how it ends.

Knows: its subscriptions, its login, the faults that concern it, and the order in which they act on
a request. Must not know: how the market works, or TCP (that is `link`). The listener makes one per
accepted upgrade and runs it; the hub notifies it; `exchange` injects faults into it.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import assert_never

from aiohttp import WSCloseCode, WSMsgType, web

from deribit_ws.testing import frames, methods
from deribit_ws.testing.calls import Call, Venue
from deribit_ws.testing.envelope import Refusal, RpcRequest, Stamp, read
from deribit_ws.testing.faults import (
    ConnectionFault,
    Deaf,
    DelayReply,
    Drop,
    DropChannels,
    DropOnRequest,
    Duplicate,
    F,
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
from deribit_ws.testing.ledger import Dropped, Farewell, Mark, Request, Sent
from deribit_ws.testing.link import Link, LinkState
from deribit_ws.testing.logins import Login
from deribit_ws.testing.params import Params
from deribit_ws.testing.pulse import Pulse
from deribit_ws.testing.tamper import Tamper

NO_CODE = 1005  # what an empty close frame counts as
LONGEST_SHUFFLE = 0.005  # seconds an answer may wait for others to overtake it


@dataclass(frozen=True, slots=True)
class Manner:
    """How connections behave; see `SimulatedExchange` for the meaning."""

    output_limit: int
    heartbeat_scale: float
    shuffle_answers: bool


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
        self._deaf = False
        self._standing = Standing()
        self._tamper = Tamper(self._standing)
        self._waiting: dict[str, deque[bytes]] = defaultdict(deque)
        self._farewell: int | None = None
        self._link = Link(transport, limit=manner.output_limit, on_slow=self.drop)
        self._pulse = Pulse(
            scale=manner.heartbeat_scale,
            say=lambda message: self._link.write(frames.frame(message)),
            idle=lambda: not self._subscribed,
            end=self._expire,
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
            case DropOnRequest() | FailRequest() | IgnoreRequest() | DelayReply():
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
        """End it politely."""
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
        self._venue.hub.join(self, channel, mute=bool(self._due(SkipSnapshot, channel)))

    def unsubscribe(self, channel: str) -> None:
        """Receive it no more."""
        del self._subscribed[channel]
        self._venue.hub.leave(self, channel)

    def notify(self, channel: str, framed: bytes, mark: Mark) -> None:
        """Send a notification, as this connection's own faults would have it."""
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
        stamp = Stamp(self._venue.wall_clock)
        try:
            request = read(payload)
        except Refusal as refusal:
            self._link.write(frames.frame(stamp.error(None, refusal)))
            return
        self._record(request)
        self._serve(request, stamp)

    def _record(self, request: RpcRequest) -> None:
        now = self._loop.time()
        made = Request.made(now, self.number, request.method, request.id, request.params)
        self._venue.ledger.note(made)

    def _serve(self, request: RpcRequest, stamp: Stamp) -> None:
        drop = self._due(DropOnRequest, request.method)
        if drop and drop.before_reply:
            self.drop(drop.how)
            return
        ignored = self._due(IgnoreRequest, request.method)
        if ignored and not ignored.executed:
            return
        call = Call(self._venue, Params(request.params), self)
        answer = self._answer(request, call, stamp)
        if not ignored and not call.silent:
            self._reply(request.method, answer)
        if drop:
            self.drop(drop.how)
            return
        for action in call.after:
            action()

    def _answer(self, request: RpcRequest, call: Call, stamp: Stamp) -> bytes:
        try:
            if failure := self._due(FailRequest, request.method):
                raise Refusal(failure.code, failure.data)
            return stamp.result(request.id, methods.run(request.method, call))
        except Refusal as refusal:
            return stamp.error(request.id, refusal)

    def _reply(self, method: str, answer: bytes) -> None:
        framed = frames.frame(answer)
        if delay := self._due(DelayReply, method):
            self._link.later(delay.seconds, lambda: self._link.write(framed))
        elif self._manner.shuffle_answers:
            # Each moment that comes lets out the scope's oldest answer: others overtake, its own do not.
            waiting = self._waiting[method.partition("/")[0]]
            waiting.append(framed)
            moment = self._venue.rng.uniform(0, LONGEST_SHUFFLE)
            self._link.later(moment, lambda: self._link.write(waiting.popleft()))
        else:
            self._link.write(framed)

    def _due(self, kind: type[F], subject: str) -> F | None:
        return self._standing.take(kind, subject) or self._venue.standing.take(kind, subject)

    def _expire(self, drop: Drop) -> None:
        """A rule ends the connection, but not one that is to be silent: that stays half-open."""
        if not self._link.silent:
            self.drop(drop)

    def _end(self) -> None:
        self._pulse.stop()
        for channel in tuple(self._subscribed):
            self.unsubscribe(channel)
        self._venue.logins.forget(self.number)
        self._link.end()
        self._on_end()
        self._venue.ledger.note(Farewell(self._loop.time(), self.number, self._farewell))
