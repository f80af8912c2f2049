"""Telling handlers what happens: marks and errors, to the `on_*` methods they override.

Knows: handlers, and the worker that runs each one's `async` methods in order. Must not know: what
causes events. `registry` owns one. A method that fails is logged and touches nothing else.

`on_error` hears of every error: what it costs is the user's own. The log is not the peer's to fill: of
each kind of error it gets a few lines in ten seconds, and how many were left out (`LogLimit`).
"""

import contextlib
import inspect
import logging
import time
from collections.abc import Callable
from typing import Any

from deribit_ws.errors import DeribitError, RpcError, SlowConsumer, SubscriptionRejected, WireError
from deribit_ws.handlers.consumers import MISHAPS, Owner, Worker, told
from deribit_ws.handlers.handler import Handler
from deribit_ws.handlers.queues import Overflow
from deribit_ws.journal import counted, note
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

logger = logging.getLogger("deribit_ws.handlers")

_NOTE = "in callback "
_LOG_SECONDS = 10.0  # in which each kind of error and subject is logged once,
_LOG_SUBJECTS = 10  # and so many subjects of a kind: channels can be made up without end
_HOOKS: dict[type[Mark], str] = {
    Connected: "on_connected",
    Disconnected: "on_disconnected",
    Gap: "on_gap",
    Lagged: "on_lagged",
    Stale: "on_stale",
    InstrumentAdded: "on_instrument_added",
    InstrumentRemoved: "on_instrument_removed",
}


class LogLimit:
    """Which of many alike lines are logged; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: dict[str, set[str]] = {}  # kind → subjects, since `_began`
        self._began: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def suffix(self, kind: str, subject: str) -> str | None:
        """Give what to add to a line: how many of its kind were left out before; None to leave it out too."""
        now, shown = self._clock(), self._shown.get(kind)
        if shown is None or now - self._began[kind] >= _LOG_SECONDS:
            shown = self._shown[kind] = set()
            self._began[kind] = now
        if subject in shown or len(shown) >= _LOG_SUBJECTS:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return None
        shown.add(subject)
        left_out = self._left_out.pop(kind, 0)
        return f" ({left_out} more left out)" if left_out else ""


class Events:
    """The handlers of one client; `owner` is told when one of their methods can't keep up or fails."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.errors = 0  # told to `on_error` so far, whether anybody listens or not
        self._limit = LogLimit()
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
        suffix = self._limit.suffix(type(error).__name__, _subject(error))
        if isinstance(error, DeribitError) and suffix is not None:
            is_mild = isinstance(error, WireError | SubscriptionRejected | SlowConsumer)
            level = logging.WARNING if is_mild else logging.ERROR
            kind, why = type(error).__name__, f"{error}{suffix}"
            note(logger, level, "error", "%(why)s", kind=kind, why=why)
        self._tell_all("on_error", error)

    def lagged(self, mark: Lagged) -> None:
        """Tell of notifications that were dropped for newer ones."""
        suffix = self._limit.suffix("Lagged", mark.channel)
        if suffix is not None:
            text = f"slow consumer: {counted(mark.n, 'notification')} of %(channel)s dropped{suffix}"
            note(logger, logging.WARNING, "slow_consumer", text, channel=mark.channel, count=mark.n)
        self.tell(mark)

    def callback_failed(self, name: str, channel: str, error: Exception) -> None:
        """A callback, or one of the methods here, raised: log it, and tell `on_error`, with a note on it."""
        if channel != "on_error":  # which most likely raised again what it was told, with its note
            _note(error, f"{_NOTE}{name} on {channel}")
        suffix = self._limit.suffix(name, f"{channel} {type(error).__name__}")
        if suffix is not None:
            text = f"callback %(callback)s failed on %(channel)s{suffix}"
            note(logger, logging.ERROR, "callback_failed", text, error=error, callback=name, channel=channel)
        if channel != "on_error":  # a failing `on_error` must not feed itself
            self._tell_all("on_error", error)

    def _tell_all(self, name: str, event: Any) -> None:
        self.errors += name == "on_error"
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


def _subject(error: Exception) -> str:
    """Give what an error is about, as far as two of them may be alike to who reads a log."""
    match error:
        case WireError(channel=channel):
            return channel or ""
        case RpcError(code=code, method=method):
            return f"{code} {method}"
        case _:
            return str(error)


def _note(error: Exception, note: str) -> None:
    """Write on an error where it was raised; on one that is raised again and again, where it was last."""
    with contextlib.suppress(Exception):  # a class of the user's may refuse notes
        notes = getattr(error, "__notes__", [])
        notes[:] = [kept for kept in notes if not kept.startswith(_NOTE)]
        error.add_note(note)
