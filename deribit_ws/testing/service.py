"""What becomes of one connection's requests: charged, queued, run, answered, or made to fail.

Knows: the order in which rules and faults act on a request. Must not know: what a method does,
subscriptions, or TCP (that is `link`). `session` owns one and hands it every request.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from deribit_ws.testing import frames, methods
from deribit_ws.testing.calls import Call, Caller, Venue
from deribit_ws.testing.envelope import Refusal, RpcRequest, Stamp, read
from deribit_ws.testing.faults import (
    DelayReply,
    DelayRequest,
    Drop,
    DropOnRequest,
    F,
    FailRequest,
    IgnoreRequest,
    Standing,
)
from deribit_ws.testing.ledger import Refused, Request
from deribit_ws.testing.link import Link
from deribit_ws.testing.matching import ENGINE, Place, currency_of
from deribit_ws.testing.params import Params

LONGEST_SHUFFLE = 0.005  # seconds an answer may wait for others to overtake it
TERMINATION = 0.05  # seconds from a 10028 to the end of the connection: time to hear the answer
QUEUE_FULL = 10047


@dataclass(frozen=True, slots=True)
class Manner:
    """How connections behave; see `SimulatedExchange` for the meaning."""

    output_limit: int
    heartbeat_scale: float
    shuffle_answers: bool
    private_outlives_token: bool


class Service:
    """Serves the requests of one connection; `drop` ends it, `expire` does so by a rule."""

    def __init__(
        self,
        caller: Caller,
        venue: Venue,
        standing: Standing,
        link: Link,
        *,
        address: str,
        shuffle: bool,
        drop: Callable[[Drop], None],
        expire: Callable[[Drop], None],
    ) -> None:
        self._caller = caller
        self._venue = venue
        self._standing = standing
        self._link = link
        self._address = address
        self._shuffle = shuffle
        self._drop = drop
        self._expire = expire
        self._loop = asyncio.get_running_loop()
        self._waiting: defaultdict[str, deque[Callable[[], None]]] = defaultdict(deque)
        self._places: list[Place] = []
        self._ended = False

    def hear(self, payload: str | bytes) -> None:
        """Serve what the client sent, request or not."""
        stamp = Stamp(self._venue.clock)
        try:
            request = read(payload)
        except Refusal as refusal:
            self._note(None, refusal)
            self._link.write(frames.frame(stamp.error(None, refusal)))
            return
        now, number = self._loop.time(), self._caller.number
        self._venue.ledger.note(Request.made(now, number, request.method, request.id, request.params))
        self._serve(request, stamp)

    def due(self, kind: type[F], subject: str) -> F | None:
        """Use up a fault of this connection or of the whole exchange."""
        return self._standing.take(kind, subject) or self._venue.standing.take(kind, subject)

    def end(self) -> None:
        """The connection is gone: its requests wait no more for their answers."""
        self._ended = True
        for place in self._places:
            self._venue.queue.leave(place)
        self._places.clear()

    def _serve(self, request: RpcRequest, stamp: Stamp) -> None:
        drop = self.due(DropOnRequest, request.method)
        if drop and drop.before_reply:
            self._drop(drop.how)
            return
        ignored = self.due(IgnoreRequest, request.method)
        if ignored and not ignored.executed:
            return
        call = Call(self._venue, Params(request.params), self._caller, self._address)
        quiet = ignored is not None
        if late := self.due(DelayRequest, request.method):
            with contextlib.suppress(Refusal):  # it is refused when it runs
                call.arrived_as = call.login()
            self._loop.call_later(late.seconds, self._execute, request, call, stamp, drop, quiet)
        else:
            self._execute(request, call, stamp, drop, quiet)

    def _execute(
        self, request: RpcRequest, call: Call, stamp: Stamp, drop: DropOnRequest | None, quiet: bool
    ) -> None:
        answer = self._answer(request, call, stamp)
        if quiet or call.silent or self._ended:
            self._leave(call.place)
        else:
            self._reply(request.method, answer, call.place)
        if self._ended:
            return
        if drop:
            self._drop(drop.how)
            return
        for action in call.after:
            action()

    def _answer(self, request: RpcRequest, call: Call, stamp: Stamp) -> bytes:
        try:
            methods.charge(request.method, call)
            self._queue(request.method, call)
            if failure := self.due(FailRequest, request.method):
                raise Refusal(failure.code, failure.data, failure.message)
            return stamp.result(request.id, methods.run(request.method, call))
        except Refusal as refusal:
            if isinstance(refusal, methods.Exhausted):
                call.after.append(lambda: self._link.later(TERMINATION, lambda: self._expire(Drop.fin())))
            self._note(request, refusal)
            return stamp.error(request.id, refusal)

    def _queue(self, method: str, call: Call) -> None:
        """Take a place in the matching engine's queue until the answer is out."""
        login = call.login() if method in ENGINE else None
        if login is None:
            return
        place = (login.user_id, currency_of(call.params.values))
        if not self._venue.queue.enter(place):
            raise Refusal(QUEUE_FULL)
        call.place = place
        self._places.append(place)

    def _leave(self, place: Place | None) -> None:
        if place is not None:
            self._places.remove(place)
            self._venue.queue.leave(place)

    def _reply(self, method: str, answer: bytes, place: Place | None) -> None:
        framed = frames.frame(answer)

        def out() -> None:
            self._leave(place)
            self._link.write(framed)

        if delay := self.due(DelayReply, method):
            self._link.later(delay.seconds, out)
        elif self._shuffle:
            # Each moment that comes lets out the scope's oldest answer: others overtake, its own do not.
            waiting = self._waiting[method.partition("/")[0]]
            waiting.append(out)
            moment = self._venue.rng.uniform(0, LONGEST_SHUFFLE)
            self._link.later(moment, lambda: waiting.popleft()())
        else:
            out()

    def _note(self, request: RpcRequest | None, refusal: Refusal) -> None:
        method, request_id = (request.method, request.id) if request else (None, None)
        now, number = self._loop.time(), self._caller.number
        self._venue.ledger.note(Refused(now, number, method, request_id, refusal.code))
