"""Everybody who listens to one client: callbacks, handlers and streams, and how each is told.

Knows: who is registered, and the tasks that run coroutine functions. Must not know: connections;
what its consumers ask of the link goes through `Link`. `client` owns one.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Protocol

from deribit_ws.errors import SlowConsumer, UsageError
from deribit_ws.handlers.consumers import CoroutineCallback, PlainCallback, Remedy, Worker, depth_of
from deribit_ws.handlers.events import Events
from deribit_ws.handlers.freshness import Freshness
from deribit_ws.handlers.handler import Handler, noted
from deribit_ws.handlers.live import Follower, starts_with_snapshot
from deribit_ws.handlers.reading import Reading
from deribit_ws.handlers.registrations import HandlerRegistration, Registration, entry_of, policy_of
from deribit_ws.handlers.signatures import describe, read_signature
from deribit_ws.handlers.stream import Stream
from deribit_ws.journal import note
from deribit_ws.marks import Lagged, Mark
from deribit_ws.router import Consumer, Router
from deribit_ws.subscriptions import Subscriptions, check_name
from deribit_ws.tally import Tally
from deribit_ws.wire.channels import Pattern

logger = logging.getLogger("deribit_ws.handlers")

_STOP_SECONDS = 0.8  # for callbacks to end when cancelled; with the link's 1 s, closing takes less than 2


class Link(Protocol):
    """What consumers may ask of the connection."""

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read on."""

    def lose(self, code: int, reason: str, given_up_for: str = "upkeep") -> None:
        """Give the connection up, so that it is replaced."""


