"""What a registration is, and what its arguments come to.

Knows: entries of the router, names of policies. Must not know: the registry that holds them.
"""

from collections.abc import Callable, Sequence
from typing import Any

from deribit_ws.errors import UsageError, require_whole
from deribit_ws.handlers.live import Follower, checked, live_of
from deribit_ws.handlers.queues import Overflow
from deribit_ws.router import Consumer, Entry
from deribit_ws.wire.channels import Pattern


class Registration:
    """One registered callback. `cancel()` ends it, and its subscriptions where nobody else holds them."""

    def __init__(
        self, entries: Sequence[Entry], consumer: Any, cancel: Callable[["Registration"], None]
    ) -> None:
        self._entries = tuple(entries)
        self._consumer = consumer
        self._followers: Sequence[Follower] = ()  # of the entries with live values, while it is in use
        self._cancel = cancel

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels it holds now; empty when its pattern only routes."""
        return tuple(channel for entry in self._entries for channel in entry.channels)

    def cancel(self) -> None:
        """End it; a call under way is let finish, what is queued is dropped. May be repeated."""
        self._cancel(self)

    def __repr__(self) -> str:
        return f"<Registration {', '.join(entry.pattern.text for entry in self._entries)}>"


class HandlerRegistration:
    """One added handler; `cancel()` ends all its callbacks and events."""

    def __init__(self, name: str, parts: Sequence[Registration], cancel: Callable[[], None]) -> None:
        self._name = name
        self._parts = tuple(parts)
        self._cancel = cancel

    def __repr__(self) -> str:
        return f"<HandlerRegistration {self._name}: {len(self._parts)} callbacks>"

    def cancel(self) -> None:
        """End it; may be repeated."""
        for part in self._parts:
            part.cancel()
        self._cancel()


def entry_of(pattern: Pattern, values: dict[str, Any], consumer: Consumer) -> Entry:
    """Make the router's entry, still without the channels that live values give.

    Raises:
        UsageError: a value does not fit the pattern.
    """
    given = checked(pattern, values)
    live = live_of(given)
    channels = pattern.channels({**given, **dict.fromkeys(live, ())})
    fixed = {name: value for name, value in given.items() if name not in live}
    return Entry(pattern, fixed, consumer, channels or {}, routes_only=channels is None, live=live)


def policy_of(overflow: str | None, maxsize: int | None) -> Overflow | None:
    """Read a policy's name; None takes each channel's own default."""
    if maxsize is not None:
        require_whole(maxsize, 1, "maxsize")
    if overflow is None:
        return None
    try:
        return Overflow(overflow)
    except ValueError:
        names = ", ".join(policy.value for policy in Overflow)
        raise UsageError(f"overflow {overflow!r}: one of {names}") from None
