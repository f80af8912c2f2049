"""An exchange in memory, for what is about seconds: with it a client lives in virtual time, without sockets.

Knows the shape of a transport and a little JSON-RPC. Must not know anything else of the package. The
fault is always injected here.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from deribit_ws.errors import ConnectFailed, ConnectionLost

Message = dict[str, Any]
Answer = Callable[["Wire", Message], Any]

MUTE = object()  # what a method gives to leave its call unanswered


@dataclass
class Refused(Exception):
    """What a method raises to answer with an error."""

    code: int
    data: Any = None


@dataclass
class Wire:
    """One connection: a `Transport` to the client, and what the far end does with it."""

    far_end: "MemoryExchange"
    number: int
    deaf: bool = False  # what the client sends is lost
    requests: list[tuple[float, Message]] = field(default_factory=list)
    closed: str | None = None  # how the client ended it: "closed" or "abandoned"
    swallows_close: bool = False

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._loop.time()
        self.received = 0, 0
        self.latest = b""
        self._inbox: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._lost: ConnectionLost | None = None
        self._running = asyncio.Event()
        self._running.set()

    # --- the far end's side

    def say(self, **message: Any) -> None:
        """Send a message, as it stands."""
        self.write(json.dumps({"jsonrpc": "2.0"} | message).encode())

    def write(self, frame: bytes) -> None:
        """Send these bytes as a frame."""
        self.heard_at = self._loop.time()
        self._inbox.append(frame)
        self._news.set()

    def tell(self, channel: str, data: Any) -> None:
        """Send a notification, written as Deribit does."""
        body = json.dumps({"channel": channel, "data": data}, separators=(",", ":"))
        self.write(b'{"jsonrpc":"2.0","method":"subscription","params":' + body.encode() + b"}")

    def test_request(self) -> None:
        """Ask for a sign of life."""
        self.say(method="heartbeat", params={"type": "test_request"})

    def drop(self, code: int = 1006, reason: str = "dropped") -> None:
        """End the connection; what was said before still arrives."""
        self._lost = ConnectionLost(code, reason)
        self._news.set()

    def asked(self, method: str) -> list[float]:
        """When a method was called."""
        return [time for time, message in self.requests if message["method"] == method]

    @property
    def methods(self) -> list[str]:
        """What was called, in order."""
        return [message["method"] for _, message in self.requests]

    # --- the client's side

    @property
    def behind(self) -> bool:
        """True while paused."""
        return not self._running.is_set()

    def send_now(self, frame: bytes) -> None:
        if self._lost is not None or self.closed:
            raise ConnectionLost(1006, "closing")
        if not self.deaf:
            self.requests.append((self._loop.time(), json.loads(frame)))
            self.far_end.hear(self, json.loads(frame))

    async def send(self, frame: bytes) -> None:
        self.send_now(frame)

    def ping(self) -> None:
        """No websocket PINGs here."""

    async def pump(self, sink: Callable[[bytes], None]) -> NoReturn:
        self._sink = sink
        while True:
            await self._running.wait()
            if self._inbox:
                self.latest = self._inbox.popleft()
                self.received = self.received[0] + 1, self.received[1] + len(self.latest)
                self._sink(self.latest)
            elif self._lost is not None:
                raise self._lost
            else:
                self._news.clear()
                await self._news.wait()

    def redirect(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink

    def pause(self) -> None:
        self._running.clear()

    def resume(self) -> None:
        self._running.set()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed = self.closed or "closed"
        if self.swallows_close and self._lost is None:
            await asyncio.sleep(1)
        self.drop(code)
        self.resume()

    def abandon(self, code: int = 1000, reason: str = "") -> None:
        self.closed = self.closed or "abandoned"
        self.drop(code)
        self.resume()


def _subscribed(_: Wire, request: Message) -> list[str]:
    return list(request["params"]["channels"])


def _fine(_: Wire, __: Message) -> str:
    return "ok"


def _now(_: Wire, __: Message) -> int:
    return round(1000 * asyncio.get_running_loop().time())


def _no_trades(_: Wire, __: Message) -> Message:
    return {"trades": [], "has_more": False}


NOTHING_MISSED = (
    "private/get_open_orders",
    "private/get_open_orders_by_currency",
    "private/get_order_history_by_currency",
    "private/get_order_history_by_instrument",
)  # what is read for private channels on each connection


class MemoryExchange:
    """Stands in for the client's dialer: each dial gives a `Wire`, or raises what stands in `refusals`."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.dials: list[float] = []
        self.refusals: deque[ConnectFailed] = deque()
        self.dial_seconds = 0.0
        self.greet: Callable[[Wire], None] = lambda wire: None
        self.answers: dict[str, Answer] = {
            "public/subscribe": _subscribed,
            "private/subscribe": _subscribed,
            "public/unsubscribe": _subscribed,
            "private/unsubscribe": _subscribed,
            "public/get_time": _now,
            **dict.fromkeys(NOTHING_MISSED, lambda wire, request: []),
            "private/get_user_trades_by_currency_and_time": _no_trades,
            "private/get_user_trades_by_currency": _no_trades,
        }

    @property
    def wire(self) -> Wire:
        """The newest connection."""
        return self.wires[-1]

    @property
    def waits(self) -> list[float]:
        """The seconds between two dials."""
        return [after - before for before, after in zip(self.dials, self.dials[1:], strict=False)]

    async def dial(self) -> Wire:
        self.dials.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.dial_seconds)
        if self.refusals:
            raise self.refusals.popleft()
        self.wires.append(Wire(self, len(self.wires) + 1))
        self.greet(self.wire)
        return self.wire

    async def close(self) -> None:
        """Nothing to close."""

    def mute(self, *methods: str) -> None:
        """Leave calls of these methods unanswered."""
        self.answers |= dict.fromkeys(methods, lambda wire, request: MUTE)

    def hear(self, wire: Wire, request: Message) -> None:
        """Answer one turn of the loop later."""
        answer = self.answers.get(request["method"], _fine)
        try:
            result = answer(wire, request)
        except Refused as refused:
            error: Mapping[str, Any] = {"code": refused.code, "message": "refused", "data": refused.data}
            asyncio.get_running_loop().call_soon(lambda: wire.say(id=request["id"], error=error))
        else:
            if result is not MUTE:
                asyncio.get_running_loop().call_soon(lambda: wire.say(id=request["id"], result=result))