class Registry:
    """The listeners of one client, and the `Owner` of their consumers."""

    def __init__(self) -> None:
        self.router = Router(self._unknown_family)
        self.events = Events(self)
        self.tally = Tally()
        self.clock: Callable[[], int] = time.time_ns  # stamps what is received, ns since the epoch
        self.subscriptions = Subscriptions(self.events.report)
        self.freshness = Freshness(self.tell, self.subscriptions.is_confirmed, self.subscriptions.is_wanted)
        self.router.heard_of = self.freshness.heard_of
        self.link: Link | None = None
        # Who makes good what did not fit where nothing may be dropped; see `Owner`.
        self.on_overran: Callable[[Any, str], Remedy] = lambda consumer, channel: Remedy.NONE
        self.on_caught_up: Callable[[Any], bool] = lambda consumer: False
        self._registrations: dict[Registration, None] = {}
        self._workers: dict[Worker, None] = {}  # of registrations
        self._tasks: set[asyncio.Task[None]] = set()
        self._readings: dict[Reading[Any], None] = {}
        self._streams: dict[Stream[Any], Registration] = {}
        self._pausing: set[Any] = set()
        self._running = False
        self.stuck: set[asyncio.Task[None]] = set()  # given up: they would not end when cancelled

    @property
    def depth(self) -> int:
        """Messages that wait for callbacks and streams, or are in a coroutine function's hands."""
        # Any thread may ask: copies are made in one step.
        return depth_of(self._workers.copy()) + sum(each.depth for each in self._readings.copy())

    @property
    def is_running(self) -> bool:
        """Whether the client is open."""
        return self._running

    # --- who listens

    def register(
        self,
        pattern: Pattern,
        callback: Callable[..., Any],
        values: dict[str, Any],
        overflow: str | None,
        maxsize: int | None,
    ) -> Registration:
        """Route a pattern's channels to a callback, and hold those it names."""
        signature = read_signature(callback, pattern)
        policy = policy_of(overflow, maxsize)
        consumer: PlainCallback | CoroutineCallback
        if signature.is_coroutine:
            consumer = CoroutineCallback(callback, signature, self, policy, maxsize)
        elif policy is not None or maxsize is not None:
            raise UsageError(f"{describe(callback)} runs in place: it has no queue to set a policy for")
        else:
            consumer = PlainCallback(callback, signature, self)
        registration = Registration([entry_of(pattern, values, consumer)], consumer, self._cancel)
        self._add(registration)
        return registration

    def add_handler(self, handler: Handler, values: dict[str, Any]) -> HandlerRegistration:
        """Register a handler's decorated methods, and tell it of events."""
        if not isinstance(handler, Handler):
            raise UsageError(f"{handler!r} is no Handler instance")
        if handler in self.events:
            raise UsageError(f"{handler!r} was added already")
        noted_methods = list(noted(handler))
        unused = values.keys() - {name for _, note in noted_methods for name in note.pattern.names}
        if unused:
            raise UsageError(f"no pattern of {type(handler).__name__} has a placeholder {sorted(unused)}")
        parts: list[Registration] = []
        try:
            for method, note in noted_methods:
                filled = note.values | {n: v for n, v in values.items() if n in note.pattern.names}
                parts.append(self.register(note.pattern, method, filled, note.overflow, note.maxsize))
        except UsageError:
            for part in parts:
                part.cancel()
            raise
        worker = self.events.add(handler)
        if self._running:
            self._start(worker)
        return HandlerRegistration(type(handler).__name__, parts, lambda: self.events.remove(handler))

    def stream(
        self,
        patterns: Sequence[str],
        values: dict[str, Any],
        opened: Callable[[Sequence[str]], Awaitable[None]],
        *,
        overflow: str | None,
        maxsize: int | None,
        marks: bool,
    ) -> Stream[Any]:
        """Make a stream; from when it is entered it listens, once `opened` agrees to its channels."""
        if not patterns:
            raise UsageError("a stream needs a channel")
        parsed = [Pattern(pattern) for pattern in dict.fromkeys(patterns)]
        if unused := values.keys() - {name for pattern in parsed for name in pattern.names}:
            raise UsageError(f"no pattern has a placeholder {sorted(unused)}")

        async def open(stream: Stream[Any]) -> None:
            registration = self._streams[stream] = Registration(entries, stream, self._cancel)
            self._add(registration)
            self.enter(stream)
            # What is in a live set may end at any moment: a refusal of that is no fault of the stream.
            await opened([channel for entry in entries if not entry.live for channel in entry.channels])

        stream: Stream[Any] = Stream(
            self, parsed, open, self._close_stream, policy_of(overflow, maxsize), maxsize, marks
        )
        entries = [entry_of(p, {n: v for n, v in values.items() if n in p.names}, stream) for p in parsed]
        return stream

    def attach(self, pattern: Pattern, values: dict[str, Any], consumer: Consumer) -> Registration:
        """Route a pattern's channels to a consumer of any kind, and hold those it names.

        The consumer has an `end()`, called when the registration is cancelled.
        """
        registration = Registration([entry_of(pattern, values, consumer)], consumer, self._cancel)
        self._add(registration)
        return registration

    def alone(self, consumer: Consumer) -> Router:
        """Give a router to one consumer only, for what the others have had; to nobody if it is gone."""
        router = Router(self._unknown_family)
        for registration in self._registrations:
            if registration._consumer is consumer:
                for entry in registration._entries:
                    router.add(entry)
        return router

    def enter(self, reading: Reading[Any]) -> None:
        """Tell a reading of marks from now on, and end it with the client."""
        self._readings[reading] = None

    def leave(self, reading: Reading[Any]) -> None:
        """Tell it no more; may be repeated."""
        self._readings.pop(reading, None)

    def _close_stream(self, stream: Stream[Any]) -> None:
        self.leave(stream)
        registration = self._streams.pop(stream, None)
        if registration is not None:
            registration.cancel()

    def _add(self, registration: Registration) -> None:
        followers = [Follower(e, self.router, self.subscriptions) for e in registration._entries if e.live]
        for follower in followers:
            follower.fill()
        for channel in registration.channels:
            check_name(channel)
        registration._followers = followers
        self._registrations[registration] = None
        if isinstance(registration._consumer, Worker):
            self._workers[registration._consumer] = None
        for entry in registration._entries:
            self.router.add(entry)
            self.subscriptions.hold(entry.channels, are_listed=bool(entry.live))
        self.freshness.begin(registration.channels)
        # A channel that runs already sends a newcomer no snapshot unless it is asked for anew.
        self.subscriptions.resync(filter(starts_with_snapshot, registration.channels))
        for follower in followers:
            follower.start()
        if self._running:
            self._start(registration._consumer)

    def _cancel(self, registration: Registration) -> None:
        if registration not in self._registrations:
            return
        del self._registrations[registration]
        self._workers.pop(registration._consumer, None)
        for follower in registration._followers:
            follower.stop()
        for entry in registration._entries:
            self.router.remove(entry)
        self.subscriptions.release(registration.channels)
        registration._consumer.end()

    # --- running

    def start(self) -> None:
        """Start the tasks of all coroutine functions registered so far, and of later ones at once."""
        self._running = True
        for registration in self._registrations:
            self._start(registration._consumer)
        for worker in self.events.workers:
            self._start(worker)

    def _start(self, consumer: Any) -> None:
        if isinstance(consumer, Worker):
            task = asyncio.create_task(consumer.run(), name=f"deribit_ws {consumer.name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def interrupt(self, spared: Iterable[asyncio.Task[Any]]) -> None:
        """Cancel what coroutine functions are doing, but for those that are closing the client.

        Before the link goes: else what they wait for would fail, and be told as a callback's failure.
        """
        self._running = False
        for worker in (*self.events.workers, *self._workers):
            worker.end()
        for task in self._tasks - set(spared):
            task.cancel()

    async def stop(self, error: Exception | None, spared: Iterable[asyncio.Task[Any]]) -> None:
        """End all streams (with `error`) and tasks, but for those that are closing the client."""
        self._running = False
        for reading in list(self._readings):
            reading.fail(error) if error is not None else reading.end()
        for worker in (*self.events.workers, *self._workers):
            worker.end()
        self.stuck |= await _cancelled(self._tasks - self.stuck - set(spared))

    async def finished(self) -> None:
        """Wait, but not for ever, for the callbacks that closed the client themselves."""
        tasks = self._tasks - {asyncio.current_task()} - self.stuck
        if tasks:
            _, tasks = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
            self.stuck |= await _cancelled(tasks)

    # --- the Owner of consumers

    def tell(self, mark: Mark) -> None:
        """Tell every handler and every reading of a mark."""
        self.tally.marked(mark)
        for reading in list(self._readings):
            reading.mark(mark)
        self.events.tell(mark)

    def callback_failed(self, name: str, channel: str, error: Exception) -> None:
        """A callback raised: log it with its traceback, and tell the handlers."""
        self.events.callback_failed(name, channel, error)

    def lagged(self, mark: Lagged) -> None:
        """Notifications were dropped for newer ones; a stream gives its own marks itself, in order."""
        self.tally.dropped += mark.n
        self.events.lagged(mark)

    def too_slow(self, consumer: Any, error: SlowConsumer) -> None:
        """A consumer under "fail" is full: it gets no more."""
        if isinstance(consumer, Stream):
            consumer.fail(error)
        for registration in [r for r in self._registrations if r._consumer is consumer]:
            if isinstance(consumer, Worker):
                self.events.report(error)
            registration.cancel()

    def overran(self, consumer: Any, channel: str) -> Remedy:
        """A message that may not be dropped does not fit."""
        return self.on_overran(consumer, channel)

    def caught_up(self, consumer: Any) -> bool:
        """A consumer that overran has room again; tell whether it gets now what it is owed."""
        return self.on_caught_up(consumer)

    def replace_link(self, error: SlowConsumer) -> None:
        """What doesn't fit may not be dropped: the link must be replaced."""
        self.events.report(error)
        if self.link is not None:
            self.link.lose(1008, str(error), "slow_consumer")

    def pause(self, consumer: Any) -> None:
        """Stop reading until `resume` by the same consumer."""
        self._pausing.add(consumer)
        if self.link is not None:
            self.link.pause()

    def lost_link(self) -> None:
        """The link is gone, and with it what was subscribed and who held it up."""
        self.link = None
        for consumer in list(self._pausing):
            consumer.unblock()
        self.subscriptions.disconnected()

    def resume(self, consumer: Any) -> None:
        """Read on, unless another consumer still blocks."""
        self._pausing.discard(consumer)
        if self.link is not None and not self._pausing:
            self.link.resume()

    def _unknown_family(self, channel: str) -> None:
        text = "no known family has the channel %(channel)s: its data arrives as plain values"
        note(logger, logging.WARNING, "unknown_family", text, channel=channel)


async def _cancelled(tasks: Collection[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Cancel tasks and wait for their end, but not for ever; give those that would not."""
    for task in tasks:
        if not task.cancelling():  # else it was asked before, and may be about it
            task.cancel()
    if not tasks:
        return set()
    _, stuck = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
    for task in stuck:
        text = "%(task)s did not end within %(seconds)g s"
        note(logger, logging.WARNING, "stuck", text, task=task.get_name(), seconds=_STOP_SECONDS)
    return stuck
