"""Everybody who listens to one client: callbacks, handlers and streams, and how each is told.

Knows: who is registered, and the tasks that run coroutine functions. Must not know: connections;
what its consumers ask of the link goes through `Link`. `client` owns one.
"""

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from deribit_ws.consumers import CoroutineCallback, PlainCallback, Stream, Worker
from deribit_ws.errors import DeribitError, SlowConsumer, SubscriptionRejected, UsageError, WireError
from deribit_ws.handlers import Handler, noted
from deribit_ws.marks import Connected, Disconnected, Gap, Lagged, Mark, Stale
from deribit_ws.queues import Overflow
from deribit_ws.router import Consumer, Entry, Router
from deribit_ws.signatures import describe, read_signature
from deribit_ws.subscriptions import Subscriptions
from deribit_ws.wire.channels import Pattern

logger = logging.getLogger(__name__)

_STOP_SECONDS = 1.0  # for callbacks to end when cancelled; one that won't must not hold up closing


class Link(Protocol):
    """What consumers may ask of the connection."""

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read on."""

    def lose(self, code: int, reason: str) -> None:
        """Give the connection up, so that it is replaced."""


class Registration:
    """One registered callback. `cancel()` ends it, and its subscriptions where nobody else holds them."""

    def __init__(self, entries: Sequence[Entry], consumer: Any, cancel: Callable[["Registration"], None]) -> None:
        self.entries = tuple(entries)
        self.consumer = consumer
        self._cancel = cancel

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels it holds; empty when its pattern only routes."""
        return tuple(channel for entry in self.entries for channel in entry.channels)

    def cancel(self) -> None:
        """End it; a call under way is let finish, what is queued is dropped. May be repeated."""
        self._cancel(self)

    def __repr__(self) -> str:
        return f"<Registration {', '.join(entry.pattern.text for entry in self.entries)}>"


class HandlerRegistration:
    """One added handler; `cancel()` ends all its callbacks and events."""

    def __init__(self, parts: Sequence[Registration], cancel: Callable[[], None]) -> None:
        self.parts = tuple(parts)
        self._cancel = cancel

    def cancel(self) -> None:
        """End it; may be repeated."""
        self._cancel()


