"""From a channel's name to its consumers: found once per name, then a dictionary look-up.

Knows: patterns, and the three forms a payload can be asked for in. Must not know: where messages
come from, what consumers do with them, or which channels are subscribed. `client` feeds it,
`handlers` fills it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import msgspec

from deribit_ws.wire.channels import Family, Pattern, Values, family_of

_CACHED = 65_536  # channels; a server that makes up names can't make us remember more


class Form(Enum):
    """What a consumer wants of a notification's data."""

    TYPED = "typed"  # the family's payload type
    PLAIN = "plain"  # dicts and lists
    BYTES = "bytes"  # as received


Receive = Callable[[Any, int], None]  # payload, and its size in bytes as received; never raises


class Consumer(Protocol):
    """Someone who wants notifications."""

    @property
    def form(self) -> Form:
        """The form to decode the data into."""

    def bind(self, channel: str, values: dict[str, str], family: Family) -> Receive:
        """Give what is to be called for each message of one channel."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One consumer, and the channels it wants: named ones, and any that fit the pattern."""

    pattern: Pattern
    values: Values
    consumer: Consumer
    channels: dict[str, dict[str, str]] = field(default_factory=dict)  # name → placeholders' values
    routes_only: bool = False

    def match(self, channel: str) -> dict[str, str] | None:
        """Give the placeholders' values when this entry wants `channel`."""
        if self.routes_only:
            return self.pattern.match(channel, self.values)
        return self.channels.get(channel)


class Route:
    """What happens to each message of one channel: decode once per form, then call."""

    __slots__ = ("_steps",)

    def __init__(self, steps: list[tuple[Callable[[bytes], Any], list[Receive]]]) -> None:
        self._steps = steps

    def __call__(self, data: bytes) -> None:
        """Hand one message out; raise `msgspec.DecodeError` when it can't be decoded."""
        size = len(data)
        for decode, receivers in self._steps:
            payload = decode(data)
            for receive in receivers:
                receive(payload, size)


class Router:
    """All entries, and the routes found so far.

    Args:
        unknown: told once of each channel that belongs to no known family.
    """

    def __init__(self, unknown: Callable[[str], None]) -> None:
        self._unknown = unknown
        self._warned: set[str] = set()
        # Named channels are found by name, so that a thousand patterns cost a new channel nothing.
        self._named: dict[str, list[Entry]] = {}
        self._open: list[Entry] = []
        self._routes: dict[bytes, Route] = {}
        self.messages = 0

    def notify(self, channel: bytes, data: bytes) -> None:
        """Hand out one notification; raise `msgspec.DecodeError` when its data can't be decoded."""
        self.messages += 1
        route = self._routes.get(channel)
        if route is None:
            route = self._find(channel)
        route(data)

    def add(self, entry: Entry) -> None:
        """Start routing to an entry's consumer, after those already there."""
        for channel in entry.channels:
            self._named.setdefault(channel, []).append(entry)
        if entry.routes_only:
            self._open.append(entry)
        self._forget(entry)

    def remove(self, entry: Entry) -> None:
        """Stop routing to it; may be repeated."""
        for channel in entry.channels:
            named = self._named.get(channel, [])
            if entry in named:
                named.remove(entry)
            if not named:
                self._named.pop(channel, None)
        if entry in self._open:
            self._open.remove(entry)
        self._forget(entry)

    def _forget(self, entry: Entry) -> None:
        if entry.routes_only:
            self._routes.clear()
        for channel in entry.channels:
            self._routes.pop(channel.encode(), None)

    def _find(self, name: bytes) -> Route:
        channel = name.decode()
        family = family_of(channel)
        route = Route(list(self._steps(channel, family)))
        if len(self._routes) < _CACHED:
            self._routes[name] = route
        if not family.is_known:
            self._warn(channel)
        return route

    def _steps(
        self, channel: str, family: Family
    ) -> Iterator[tuple[Callable[[bytes], Any], list[Receive]]]:
        receivers: dict[Form, list[Receive]] = {form: [] for form in Form}
        for entry in (*self._named.get(channel, ()), *self._open):
            values = entry.match(channel)
            if values is not None:
                consumer = entry.consumer
                receivers[consumer.form].append(consumer.bind(channel, values, family))
        for form, called in receivers.items():
            if called:
                yield _decoder(form, family), called
        if not any(receivers.values()):
            yield _checked, []  # data of a channel just left: looked at, so that garbage is told

    def _warn(self, channel: str) -> None:
        prefix = channel.partition(".")[0]
        if prefix not in self._warned and len(self._warned) < _CACHED:
            self._warned.add(prefix)
            self._unknown(channel)


def _decoder(form: Form, family: Family) -> Callable[[bytes], Any]:
    match form:
        case Form.TYPED if family.payload is not None:
            return msgspec.json.Decoder(family.payload).decode
        case Form.TYPED | Form.PLAIN:
            return msgspec.json.Decoder().decode
        case Form.BYTES:
            return _checked


_skip = msgspec.json.Decoder(msgspec.Raw).decode


def _checked(data: bytes) -> bytes:
    # Bytes were cut out of a frame unparsed: only one whole JSON value was cut out rightly.
    _skip(data)
    return data
