"""Handler classes: methods decorated with the channels they want, and `on_*` methods for events.

Knows: the decorator's notes on a method, and the names of the events. Must not know: routing,
queues, the client. `registry` reads the notes when a handler is added.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from deribit_ws.handlers.callbacks import MethodDecorator
from deribit_ws.handlers.live import checked
from deribit_ws.marks import Connected, Disconnected, Gap, InstrumentAdded, InstrumentRemoved, Lagged, Stale
from deribit_ws.wire.channels import Channel, Pattern

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_NOTES = "__deribit_ws_notes__"


@dataclass(frozen=True, slots=True)
class Note:
    """What `on` was told: a pattern, values for its placeholders, and the queue's policy."""

    pattern: Pattern
    values: dict[str, Any] = field(default_factory=dict)
    overflow: str | None = None
    maxsize: int | None = None


@overload
def on(
    pattern: Channel[T], *, overflow: str | None = None, maxsize: int | None = None, **values: Any
) -> MethodDecorator[T]: ...


@overload
def on(
    pattern: str, *, overflow: str | None = None, maxsize: int | None = None, **values: Any
) -> Callable[[F], F]: ...


def on(pattern: str, *, overflow: str | None = None, maxsize: int | None = None, **values: Any) -> Any:
    """Mark a `Handler`'s method as the callback of a pattern's channels.

    Args:
        pattern: e.g. "ticker.{instrument}.100ms"; see `Client.register` for these and the rest.
        overflow: what happens when its queue is full.
        maxsize: items in its queue.
        values: a string, a list of strings or a live set for each placeholder; the rest may come
            with `Client.add_handler`.

    Raises:
        UsageError: it is no such pattern, or a value does not fit.
    """
    parsed = Pattern(pattern)
    note = Note(parsed, checked(parsed, values), overflow, maxsize)

    def mark(function: F) -> F:
        target = function.__func__ if isinstance(function, staticmethod | classmethod) else function
        setattr(target, _NOTES, (*getattr(target, _NOTES, ()), note))
        return function

    return mark


class Handler:
    """Base of handler classes. Override what you need, plain or `async`; `super()` is never required."""

    def on_connected(self, event: Connected) -> Any:
        """A link is up and all on it is rebuilt; its first data comes after this.

        An `async` one runs beside the callbacks, so data may reach those first.
        """

    def on_disconnected(self, event: Disconnected) -> Any:
        """The link is gone."""

    def on_gap(self, event: Gap) -> Any:
        """Trades that `Client.trades` was to give are lost for good: the history no longer has them."""

    def on_lagged(self, event: Lagged) -> Any:
        """A callback or stream was too slow, and notifications were dropped."""

    def on_stale(self, event: Stale) -> Any:
        """A channel is silent that should speak: an index price, or what `Client.expect` was told of."""

    def on_instrument_added(self, event: InstrumentAdded) -> Any:
        """A live set has grown. What it is filled with first is no news, and not told."""

    def on_instrument_removed(self, event: InstrumentRemoved) -> Any:
        """A live set has shrunk."""

    def on_error(self, error: Exception) -> Any:
        """Something failed that no call awaits: a callback, a subscription, a frame.

        What a callback raised says in a note (`error.__notes__`) which one it was, and on which channel.
        """


def noted(handler: Handler) -> Iterator[tuple[Callable[..., Any], Note]]:
    """Give each decorated method of a handler, bound, with what it was decorated with.

    A method overridden without the decorator keeps the notes of the one it overrides.
    """
    seen: set[str] = set()
    for kind in type(handler).__mro__:
        for name, attribute in vars(kind).items():
            target = getattr(attribute, "__func__", attribute)
            notes = getattr(target, _NOTES, ()) if not inspect.isclass(attribute) else ()
            if notes and name not in seen:
                seen.add(name)
                for note in notes:
                    yield getattr(handler, name), note
