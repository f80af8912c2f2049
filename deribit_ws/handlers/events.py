"""Telling handlers what happens: marks and errors, to the `on_*` methods they override.

Knows: handlers, and the worker that runs each one's `async` methods in order. Must not know: what
causes events. `registry` owns one. A method that fails is logged and touches nothing else.
"""

import contextlib
import inspect
import logging
from typing import Any

from deribit_ws.errors import DeribitError, SlowConsumer, SubscriptionRejected, WireError
from deribit_ws.handlers.consumers import MISHAPS, Owner, Worker, told
from deribit_ws.handlers.handler import Handler
from deribit_ws.handlers.queues import Overflow
from deribit_ws.marks import (
    Connected,
    Disconnected,
    Gap,
    InstrumentAdded,
    InstrumentRemoved,
    Lagged,
    Mark,
    Stale,
)

logger = logging.getLogger(__name__)

_NOTE = "in callback "
_HOOKS: dict[type[Mark], str] = {
    Connected: "on_connected",
    Disconnected: "on_disconnected",
    Gap: "on_gap",
    Lagged: "on_lagged",
    Stale: "on_stale",
    InstrumentAdded: "on_instrument_added",
    InstrumentRemoved: "on_instrument_removed",
}


class Events:
    """The handlers of one client; `owner` is told when one of their methods can't keep up or fails."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._handlers: list[tuple[Handler, Worker]] = []

    def __contains__(self, handler: Handler) -> bool:
        return any(handler is added for added, _ in self._handlers)

    @property
    def workers(self) -> list[Worker]:
        """Who runs the `async` methods; each wants a task."""
        return [worker for _, worker in self._handlers]

    def add(self, handler: Handler) -> Worker:
        """Tell `handler` from now on; give the worker that wants a task."""
        worker = Worker(f"{type(handler).__name__} events", self._owner)
        self._handlers.append((handler, worker))
        return worker

    def remove(self, handler: Handler) -> None:
        """Tell it no more; may be repeated."""
        for added, worker in list(self._handlers):
            if added is handler:
                self._handlers.remove((added, worker))
                worker.end()

    def tell(self, mark: Mark) -> None:
        """Tell every handler of a mark."""
        self._tell_all(_HOOKS[type(mark)], mark)

    def report(self, error: Exception) -> None:
        """Tell every handler of an error that no call awaits."""
        if isinstance(error, WireError | SubscriptionRejected | SlowConsumer):
            logger.warning("%s", error)
        elif isinstance(error, DeribitError):
            logger.error("%s", error)
        self._tell_all("on_error", error)

    def callback_failed(self, name: str, channel: str, error: Exception) -> None:
        """A callback, or one of the methods here, raised: log it, and tell `on_error`, with a note on it."""
        if channel != "on_error":  # which most likely raised again what it was told, with its note
            _note(error, f"{_NOTE}{name} on {channel}")
        logger.error("callback %s failed on %s", name, channel, exc_info=error)
        if channel != "on_error":  # a failing `on_error` must not feed itself
            self._tell_all("on_error", error)

    def _tell_all(self, name: str, event: Any) -> None:
        for handler, worker in list(self._handlers):
            if getattr(type(handler), name) is getattr(Handler, name):
                continue  # not overridden
            if worker.ended:  # removed by a hook before it
                continue
            hook = getattr(handler, name)
            if inspect.iscoroutinefunction(hook):
                # Errors may come in floods; marks are rare, and none of them may be pushed out.
                policy = Overflow.DROP_OLDEST if name in ("on_error", "on_lagged") else Overflow.KEEP
                worker.feed(name, 0, (hook, event, name), policy)
                continue
            try:
                hook(event)
            except MISHAPS as error:  # one handler's touches nothing else
                self.callback_failed(f"{type(handler).__name__}.{name}", name, told(error))


def _note(error: Exception, note: str) -> None:
    """Write on an error where it was raised; on one that is raised again and again, where it was last."""
    with contextlib.suppress(Exception):  # a class of the user's may refuse notes
        notes = getattr(error, "__notes__", [])
        notes[:] = [kept for kept in notes if not kept.startswith(_NOTE)]
        error.add_note(note)
