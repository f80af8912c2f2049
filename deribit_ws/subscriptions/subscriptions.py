"""Which channels are wanted, which the exchange confirmed, and the calls that make the two equal.

Knows: counts of references per channel, and what one connection has answered. Must not know: the
connection; `call` is injected. `client` owns one and lets it `settle` on every new connection, and
again whenever something changes. Source: facts of docs.deribit.com, subscriptions: unknown channels
are left out of the answer without a word; some channels make the whole call fail.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from deribit_ws.errors import AuthError, CallTimeout, RpcError, SubscriptionRejected, UsageError
from deribit_ws.journal import counted, note
from deribit_ws.subscriptions.batches import (
    NOT_LOGGED_IN,
    Request,
    blames_all,
    first_request,
    needs_login,
    parts_of,
)
from deribit_ws.wire.errors import CLASSES, ErrorClass
from deribit_ws.wire.methods import Call

logger = logging.getLogger("deribit_ws.subscriptions")

_LIMITED_SECONDS = 5.0  # after a 10028; asking again any sooner is what it is about
_RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # for a channel whose refusal may be passing


class Subscriptions:
    """The wanted channels of a client, and the state of each on the present connection.

    Args:
        report: told of channels that were refused while nobody awaits them.
    """

    def __init__(self, report: Callable[[SubscriptionRejected], None]) -> None:
        self._report = report
        self._references: dict[str, int] = {}
        self._confirmed: set[str] = set()
        self._refused: dict[str, RpcError | None] = {}
        self._asked: frozenset[str] = frozenset()  # in the call under way, of either kind
        self._resync: set[str] = set()  # to be left, once confirmed, and subscribed anew
        self._proven: set[str] = set()  # confirmed at some time: refused later, it is asked for again
        self._passing: set[str] = set()  # refused for a reason that may pass: it is asked for again too
        self._doubted: set[str] = set()  # confirmed when a login was refused
        self._stuck: set[str] = set()  # nobody wants them, but the exchange would not let them go
        self._reported: set[str] = set()  # refused, and said so: not said again until confirmed
        self._attempts = 0
        self._retry_due: float | None = None
        self._barred: AuthError | None = None  # set while what needs a login can't be had
        self._ended: Exception | None = None
        self._awaited: list[list[str]] = []  # channels whose refusal a caller will be told
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._changed = asyncio.Event()
        # Told of channels when the exchange has subscribed them, each time anew, and when it has left them.
        self.on_confirmed: list[Callable[[Collection[str]], None]] = []
        self.on_left: list[Callable[[Collection[str]], None]] = []

    @property
    def wanted(self) -> frozenset[str]:
        """Every channel somebody holds."""
        return frozenset(self._references)

    @property
    def confirmed(self) -> frozenset[str]:
        """What the exchange has confirmed on this connection."""
        return frozenset(self._confirmed)

    def is_wanted(self, channel: str) -> bool:
        """Tell whether somebody holds a channel."""
        return channel in self._references

    def is_confirmed(self, channel: str) -> bool:
        """Tell whether the exchange has confirmed a channel on this connection."""
        return channel in self._confirmed

    def hold(self, channels: Iterable[str], *, are_listed: bool = False) -> None:
        """Count one more reference to each channel.

        `are_listed`: the exchange itself names what they are of, so a refusal may pass: it is asked again.
        """
        for channel in channels:
            if are_listed:
                self._proven.add(channel)
            self._references[channel] = self._references.get(channel, 0) + 1
            self._refused.pop(channel, None)  # somebody asks anew
            self._stuck.discard(channel)
            self._reported.discard(channel)
        self._changed.set()

    def release(self, channels: Iterable[str]) -> None:
        """Count one reference less; a channel without any is left."""
        for channel in channels:
            left = self._references.get(channel, 0) - 1
            if left > 0:
                self._references[channel] = left
            else:
                self._references.pop(channel, None)
                self._refused.pop(channel, None)
                self._proven.discard(channel)
                self._reported.discard(channel)
        self._changed.set()

    def resync(self, channels: Iterable[str]) -> None:
        """Get a new snapshot of channels: only leaving them first makes the exchange send one."""
        # One that is being asked for may have sent its snapshot ahead of the answer.
        self._resync |= (self._confirmed | self._asked).intersection(channels)
        self._changed.set()

    def resync_private(self) -> None:
        """Subscribe anew what needs a login, after a time without one; what was refused for that too."""
        for channel in [c for c, error in self._refused.items() if error and error.code in NOT_LOGGED_IN]:
            del self._refused[channel]
            self._reported.discard(channel)
        self.resync([channel for channel in self._confirmed if needs_login(channel)])

    def disconnected(self) -> None:
        """Forget all that was true of the last connection: nothing survives one."""
        self._confirmed.clear()
        self._refused.clear()
        self._resync.clear()
        self._passing.clear()
        self._stuck.clear()
        self._doubted.clear()
        self._asked = frozenset()
        self._attempts = 0
        self._retry_due = None
        self._tell_waiters()

    def bar(self, refused: AuthError | None) -> None:
        """Ask for nothing that needs a login, which was refused; None: ask for it again."""
        self._barred = refused
        if refused is not None:  # whatever the exchange still sends of them, nothing is promised
            doubted = {channel for channel in self._confirmed if needs_login(channel)}
            self._confirmed -= doubted
            self._doubted |= doubted
            _tell(self.on_left, doubted)
        else:  # it may send them still, even those nobody wants any more
            self._confirmed |= self._doubted
            self._resync |= self._doubted
            self._doubted.clear()
        self._changed.set()
        self._tell_waiters()

    def end(self, error: Exception | None) -> None:
        """Let nobody wait any more: no connection will come, because of `error` or because we close."""
        self._ended = error or UsageError("the client is closed")
        self._tell_waiters()

    async def acquire(self, channels: Sequence[str], timeout: float) -> None:
        """Hold channels and wait for the answer; those refused are let go, and all if it fails otherwise.

        Raises:
            SubscriptionRejected: some were left out; the others stay held.
            CallTimeout: no answer within `timeout` seconds.
        """
        self.hold(channels)
        try:
            await self.answered(channels, timeout)
        except SubscriptionRejected as rejected:
            self.release(rejected.channels)
            raise
        except BaseException:
            self.release(channels)
            raise

    async def answered(self, channels: Iterable[str], timeout: float) -> None:
        """Wait until the exchange has answered for each channel held; raise as `acquire`."""
        asked = list(dict.fromkeys(channels))
        self._awaited.append(asked)
        try:
            async with asyncio.timeout(timeout):
                await self._wait_until(lambda: all(map(self._is_answered, asked)))
                if self._ended is not None:
                    raise self._ended.with_traceback(None)  # shared: its traceback must not grow
        except TimeoutError:
            message = f"subscribe: no answer within {timeout:g} s"
            raise CallTimeout(message, method="subscribe") from None
        finally:
            self._awaited.remove(asked)
        rejected = [channel for channel in asked if channel not in self._confirmed]
        if rejected:
            causes = [self._refused.get(channel) or self._barred for channel in rejected]
            accepted = [channel for channel in asked if channel in self._confirmed]
            raise SubscriptionRejected(rejected, accepted) from next(filter(None, causes), None)

    async def left(self, channels: Sequence[str], timeout: float) -> None:
        """Wait until none of the channels that nobody wants is still subscribed."""
        with contextlib.suppress(TimeoutError):  # the link is down: then nothing is subscribed
            async with asyncio.timeout(timeout):
                await self._wait_until(lambda: not any(map(self._is_surplus, channels)))

    async def _wait_until(self, predicate: Callable[[], bool]) -> None:
        while self._ended is None and not predicate():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            entry = (predicate, waiter)
            self._waiters.append(entry)
            try:
                await waiter
            finally:
                self._waiters.remove(entry)

    def _tell_waiters(self) -> None:
        for predicate, waiter in self._waiters:
            if not waiter.done() and (self._ended is not None or predicate()):
                waiter.set_result(None)

    def _is_answered(self, channel: str) -> bool:
        if channel in self._confirmed:
            return channel not in self._resync and channel not in self._asked
        return channel in self._refused or self._is_barred(channel)

    def _is_surplus(self, channel: str) -> bool:
        is_wanted = channel in self._references or channel in self._stuck
        return channel in self._confirmed and not is_wanted

    def _is_barred(self, channel: str) -> bool:
        return self._barred is not None and needs_login(channel)

    async def keep(self, call: Call) -> None:
        """Go on settling whenever something changes; ends with the connection."""
        while True:
            await self.settle(call)
            self._changed.clear()
            try:
                async with asyncio.timeout_at(self._retry_at()):
                    await self._changed.wait()
            except TimeoutError:
                self._retry_due = None
                self._attempts += 1
                for channel in self._retried():
                    del self._refused[channel]

    async def settle(self, call: Call, only: Collection[str] | None = None) -> None:
        """Subscribe and unsubscribe until the connection has what is wanted, or `only` some of that."""
        while (request := self._next(only)) is not None:
            await self._ask(call, request)

    async def _ask(self, call: Call, request: Request) -> None:
        self._asked = frozenset(request.channels)
        try:
            answer = await call(request.method, {"channels": list(request.channels)})
        except RpcError as error:
            self._asked = frozenset()
            await self._failed(call, request, error)
        else:
            self._asked = frozenset()
            self._confirm(request, answer)

    async def _failed(self, call: Call, request: Request, error: RpcError) -> None:
        kind = CLASSES.get(error.code)
        if kind is ErrorClass.RATE_LIMIT:
            text = "%(why)s; asking again in %(seconds)g s"
            note(logger, logging.WARNING, "rate_limited", text, why=str(error), seconds=_LIMITED_SECONDS)
            await asyncio.sleep(_LIMITED_SECONDS)
        elif request.leaves:
            if self._resync.intersection(request.channels):
                raise error  # without leaving them no snapshot comes: only a new link gives one
            text = f"still subscribed to {counted(len(request.channels), 'channel')}: %(why)s"
            note(logger, logging.WARNING, "not_left", text, count=len(request.channels), why=str(error))
            self._stuck.update(request.channels)
            self._tell_waiters()
        elif kind is ErrorClass.TRANSIENT:
            # Told and put off, so that the rest need not wait for what the exchange can't do just now.
            self._passing.update(request.channels)
            self._refuse(request.channels, (), error)
        elif len(request.channels) == 1 or blames_all(error, request.channels):
            self._refuse(request.channels, (), error)
        else:  # the channels that are to blame are found by asking for less
            for part in parts_of(request.channels):
                await self._ask(call, Request(request.method, part))

    def _confirm(self, request: Request, answer: object) -> None:
        if request.leaves:
            self._confirmed.difference_update(request.channels)
            self._resync.difference_update(request.channels)
            self._tell_waiters()
            _tell(self.on_left, request.channels)
            return
        given = {name for name in answer if isinstance(name, str)} if isinstance(answer, list) else set()
        accepted = given.intersection(request.channels)
        self._confirmed |= accepted
        self._proven |= accepted & self._references.keys()
        self._reported -= accepted
        self._passing -= accepted
        if accepted:
            _tell(self.on_confirmed, accepted)
        rest = [channel for channel in request.channels if channel not in accepted]
        self._refuse(rest, sorted(accepted), None)

    def _refuse(self, channels: Sequence[str], accepted: Sequence[str], cause: RpcError | None) -> None:
        self._refused.update(dict.fromkeys(channels, cause))
        self._tell_waiters()
        awaited = Counter(channel for asked in self._awaited for channel in asked)
        unheard = [
            channel
            for channel in channels
            if self._references.get(channel, 0) > awaited[channel] and channel not in self._reported
        ]
        if unheard:
            self._reported.update(unheard)
            error = SubscriptionRejected(unheard, accepted)
            error.__cause__ = cause
            self._report(error)

    def _next(self, only: Collection[str] | None) -> Request | None:
        """Give the next call to make: leave what nobody wants, then private, then public channels."""
        surplus = [c for c in self._confirmed if self._is_surplus(c) or c in self._resync]
        sought = self._references if only is None else only
        missing = [channel for channel in sought if not self._is_answered(channel)]
        return first_request("unsubscribe", surplus) or first_request("subscribe", missing)

    def _retried(self) -> set[str]:
        return (self._proven | self._passing) & self._refused.keys()

    def _retry_at(self) -> float | None:
        """Give when refused channels are asked for again; changes meanwhile don't put it off."""
        if not self._retried():
            self._retry_due = None
        elif self._retry_due is None:
            wait = _RETRY_SECONDS[min(self._attempts, len(_RETRY_SECONDS) - 1)]
            self._retry_due = asyncio.get_running_loop().time() + wait
        return self._retry_due


def _tell(listeners: Iterable[Callable[[Collection[str]], None]], channels: Collection[str]) -> None:
    for listener in listeners:
        listener(channels)
