"""A bare connection that sees every frame as it is.

Knows: websockets, JSON-RPC requests out, messages in, and when each came. Must not know: what a
message means, or anything the client does with one. Checks open them through `Bench.peer`.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from deribit_ws import ConnectFailed, ConnectionLost, WebSocket, websocket_generator
from tools.testnet.evidence import Evidence
from tools.testnet.pace import Pace
from tools.testnet.verdicts import Undecided

Message = dict[str, Any]

DIAL_SECONDS = 20.0  # two dials of the longest, since the first may meet a passing refusal
PATIENCE = 15.0  # seconds for an answer: half of what Deribit advises, several times what it ever takes


@dataclass(frozen=True, slots=True)
class Frame:
    """A received frame; `at` in seconds of the loop's clock, `message` {} where it is no JSON object."""

    at: float
    text: str
    message: Message

    @property
    def channel(self) -> str | None:
        """The channel of a notification."""
        return self.params.get("channel") if self.message.get("method") == "subscription" else None

    @property
    def data(self) -> Any:
        """The data of a notification."""
        return self.params.get("data")

    @property
    def beat(self) -> str | None:
        """`heartbeat` or `test_request`."""
        return self.params.get("type") if self.message.get("method") == "heartbeat" else None

    @property
    def params(self) -> Message:
        """The parameters of what the server sent unasked."""
        params = self.message.get("params")
        return params if isinstance(params, dict) else {}


