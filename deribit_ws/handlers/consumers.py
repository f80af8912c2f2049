"""Consumers: plain functions, coroutine functions, and what all that is fed has in common.

Knows: how each is called or fed, and what its queue does when full. Must not know: connections or
subscriptions; what concerns the client goes to an `Owner`. Nobody on the reader's path ever awaits
user code: a plain function runs in place, the others behind a
bounded queue.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Protocol

from deribit_ws.errors import SlowConsumer, UsageError
from deribit_ws.handlers.queues import MAX_ITEMS, BoundedQueue, Overflow, Verdict
from deribit_ws.handlers.signatures import Signature, describe
from deribit_ws.marks import Lagged
from deribit_ws.router import Form, Receive
from deribit_ws.wire.channels import Family
from deribit_ws.wire.messages import Notification

BLOCK_SECONDS = 5.0  # how long one slow consumer may keep everything else from being read


# What may go wrong inside a callback. A plain function can't be cancelled: it met another task's end.
MISHAPS = (Exception, asyncio.CancelledError)


def told(error: BaseException) -> Exception:
    """Give what is told of a mishap: no CancelledError, which would cancel whoever raises it again."""
    if isinstance(error, Exception):
        return error
    failure = RuntimeError(f"cancelled: {error}")
    failure.__cause__ = error
    return failure


class Remedy(Enum):
    """What becomes of a message that may not be dropped, and did not fit."""

    NONE = "none"  # nobody here knows how to get it again
    LINK = "link"  # the next link gives it again
    READ = "read"  # this link does, once the consumer has caught up


class Owner(Protocol):
    """Who a consumer belongs to; none of these raises or awaits."""

    def callback_failed(self, name: str, channel: str, error: Exception) -> None:
        """A callback raised."""

    @property
    def clock(self) -> Callable[[], int]:
        """What stamps a message as it is received, ns since the epoch."""

    def lagged(self, mark: Lagged) -> None:
        """Notifications were dropped for newer ones."""

    def too_slow(self, consumer: Any, error: SlowConsumer) -> None:
        """A consumer under "fail" is full: it gets no more."""

    def overran(self, consumer: Any, channel: str) -> Remedy:
        """A message that may not be dropped does not fit."""

    def caught_up(self, consumer: Any) -> bool:
        """A consumer that overran has room again; tell whether it gets now what it is owed."""

    def replace_link(self, error: SlowConsumer) -> None:
        """What doesn't fit may not be dropped: the link must be replaced."""

    def pause(self, consumer: Any) -> None:
        """Stop reading until `resume` by the same consumer."""

    def resume(self, consumer: Any) -> None:
        """Read on."""


def overflow_of(family: Family) -> Overflow:
    """Give the default policy of a family's channels."""
    if family.is_private:
        return Overflow.KEEP
    return Overflow.LATEST if family.is_state else Overflow.DROP_OLDEST


class PlainCallback:
    """A function that runs in place, on the reader's path."""

    def __init__(self, callback: Callable[..., Any], signature: Signature, owner: Owner) -> None:
        self.form = signature.form
        self.ended = False
        self._callback = callback
        self._signature = signature
        self._owner = owner

    def bind(
        self, channel: str, values: dict[str, str], family: Family, *, recovered: bool = False
    ) -> Receive:
        """Give what is to be called for each message of one channel."""
        clock = self._owner.clock
        call, wrap = _bound(self._callback, self._signature, channel, values, clock, recovered)

        return _InPlace(self, channel, call, wrap).receive

    @property
    def name(self) -> str:
        """The callback's, for messages."""
        return describe(self._callback)

    def end(self) -> None:
        """Be called no more."""
        self.ended = True

    def failed(self, channel: str, error: BaseException) -> None:
        """Tell that the callback raised."""
        self._owner.callback_failed(self.name, channel, told(error))


class _InPlace:
    """The calls for one channel.

    A method of an object with slots, where a closure would do: that is a third of the memory, and so fewer
    cache lines to be fetched from afar at each message, once there are ten thousand channels.
    """

    __slots__ = ("_call", "_channel", "_consumer", "_wrap")

    def __init__(
        self,
        consumer: PlainCallback,
        channel: str,
        call: Callable[[Any], Any],
        wrap: Callable[[Any], Notification] | None,
    ) -> None:
        self._consumer = consumer
        self._channel = channel
        self._call = call
        self._wrap = wrap

    def receive(self, payload: Any, _: int) -> None:
        """Call it, unless another callback of this very message has ended it."""
        if self._consumer.ended:
            return
        wrap = self._wrap
        try:
            given = self._call(payload if wrap is None else wrap(payload))
            if given is not None and inspect.iscoroutine(given):
                given.close()
                raise UsageError(
                    f"{self._consumer.name} returned a coroutine: register an `async def` itself"
                )
        except MISHAPS as error:  # one callback's touches nothing else
            self._consumer.failed(self._channel, error)


_FINE = Verdict.FINE


