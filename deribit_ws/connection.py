"""One live connection: calls with deadlines, signs of life, and one word about how it ended.

Knows: a transport, the protocol, the loop's clock. Must not know: aiohttp, subscriptions, how to
reconnect. `client` makes one per dial and throws it away when it is lost; nothing on it survives.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

from deribit_ws.errors import (
    CallError,
    CallTimeout,
    ConnectionLost,
    OutcomeUnknown,
    RateLimited,
    RequestNotSent,
    RpcError,
    WireError,
)
from deribit_ws.journal import note
from deribit_ws.limits import Limits
from deribit_ws.protocol import DeribitProtocol, Notify
from deribit_ws.transport import Tap, Transport, tapped
from deribit_ws.wire.codec import Decode, decode_plain, decoder_of
from deribit_ws.wire.methods import Repeat, repeat_of

logger = logging.getLogger("deribit_ws.connection")

SILENCE_SECONDS = 15.0  # with a heartbeat of 10 s a live socket is never silent for more than 12.6 s
ANSWER_SECONDS = 5.0  # for a sign of life, ours or theirs
_LOOK_AGAIN_SECONDS = 0.5  # between two looks at a reader that is behind
_CLOCK_SECONDS = 0.01  # less than this a sleep may not pass at all, as clocks are rounded
_LATE_SECONDS = 0.1  # a deadline that comes later than this was kept up by a blocked loop
_GRACE_SECONDS = 0.5  # then, for what arrived meanwhile to be read
_GIVEN_UP = 500  # calls without an answer that are remembered, so that a late one is not taken for a stray
_HELD_A_TURN = 256  # held notifications handed out between two turns of the loop, as the reader does
_MOST_SIGNS = 16  # answers to test_requests under way at once: real ones come 10 s apart
_PROMPT = {"public/test", "public/set_heartbeat"}  # calls that the exchange has nothing to do for
_HEARTBEAT_CLOSE = 4000  # Deribit's close code where it got no answer to a test_request
_LIMITED_SECONDS = 10.0  # Deribit ends the session some moments after a 10028

_Future = asyncio.Future[Any]


class Connection:
    """A connection in use. Make it on the running loop; `close` it when done.

    Args:
        transport: a live one; owned from here on.
        notify: called with channel and data of each notification, once `go_live` was called.
        routes: as `DeribitProtocol` has them.
        ids: gives request ids, shared by all connections of a client.
        limits: the client's credits; every call has its turn by them.
        report: told of errors that belong to no call: strays and garbage.
        overfull: told when so much is held back before `go_live` that it should be called now.
        measured: told of each answer that cost the exchange nothing: its clock in ms (None where it did
            not say), and when it was asked and answered, on the loop's clock.
        tap: told of all that is sent and received.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        notify: Notify,
        routes: Mapping[bytes, Callable[[bytes], None]],
        ids: Iterator[int],
        limits: Limits,
        report: Callable[[RpcError | WireError], None],
        overfull: Callable[[], None],
        measured: Callable[[float | None, float, float], None] = lambda *_: None,
        tap: Tap | None = None,
    ) -> None:
        self._transport = transport
        self._limits = limits
        self._report = report
        self._overfull = overfull
        self._measured = measured
        self._tap = tap
        self._loop = asyncio.get_running_loop()
        self._protocol = DeribitProtocol(notify, self, ids, routes)
        self._futures: dict[int, _Future] = {}
        self._lost: asyncio.Future[ConnectionLost] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._given_up: dict[int, int] = {}  # ids, and how many requests had been sent by then
        self._live = False
        self._flowing = asyncio.Event()  # cleared while paused: what is held waits too
        self._flowing.set()
        self._limited_until = 0.0
        self._was_silent = False
        self.given_up_for = ""  # one word for why, where the end was ours
        self._reader = self._loop.create_task(self._read(), name="deribit_ws reader")
        self._watch = self._loop.create_task(self._watch_silence(), name="deribit_ws watch")

    @property
    def lost(self) -> ConnectionLost | None:
        """How the connection ended, None while it lives."""
        return self._lost.result() if self._lost.done() else None

    @property
    def rate_limited(self) -> bool:
        """True while an end is most likely the answer to too many requests: it wants a pause."""
        return self._loop.time() < self._limited_until

    @property
    def was_silent(self) -> bool:
        """True when nothing had been heard before the end, here or there: what was sent was not held up."""
        return self._was_silent or (self.lost is not None and self.lost.code == _HEARTBEAT_CLOSE)

    @property
    def received(self) -> tuple[int, int]:
        """Text frames taken so far, and bytes that arrived."""
        return self._transport.received

    @property
    def latest(self) -> tuple[bytes, float]:
        """One of the last frames, and for how many seconds nothing has come since."""
        return self._transport.latest, self._loop.time() - self._transport.heard_at

    async def wait_lost(self) -> ConnectionLost:
        """Wait for the end, and say how it came."""
        return await asyncio.shield(self._lost)

    def tap(self, tap: Tap | None) -> None:
        """Tell another, or nobody, of all that is sent and received from now on."""
        self._tap = tap
        self._transport.redirect(tapped(self._protocol.receive, tap))

    def go_live(self) -> None:
        """Hand out the notifications held back so far, in their order, and all later ones as they come."""
        self._live = True
        if self._protocol.go_live(_HELD_A_TURN):
            self._own(self._hand_out_held(), "held notifications")

    async def _hand_out_held(self) -> None:
        more = True
        while more:
            await asyncio.sleep(0)  # there may be megabytes: the loop gets its turns between them
            await self._flowing.wait()
            more = self._protocol.go_live(_HELD_A_TURN)

    async def call(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        timeout: float,
        result: Any = Any,
        patience: float = 0.0,
    ) -> Any:
        """Send a request when the credits allow it, and wait for its answer.

        Args:
            method: e.g. "public/get_time".
            params: its parameters; None values are left out.
            timeout: seconds.
            result: the type its result is decoded into.
            patience: seconds it may wait for credits on top of `timeout`.

        Raises:
            RpcError: the exchange answered with an error.
            CallTimeout: no answer within `timeout`.
            RequestNotSent: it did not reach the wire.
            OutcomeUnknown: it was on the wire when the link broke, or acted with a result nobody can read.
            WireError: it only reads, and its result is not of the type.
            UsageError: it can't be sent at all.
        """
        began = self._loop.time()
        async with self._limits.turn(method, params, deadline=began + timeout + patience):
            left = timeout if patience else began + timeout - self._loop.time()
            return await self._send(method, params, left, decoder_of(result))

    def _send(
        self, method: str, params: Mapping[str, Any], timeout: float, decode: Decode = decode_plain
    ) -> _Future:
        """Write a request at once, and give the future that its answer, loss or deadline ends."""
        if self._lost.done():
            raise RequestNotSent(f"{method}: {self._lost.result()}", method=method)
        id, frame = self._protocol.call(method, params, decode)
        try:
            self._transport.send_now(frame)
            if self._tap is not None:
                self._tap.sent(frame)
        except ConnectionLost as lost:
            self._protocol.pending.pop(id)
            raise RequestNotSent(f"{method}: {lost}", method=method) from lost
        future = self._futures[id] = self._loop.create_future()
        now = self._loop.time()
        if method in _PROMPT:
            future.add_done_callback(lambda answer: self._measure(answer, now))
        due = now + timeout
        expiry = self._loop.call_at(due, self._expire, id, method, timeout, due)
        sent = self._limits.sent
        future.add_done_callback(lambda _: self._forget(id, expiry, sent))
        return future

    def _sign_of_life(self) -> _Future:
        """Ask something of the exchange ahead of what users send, whatever credits are left."""
        self._limits.spend("public/test")
        return self._send("public/test", {}, ANSWER_SECONDS)

    def _measure(self, answer: _Future, asked: float) -> None:
        if not answer.cancelled() and answer.exception() is None:
            self._measured(self._protocol.answered_ms, asked, self._loop.time())

    def lose(self, code: int, reason: str, given_up_for: str = "upkeep") -> None:
        """Give the connection up at once, for a reason of ours."""
        if not self._lost.done():
            self.given_up_for = given_up_for
        self._end(ConnectionLost(code, reason))
        self._transport.abandon()

    def pause(self) -> None:
        """Stop reading; the exchange feels it as back-pressure."""
        self._flowing.clear()
        self._transport.pause()

    def resume(self) -> None:
        """Read on."""
        self._flowing.set()
        self._transport.resume()

    async def close(self) -> None:
        """Close in order; pending calls end, no task and no socket is left. May be repeated."""
        self._end(ConnectionLost(1000, "closed by us"))
        tasks = [self._reader, self._watch, *self._tasks]
        try:
            await self._transport.close()
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.wait(tasks)

    # --- told by the protocol

    def result(self, id: int, result: Any) -> None:
        """The call `id` has its result."""
        future = self._futures.get(id)
        if future is None:
            self._answered_late(id)
        elif not future.done():
            future.set_result(result)

    def failed(self, id: int, error: RpcError | WireError, method: str) -> None:
        """The call `id` was answered with an error, or with a result that is not what it should be."""
        future = self._futures.get(id)
        if isinstance(error, RpcError):
            self._note(error)
        if future is None:
            self._answered_late(id)
        elif not future.done():
            future.set_exception(error if isinstance(error, RpcError) else _unreadable(error, method))

    def test_request(self) -> None:
        """The exchange asks for a sign of life; should it ask without end, those under way must do."""
        if len(self._tasks) >= _MOST_SIGNS:
            return
        try:
            answer = self._sign_of_life()
        except RequestNotSent:
            return  # the reader is about to tell how the link ended
        self._own(self._judge(answer, "no answer to our answer to its test_request"), "sign of life")

    def stray(self, error: RpcError) -> None:
        """An error came that answers no call of ours."""
        self._note(error)
        self._report(error)

    def garbage(self, error: WireError) -> None:
        """A frame can't be understood; the connection goes on."""
        self._report(error)

    def held_too_much(self) -> None:
        """So much is held back that the link should go live now."""
        self._overfull()

    def _note(self, error: RpcError) -> None:
        if isinstance(error, RateLimited):
            self._limits.refused(error)
            self._limited_until = self._loop.time() + _LIMITED_SECONDS

    # --- inside

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._loop.create_task(work, name=f"deribit_ws {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        try:
            await self._transport.pump(tapped(self._protocol.receive, self._tap))
        except ConnectionLost as lost:
            if self._live:
                self._protocol.go_live()  # what came before the end is handed out before it is told
            self._end(lost)
        except Exception as error:  # a fault of ours; the link is replaced all the same
            note(logger, logging.ERROR, "reader_failed", "the reader failed", error=error)
            self.given_up_for = "reader"
            self._end(ConnectionLost(1006, f"the reader failed: {error!r}", error))
        finally:
            self._end(ConnectionLost(1006, "the reader was cancelled"))

    def _end(self, lost: ConnectionLost) -> None:
        if self._lost.done():
            return
        self._lost.set_result(lost)
        self._was_silent = self._loop.time() - self._transport.heard_at >= ANSWER_SECONDS
        for id, future in self._futures.items():
            if not future.done():
                method = self._protocol.pending[id].method
                future.set_exception(OutcomeUnknown(f"{method}: {lost}", method=method))

    def _expire(self, id: int, method: str, timeout: float, due: float) -> None:
        future = self._futures.get(id)
        if future is None or future.done():
            return
        if self._loop.time() - due > _LATE_SECONDS:  # the loop was blocked: the answer may lie unread
            later = self._loop.time() + _GRACE_SECONDS
            self._loop.call_at(later, self._expire, id, method, timeout, math.inf)
            return
        error = CallTimeout(f"{method}: no answer within {timeout:g} s", method=method)
        future.set_exception(error)

    def _forget(self, id: int, expiry: asyncio.TimerHandle, sent: int) -> None:
        expiry.cancel()
        self._futures.pop(id, None)
        if id in self._protocol.pending:  # unanswered: should an answer come, it is known as late
            self._given_up[id] = sent
            if len(self._given_up) > _GIVEN_UP:
                oldest = next(iter(self._given_up))
                del self._given_up[oldest]
                self._protocol.pending.pop(oldest, None)

    def _answered_late(self, id: int) -> None:
        """Let the credits know that all sent up to then has arrived, though nobody awaits this answer."""
        sent = self._given_up.pop(id, None)
        if sent is not None:
            self._limits.arrived(sent)

    async def _watch_silence(self) -> None:
        """End the connection when nothing comes any more, not even an answer to a question."""
        while True:
            quiet = self._loop.time() - self._transport.heard_at
            if quiet < SILENCE_SECONDS:
                await asyncio.sleep(max(_CLOCK_SECONDS, SILENCE_SECONDS - quiet))
            elif self._transport.behind:
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            else:
                await self._question()

    async def _question(self) -> None:
        try:
            answer = self._sign_of_life()
        except RequestNotSent:  # the reader is about to tell how the link ended
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        else:
            await self._judge(answer, "silent, and no answer to public/test")

    async def _judge(self, answer: _Future, verdict: str) -> None:
        """Lose the connection with `verdict` unless an answer of any kind comes."""
        try:
            while not await _comes(answer):
                # A reader that is behind may have the answer in its buffer: only one that waits in
                # vain proves the link dead.
                if not self._transport.behind:
                    return self.lose(1006, verdict, "silent")
                answer = self._sign_of_life()
        except CallError as error:
            logger.debug("sign of life: %s", error)  # an error answer is one; a loss is told


def _unreadable(error: WireError, method: str) -> WireError | OutcomeUnknown:
    """Give how a call ends whose result can't be read; one that acts may well have acted."""
    if repeat_of(method) is Repeat.READ:
        return error
    unknown = OutcomeUnknown(str(error), method=method)
    unknown.__cause__ = error
    return unknown


async def _comes(answer: _Future) -> bool:
    """Wait for an answer; False when its time is over."""
    try:
        await answer
    except CallTimeout:
        await asyncio.sleep(0)
        return False
    return True