class Registry:
    """The listeners of one client, and the `Owner` of their consumers."""

    def __init__(self) -> None:
        self.router = Router(self._unknown_family)
        self.subscriptions = Subscriptions(self.report)
        self.link: Link | None = None
        self._registrations: dict[Registration, None] = {}
        self._handlers: list[tuple[Handler, Worker]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._streams: dict[Stream, Registration] = {}
        self._pausing: set[Any] = set()
        self._running = False

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
        policy = _policy(overflow, maxsize)
        consumer: PlainCallback | CoroutineCallback
        if signature.is_coroutine:
            consumer = CoroutineCallback(callback, signature, self, policy, maxsize)
        elif policy is not None or maxsize is not None:
            raise UsageError(f"{describe(callback)} runs in place: it has no queue to set a policy for")
        else:
            consumer = PlainCallback(callback, signature, self)
        registration = Registration([_entry(pattern, values, consumer)], consumer, self._cancel)
        self._add(registration)
        return registration

    def add_handler(self, handler: Handler, values: dict[str, Any]) -> HandlerRegistration:
        """Register a handler's decorated methods, and tell it of events."""
        if not isinstance(handler, Handler):
            raise UsageError(f"{handler!r} is no Handler instance")
        if any(handler is added for added, _ in self._handlers):
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
        events = Worker(f"{type(handler).__name__} events", self)
        self._handlers.append((handler, events))
        if self._running:
            self._start(events)
        return HandlerRegistration(parts, lambda: self._remove_handler(handler, parts))

    def stream(
        self,
        patterns: Sequence[Pattern],
        values: dict[str, Any],
        overflow: str | None,
        maxsize: int | None,
        marks: bool,
        opener: Callable[[Stream], Any],
    ) -> Stream:
        """Make a stream; it listens from when it is entered."""
        stream = Stream(self, opener, self.close_stream, _policy(overflow, maxsize), maxsize, marks)
        entries = [
            _entry(p, {n: v for n, v in values.items() if n in p.names}, stream) for p in patterns
        ]
        self._streams[stream] = Registration(entries, stream, self._cancel)
        return stream

    def open_stream(self, stream: Stream) -> Registration:
        """Start routing to a stream."""
        registration = self._streams[stream]
        self._add(registration)
        return registration

    def close_stream(self, stream: Stream) -> None:
        """Stop routing to it."""
        registration = self._streams.pop(stream, None)
        if registration is not None:
            registration.cancel()

    def _add(self, registration: Registration) -> None:
        self._registrations[registration] = None
        for entry in registration.entries:
            self.router.add(entry)
        self.subscriptions.hold(registration.channels)
        if self._running:
            self._start(registration.consumer)

    def _cancel(self, registration: Registration) -> None:
        if registration not in self._registrations:
            return
        del self._registrations[registration]
        for entry in registration.entries:
            self.router.remove(entry)
        self.subscriptions.release(registration.channels)
        if isinstance(registration.consumer, Worker | Stream):
            registration.consumer.end()

    def _remove_handler(self, handler: Handler, parts: Sequence[Registration]) -> None:
        for part in parts:
            part.cancel()
        for added, events in list(self._handlers):
            if added is handler:
                self._handlers.remove((added, events))
                events.end()

    # --- running

    def start(self) -> None:
        """Start the tasks of all coroutine functions registered so far, and of later ones at once."""
        self._running = True
        for registration in self._registrations:
            self._start(registration.consumer)
        for _, events in self._handlers:
            self._start(events)

    def _start(self, consumer: Any) -> None:
        if isinstance(consumer, Worker):
            task = asyncio.create_task(consumer.run(), name=f"deribit_ws {consumer.name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self, error: Exception | None, spared: Iterable[asyncio.Task[Any]]) -> None:
        """End all streams (with `error`) and tasks, but for those that are closing the client."""
        self._running = False
        for stream in list(self._streams):
            stream.fail(error) if error is not None else stream.end()
        for worker in [events for _, events in self._handlers] + self._workers():
            worker.end()
        tasks = self._tasks - set(spared)
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
            for task in stuck:
                logger.warning("%s did not end within %g s", task.get_name(), _STOP_SECONDS)

    def _workers(self) -> list[Worker]:
        return [r.consumer for r in self._registrations if isinstance(r.consumer, Worker)]

    # --- events

    def tell(self, mark: Mark) -> None:
        """Tell every handler and every stream of a mark."""
        for stream in list(self._streams):
            stream.mark(mark)
        name = _HOOKS[type(mark)]
        for handler, events in list(self._handlers):
            self._tell(handler, events, name, mark)

    def report(self, error: Exception) -> None:
        """Tell every handler of an error that no call awaits."""
        if isinstance(error, WireError | SubscriptionRejected | SlowConsumer):
            logger.warning("%s", error)
        elif isinstance(error, DeribitError):
            logger.error("%s", error)
        for handler, events in list(self._handlers):
            self._tell(handler, events, "on_error", error)

    def _tell(self, handler: Handler, events: Worker, name: str, event: Any) -> None:
        if getattr(type(handler), name) is getattr(Handler, name):
            return
        hook = getattr(handler, name)
        if inspect.iscoroutinefunction(hook):
            events.feed(name, 0, (hook, event, name), Overflow.DROP_OLDEST)
            return
        try:
            hook(event)
        except Exception:
            logger.exception("%s of %s failed", name, type(handler).__name__)

    # --- the Owner of consumers

    def callback_failed(self, name: str, channel: str, error: Exception) -> None:
        """A callback raised: log it with its traceback, and tell the handlers."""
        logger.error("callback %s failed on %s", name, channel, exc_info=error)
        if channel != "on_error":  # a failing `on_error` must not feed itself
            self.report(error)

    def lagged(self, mark: Lagged) -> None:
        """Notifications were dropped for newer ones."""
        logger.warning("slow consumer: %d notifications of %s dropped", mark.n, mark.channel)
        self.tell(mark)

    def too_slow(self, consumer: Any, error: SlowConsumer) -> None:
        """A consumer under "fail" is full: it gets no more."""
        if isinstance(consumer, Stream):
            consumer.fail(error)
        for registration in [r for r in self._registrations if r.consumer is consumer]:
            if isinstance(consumer, Worker):
                self.report(error)
            registration.cancel()

    def replace_link(self, error: SlowConsumer) -> None:
        """What doesn't fit may not be dropped: the link must be replaced."""
        self.report(error)
        if self.link is not None:
            self.link.lose(1008, str(error))

    def pause(self, consumer: Any) -> None:
        """Stop reading until `resume` by the same consumer."""
        self._pausing.add(consumer)
        if self.link is not None:
            self.link.pause()

    def resume(self, consumer: Any) -> None:
        """Read on, unless another consumer still blocks."""
        self._pausing.discard(consumer)
        if self.link is not None and not self._pausing:
            self.link.resume()

    def _unknown_family(self, channel: str) -> None:
        logger.warning("no known family has the channel %s: its data arrives as plain values", channel)


_HOOKS: dict[type[Mark], str] = {
    Connected: "on_connected",
    Disconnected: "on_disconnected",
    Gap: "on_gap",
    Lagged: "on_lagged",
    Stale: "on_stale",
}


def _entry(pattern: Pattern, values: dict[str, Any], consumer: Consumer) -> Entry:
    checked = pattern.checked(values)
    channels = pattern.channels(checked)
    return Entry(pattern, checked, consumer, channels or {}, routes_only=channels is None)


def _policy(overflow: str | None, maxsize: int | None) -> Overflow | None:
    if maxsize is not None and maxsize < 1:
        raise UsageError(f"maxsize {maxsize}: a queue needs room for one item")
    if overflow is None:
        return None
    try:
        return Overflow(overflow)
    except ValueError:
        names = ", ".join(policy.value for policy in Overflow)
        raise UsageError(f"overflow {overflow!r}: one of {names}") from None