class Sleeper:
    """Something with one task that waits for news; it ends once."""

    def __init__(self) -> None:
        self._sleeper: asyncio.Future[None] | None = None
        self.ended = False

    def end(self) -> None:
        """Take no more; what is there already stays for those who still read."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    async def _sleep(self) -> None:
        self._sleeper = asyncio.get_running_loop().create_future()
        try:
            await self._sleeper
        finally:
            self._sleeper = None


class Fed(Sleeper):
    """What coroutine functions and streams share: a bounded queue, and a sleeper to be woken."""

    def __init__(self, form: Form, owner: Owner, overflow: Overflow | None, maxsize: int | None) -> None:
        Sleeper.__init__(self)  # by name: a stream has another base beside this one
        self.form = form
        self._owner = owner
        self._overflow = overflow
        self._queue: BoundedQueue[Any] = BoundedQueue(MAX_ITEMS if maxsize is None else maxsize)
        self._blocked: asyncio.TimerHandle | None = None
        self._overrun: SlowConsumer | None = None  # said, and not made good yet
        self._missed = False  # more since then
        self._at_work = False  # on an item that was taken
        self._owed: set[str] = (
            set()
        )  # channels of which it takes no more until it has caught up, for the order

    @property
    def depth(self) -> int:
        """How many items wait, or are being worked on."""
        return self._queue.count + self._at_work

    def feed(self, channel: str, size: int, item: Any, policy: Overflow) -> None:
        """Queue one item; what happens when full is the policy's word."""
        if self.ended:
            return
        if self._owed and channel in self._owed:
            self._overflowed(channel, policy)
            return
        verdict = self._queue.put(channel, size, item, policy)
        if self._sleeper is not None:
            self._wake()
        if verdict is _FINE:  # nearly always; a global is found faster than a member of an enum
            return
        if verdict is Verdict.PAUSE:
            self._block(channel)
        elif verdict is Verdict.FULL:
            self._overflowed(channel, policy)

    def end(self) -> None:
        """Take no more; what is queued stays for those who still read."""
        super().end()
        self.unblock()

    def _take(self) -> Any:
        item = self._queue.take()
        if (self._overrun or self._blocked) and self._queue.has_room:
            self.unblock()
            self._caught_up()
        return item

    def _overflowed(self, channel: str, policy: Overflow) -> None:
        lost = self._queue.lost.get(channel, 1)
        remedy = self._owner.overran(self, channel) if policy is Overflow.KEEP else Remedy.NONE
        if remedy is not Remedy.NONE:
            self._owed.add(channel)
            self._queue.lost.pop(channel, None)  # not lost: late
        if self._overrun is not None:
            self._missed = True  # said already; but no link since then has told what this one missed
            return
        self._overrun = SlowConsumer(channel, lost)
        if policy is Overflow.FAIL:
            self._owner.too_slow(self, self._overrun)
        elif remedy is not Remedy.READ:
            self._owner.replace_link(self._overrun)

    def _caught_up(self) -> None:
        overrun, self._overrun = self._overrun, None
        missed, self._missed = self._missed, False
        self._owed.clear()
        if overrun is not None and not self._owner.caught_up(self) and missed:
            self._owner.replace_link(overrun)

    def _block(self, channel: str) -> None:
        if self._blocked is None:
            loop = asyncio.get_running_loop()
            self._blocked = loop.call_later(BLOCK_SECONDS, self._blocked_too_long, channel)
            self._owner.pause(self)

    def unblock(self) -> None:
        """Let reading go on, if it waits for this one."""
        if self._blocked is not None:
            self._blocked.cancel()
            self._blocked = None
            self._owner.resume(self)

    def _blocked_too_long(self, channel: str) -> None:
        self.unblock()
        self._owner.replace_link(SlowConsumer(channel, 0))


class Worker(Fed):
    """A queue of calls, made in order, one at a time, by a task of its own."""

    def __init__(
        self,
        name: str,
        owner: Owner,
        form: Form = Form.TYPED,
        overflow: Overflow | None = None,
        maxsize: int | None = None,
    ) -> None:
        super().__init__(form, owner, overflow, maxsize)
        self.name = name

    async def run(self) -> None:
        """Make the calls until ended; the body of its task."""
        while not self.ended:
            if not self._queue:
                await self._sleep()
                continue
            call, argument, channel = self._take()
            self._at_work = True
            for lagged, n in self._queue.take_lost():
                self._owner.lagged(Lagged(lagged, n))
            try:
                await call(argument)
            except asyncio.CancelledError as error:
                if _is_cancelled():
                    raise
                self._owner.callback_failed(self.name, channel, told(error))
            except Exception as error:  # one callback's mishap touches nothing else
                self._owner.callback_failed(self.name, channel, error)
            finally:
                self._at_work = False


def depth_of(workers: Iterable[Worker]) -> int:
    """Give how many items wait for workers, or are being worked on."""
    # There may be thousands, most of them idle: to call something of each would take four times as long.
    return sum(each.depth for each in [each for each in workers if each._at_work or each._queue.count])


class CoroutineCallback(Worker):
    """A coroutine function, called in order for each message."""

    def __init__(
        self,
        callback: Callable[..., Any],
        signature: Signature,
        owner: Owner,
        overflow: Overflow | None = None,
        maxsize: int | None = None,
    ) -> None:
        super().__init__(describe(callback), owner, signature.form, overflow, maxsize)
        self._callback = callback
        self._signature = signature

    def bind(
        self, channel: str, values: dict[str, str], family: Family, *, recovered: bool = False
    ) -> Receive:
        """Give what is to be called for each message of one channel."""
        clock = self._owner.clock
        call, wrap = _bound(self._callback, self._signature, channel, values, clock, recovered)
        policy = self._overflow or overflow_of(family)
        feed = self.feed

        def receive(payload: Any, size: int) -> None:
            argument = payload if wrap is None else wrap(payload)
            feed(channel, size, (call, argument, channel), policy)

        return receive


def _bound(
    callback: Callable[..., Any],
    signature: Signature,
    channel: str,
    values: dict[str, str],
    clock: Callable[[], int],
    recovered: bool,
) -> tuple[Callable[[Any], Any], Callable[[Any], Notification] | None]:
    """Give a function of the payload alone, and what to make of the payload on receipt."""
    named = {name: values[name] for name in signature.names if name in values}
    call = functools.partial(callback, **named) if named else callback
    if not signature.wants_notification:
        return call, None
    return call, lambda payload: Notification(channel, payload, clock(), recovered)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