class Peer:
    """One connection, from `async with` on; it reads only while a check waits for something.

    `heard` holds all frames so far, `lost` how the connection ended, if it has.
    """

    def __init__(
        self, url: str, number: int, evidence: Evidence, pace: Pace, *, ping_interval: float | None = 15.0
    ) -> None:
        self._websockets = websocket_generator(url, ping_interval=ping_interval)
        self._number = number
        self._evidence = evidence
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._last_id = 0
        self._websocket: WebSocket | None = None
        self.heard: list[Frame] = []
        self.lost: ConnectionLost | None = None

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                self._websocket = await anext(self._websockets)
        except BaseException as error:
            await self._websockets.aclose()
            if isinstance(error, TimeoutError):
                raise Undecided(f"no connection within {DIAL_SECONDS:g} s") from None
            if isinstance(error, ConnectFailed):
                raise Undecided(f"no connection: {error}") from None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._websockets.aclose()

    @property
    def websocket(self) -> WebSocket:
        """The websocket below."""
        assert self._websocket is not None, "used inside `async with` only"
        return self._websocket

    @property
    def now(self) -> float:
        """The time of the clock that frames are stamped with."""
        return self._loop.time()

    # --- asking

    async def send(self, text: str) -> None:
        """Send exactly this."""
        self._note("sent", text)
        try:
            await self.websocket.send(text)
        except ConnectionLost as lost:
            raise self._ended(lost, "sending") from None

    async def ask(self, method: str, params: Message | None = None) -> int:
        """Send a request, and give its id."""
        await self._pace.turn(method)
        self._last_id += 1
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params or {}}
        await self.send(json.dumps(request))
        return self._last_id

    async def answer(self, request_id: int | str) -> Frame:
        """The answer to a request, whatever comes before it; raises Undecided when there is none."""
        frame = await self.wait(lambda frame: frame.message.get("id") == request_id, PATIENCE)
        if frame is None:
            raise self._silent(f"the answer to request {request_id}")
        return frame

    async def order_of(self, *request_ids: int) -> list[int]:
        """The order in which the answers to some requests, none of which has come yet, come."""
        waiting = set(request_ids)
        came = []
        while waiting:
            wanted = frozenset(waiting)
            frame = await self.need(lambda f, ids=wanted: f.message.get("id") in ids, PATIENCE, "answers")  # type: ignore[misc]  # bound at once
            came.append(frame.message["id"])
            waiting.discard(frame.message["id"])
        return came

    async def call(self, method: str, params: Message | None = None) -> Message:
        """Ask, and give the whole answer, an error or not."""
        return (await self.answer(await self.ask(method, params))).message

    async def result(self, method: str, params: Message | None = None) -> Any:
        """Ask, and give the result; raises Undecided when an error comes."""
        answer = await self.call(method, params)
        if "result" not in answer:
            raise Undecided(f"{method} was refused: {told(answer)}")
        return answer["result"]

    async def subscribe(self, *channels: str, scope: str = "public", **more: Any) -> list[str]:
        """Subscribe, and give what was accepted."""
        accepted: list[str] = await self.result(f"{scope}/subscribe", {"channels": list(channels), **more})
        return accepted

    async def unsubscribe(self, *channels: str) -> list[str]:
        """Unsubscribe, and give what had been subscribed of these."""
        removed: list[str] = await self.result("public/unsubscribe", {"channels": list(channels)})
        return removed

    def abort(self) -> None:
        """Drop the connection as a broken network would: TCP ends, with no close frame before it."""
        self.websocket.aiohttp.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    # --- hearing

    async def listen(self, seconds: float) -> list[Frame]:
        """All frames of the next seconds; ends early when the connection does."""
        since = len(self.heard)
        await self.wait(lambda _: False, seconds)
        return self.heard[since:]

    async def wait(self, wanted: Callable[[Frame], bool], seconds: float) -> Frame | None:
        """The next frame that is wanted; None when the time or the connection ends before."""
        deadline = self._loop.time() + seconds
        while (frame := await self._next(deadline)) is not None:
            if wanted(frame):
                return frame
        return None

    async def need(self, wanted: Callable[[Frame], bool], seconds: float, what: str) -> Frame:
        """The same; raises Undecided when nothing came."""
        frame = await self.wait(wanted, seconds)
        if frame is None:
            raise self._silent(what)
        return frame

    async def first_of(self, channel: str, since: int = 0) -> Frame:
        """The first notification of a channel in `heard` from `since` on, waited for if need be.

        It may have come before the answer to the subscription. Raises Undecided when none comes.
        """
        for frame in self.heard[since:]:
            if frame.channel == channel:
                return frame
        return await self.need(lambda frame: frame.channel == channel, PATIENCE, f"data of {channel}")

    async def _next(self, deadline: float) -> Frame | None:
        if self.lost is not None:
            return None
        try:
            async with asyncio.timeout_at(deadline):
                text = await self.websocket.recv()
        except TimeoutError:
            return None
        except ConnectionLost as lost:
            self._ended(lost, "receiving")
            return None
        self._note("received", text)
        frame = Frame(self._loop.time(), text, _read(text))
        self.heard.append(frame)
        return frame

    def _silent(self, what: str) -> Undecided:
        if self.lost is not None:
            return Undecided(f"{self.lost}, while waiting for {what}")
        return Undecided(f"nothing came while waiting for {what}")

    def _ended(self, lost: ConnectionLost, doing: str) -> Undecided:
        if self.lost is None:
            self.lost = lost
            self._note("ended", str(lost))
        return Undecided(f"{lost}, while {doing}")

    def _note(self, way: Any, text: str) -> None:
        self._evidence.note(self._loop.time() - self._began, self._number, way, text)


def told(answer: Message) -> str:
    """An answer in a few words: its error, or its result."""
    error = answer.get("error")
    if not isinstance(error, dict):
        return shortened(answer.get("result"))
    data = f" {shortened(error['data'])}" if "data" in error else ""
    return f"{error.get('code')} {error.get('message')}{data}"


def code_of(answer: Message) -> int | None:
    """The code of an error answer; None when it is none."""
    error = answer.get("error")
    return error.get("code") if isinstance(error, dict) else None


def shortened(value: Any, longest: int = 120) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= longest else f"{text[:longest]}…"


def _read(text: str) -> Message:
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
