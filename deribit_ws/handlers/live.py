"""Placeholder values that change: how an entry's channels follow live sets of names.

Knows: patterns, the router's entries, and that channels are held for them. Must not know: what the
names stand for, or why they come and go. `handler` and `registrations` part live values from the
others, `registry` starts a `Follower` for each entry that has some.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from deribit_ws.router import Entry, LiveValues, Router
from deribit_ws.subscriptions import Subscriptions
from deribit_ws.wire.channels import Pattern, family_of
from deribit_ws.wire.market import BookChange, IncrementalTicker

_Named = dict[str, dict[str, str]]  # channel → its placeholders' values


def live_of(values: Mapping[str, Any]) -> dict[str, LiveValues]:
    """Give those of the values that are live."""
    return {name: value for name, value in values.items() if isinstance(value, LiveValues)}


def checked(pattern: Pattern, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give `values` back if they fit the pattern; what is in a live one is taken at its word.

    Raises:
        UsageError: a name is not a placeholder there, or a value can't be a segment.
    """
    live = live_of(values)
    pattern.checked(dict.fromkeys(live, "any"))  # only: are these placeholders of it?
    return {**pattern.checked({n: v for n, v in values.items() if n not in live}), **live}


def starts_with_snapshot(channel: str) -> bool:
    """Tell whether a channel's later messages mean nothing without its first."""
    return family_of(channel).payload in (BookChange, IncrementalTicker)


class Follower:
    """Keeps the channels of one entry, and what is held for it, equal to what its live values give.

    A name that comes or goes touches its own channels only, however many others there are. What was
    queued for a channel before it went is still delivered; what arrives later is not.
    """

    def __init__(self, entry: Entry, router: Router, subscriptions: Subscriptions) -> None:
        self._entry = entry
        self._router = router
        self._subscriptions = subscriptions
        self._ends: list[Callable[[], None]] = []

    def fill(self) -> None:
        """Take the channels that the live values give now; before the entry is routed or held."""
        for source in self._entry.live.values():
            self._entry.channels.update(self._named(source, source.names()))

    def start(self) -> None:
        """Follow every change from here on."""
        for source in self._entry.live.values():
            self._ends.append(source.watch(partial(self._changed, source)))

    def stop(self) -> None:
        """Follow none; may be repeated."""
        while self._ends:
            self._ends.pop()()

    def _changed(self, source: LiveValues, added: Sequence[str], removed: Sequence[str]) -> None:
        if self._entry.routes_only:
            self._router.reconsider([*added, *removed])
            return
        here = self._entry.channels
        gone = [channel for channel in self._named(source, removed) if channel in here]
        self._router.reduce(self._entry, gone)
        self._subscriptions.release(gone)
        new = {c: values for c, values in self._named(source, added).items() if c not in here}
        self._router.extend(self._entry, new)
        self._subscriptions.hold(new, are_listed=True)
        # A channel that others hold already sends a newcomer no snapshot unless it is asked for anew.
        self._subscriptions.resync(filter(starts_with_snapshot, new))

    def _named(self, source: LiveValues, names: Sequence[str]) -> _Named:
        """Give the channels in which `source` stands for one of `names`."""
        entry, found = self._entry, _Named()
        for name, live in entry.live.items():
            if live is source and names:
                others = {
                    other: [*values.names(), *(names if values is source else ())]
                    for other, values in entry.live.items()
                    if other != name
                }
                found |= entry.pattern.channels({**entry.values, **others, name: names}) or {}
        return found
