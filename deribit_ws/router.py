"""From a channel's name to its consumers: found once per name, then a dictionary look-up.

Knows: patterns, and the three forms a payload can be asked for in. Must not know: where messages
come from, what consumers do with them, or which channels are subscribed. `client` feeds it,
`handlers` fills it.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, runtime_checkable

import msgspec

from deribit_ws.wire.channels import Family, Pattern, Values, family_of
from deribit_ws.wire.codec import NOTIFICATION_HEAD
from deribit_ws.wire.patterns import may_be_name

# Channels; a server that makes up names can't make us remember more, some 30 MB of the longest. Four of each
# of 5,000 instruments, more than the exchange has.
_CACHED = 20_000
_WARNED = 100  # families nobody knows that are told of; real ones are a few, made-up ones would fill a log
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Form(Enum):
    """What a consumer wants of a notification's data."""

    TYPED = "typed"  # the family's payload type
    PLAIN = "plain"  # dicts and lists
    BYTES = "bytes"  # as received


Decode = Callable[[bytes], Any]
Receive = Callable[[Any, int], None]  # payload, and its size in bytes as received; never raises
Route = Callable[[bytes], None]  # what happens to the data of one channel; raises as `Router.notify` does


# What stands before the consumers of a channel: told of its data in their place, it hands on what it likes.
Gate = Callable[[bytes], None]


class Consumer(Protocol):
    """Someone who wants notifications."""

    @property
    def form(self) -> Form:
        """The form to decode the data into."""

    def bind(
        self, channel: str, values: dict[str, str], family: Family, *, recovered: bool = False
    ) -> Receive:
        """Give what is to be called for each message of one channel; asked again when routes change.

        `recovered`: for messages that were missed, and are read afterwards.
        """


@runtime_checkable
class LiveValues(Protocol):
    """A set of names that changes while it stands for a placeholder. Each name is one segment."""

    def __contains__(self, name: object) -> bool:
        """Tell whether the set has a name now."""

    def names(self) -> Sequence[str]:
        """Give what the set has now."""

    def watch(self, watcher: Callable[[Sequence[str], Sequence[str]], None]) -> Callable[[], None]:
        """Call `watcher` with the names added and removed, just after each change; give what ends that."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One consumer, and the channels it wants: named ones, or any that fit the pattern.

    `values` holds the placeholders' fixed values, `live` those that change: a channel wanted by name is
    in `channels` while its name is in them (`Router.extend` and `reduce`).
    """

    pattern: Pattern
    values: Values
    consumer: Consumer
    channels: dict[str, dict[str, str]] = field(default_factory=dict)  # name → placeholders' values
    routes_only: bool = False
    live: Mapping[str, LiveValues] = field(default_factory=dict)

    def match(self, channel: str) -> dict[str, str] | None:
        """Give the placeholders' values when this entry wants `channel`."""
        if not self.routes_only:
            return self.channels.get(channel)
        found = self.pattern.match(channel, self.values)
        if found is None or any(found[name] not in live for name, live in self.live.items()):
            return None
        return found


class Router:
    """All entries, and the routes found so far.

    Args:
        unknown: told once of each family of channels that nobody knows, of a hundred at most.

    Attributes:
        routes: those found, by how the usual frame of their channel begins (`NOTIFICATION_HEAD` and its
            name): who has such a frame need not even cut the name out of it.
    """

    def __init__(self, unknown: Callable[[str], None]) -> None:
        self._unknown = unknown
        self._warned: set[str] = set()
        # Named channels are found by name, so that a thousand patterns cost a new channel nothing.
        self._named: dict[str, tuple[Entry, ...]] = {}
        self._open: list[Entry] = []
        self._places: dict[Entry, int] = {}  # in the order of their registration
        self._place = itertools.count()
        self.routes: dict[bytes, Route] = {}
        self._behind: dict[tuple[bytes, bool], Route] = {}  # what lies behind gates
        self.gate_of: Callable[[str, Family], Gate | None] = lambda channel, family: None
        self.heard_of: Callable[[str], Callable[[], None] | None] = lambda channel: None

    def notify(self, channel: bytes, data: bytes) -> None:
        """Hand out one notification.

        Raises:
            msgspec.ValidationError: it is not what the channel promises; who wants it as it is has got it.
            msgspec.DecodeError: data is not one JSON value, or channel no name; nobody was called.
        """
        try:
            route = self.routes[NOTIFICATION_HEAD + channel]
        except KeyError:
            route = self._find(channel)
        route(data)

    def refind(self, channels: Iterable[str]) -> None:
        """Find the routes of channels anew at their next message."""
        for channel in channels:
            self._forget(channel.encode())

    def hand_on(self, channel: str, data: bytes, *, recovered: bool = False) -> None:
        """Hand out what a gate has let through; raises as `notify`."""
        key = channel.encode(), recovered
        if key not in self._behind:
            self._behind[key] = self._route_of(channel, family_of(channel), recovered=recovered)
        self._behind[key](data)

    def add(self, entry: Entry) -> None:
        """Start routing to an entry's consumer, after those already there."""
        self._places[entry] = next(self._place)
        self._name(entry, entry.channels)
        if entry.routes_only:
            self._open.append(entry)
            self._forget_all()

    def remove(self, entry: Entry) -> None:
        """Stop routing to it; may be repeated."""
        self._places.pop(entry, None)
        self._unname(entry, entry.channels)
        if entry in self._open:
            self._open.remove(entry)
            self._forget_all()

    def extend(self, entry: Entry, channels: Mapping[str, dict[str, str]]) -> None:
        """Let an added entry want more channels; costs nothing for those it wants already."""
        entry.channels.update(channels)
        self._name(entry, channels)

    def reduce(self, entry: Entry, channels: Collection[str]) -> None:
        """Let an added entry want some of its channels no more."""
        self._unname(entry, channels)
        for channel in channels:
            del entry.channels[channel]

    def reconsider(self, segments: Iterable[str]) -> None:
        """Find anew who wants the channels that have one of these segments."""
        changed = {segment.encode() for segment in segments}
        for name in [head.removeprefix(NOTIFICATION_HEAD) for head in self.routes]:
            if not changed.isdisjoint(name.split(b".")):
                self._forget(name)

    def _name(self, entry: Entry, channels: Iterable[str]) -> None:
        alone = (entry,)  # one for all channels that nobody else names, which is nearly all
        for channel in channels:
            others = self._named.get(channel)
            self._named[channel] = (*others, entry) if others else alone
            self._forget(channel.encode())

    def _unname(self, entry: Entry, channels: Iterable[str]) -> None:
        for channel in channels:
            others = tuple(each for each in self._named.pop(channel, ()) if each is not entry)
            if others:
                self._named[channel] = others
            self._forget(channel.encode())

    def _forget(self, name: bytes) -> None:
        self.routes.pop(NOTIFICATION_HEAD + name, None)
        if self._behind:
            self._behind.pop((name, False), None)
            self._behind.pop((name, True), None)

    def _forget_all(self) -> None:
        self.routes.clear()
        self._behind.clear()

    def _find(self, name: bytes) -> Route:
        channel = name.decode()
        if not may_be_name(channel):
            raise msgspec.DecodeError("no channel has such a name")
        family = family_of(channel)
        route = self.gate_of(channel, family) or self._route_of(channel, family)
        if (heard := self.heard_of(channel)) is not None:
            route = _noted(route, heard)
        if len(self.routes) >= _CACHED:
            self._forget_all()  # those in use are found again
        self.routes[NOTIFICATION_HEAD + name] = route
        if not family.is_known:
            self._warn(channel)
        return route

    def _route_of(self, channel: str, family: Family, *, recovered: bool = False) -> Route:
        receivers: list[tuple[Form, Receive]] = []
        for consumer, values in self._consumers(channel):
            receivers.append((consumer.form, consumer.bind(channel, values, family, recovered=recovered)))
        return _route(family, receivers)

    def _consumers(self, channel: str) -> Iterator[tuple[Consumer, dict[str, str]]]:
        entries = sorted((*self._named.get(channel, ()), *self._open), key=self._places.__getitem__)
        heard: set[int] = set()
        for entry in entries:
            values = entry.match(channel)
            if values is not None and id(entry.consumer) not in heard:
                heard.add(id(entry.consumer))  # a stream of overlapping patterns gets each message once
                yield entry.consumer, values

    def _warn(self, channel: str) -> None:
        prefix = channel.partition(".")[0]
        if prefix not in self._warned and len(self._warned) < _WARNED:
            self._warned.add(prefix)
            self._unknown(channel)


def _route(family: Family, receivers: list[tuple[Form, Receive]]) -> Route:
    decoders = {form: _decoder(form, family) for form, _ in receivers}
    if len(decoders) == 1:  # nearly always
        return _of_one_form(*decoders.values(), receivers=[receive for _, receive in receivers])
    return _of_many_forms(decoders, receivers)


def _noted(route: Route, heard: Callable[[], None]) -> Route:
    def noted(data: bytes) -> None:
        heard()
        route(data)

    return noted


def _of_one_form(decode: Decode, *, receivers: Sequence[Receive]) -> Route:
    if len(receivers) == 1:  # nearly always: a loop of one costs a twentieth of it all
        return _Single(decode, *receivers).route

    def route(data: bytes) -> None:
        try:
            payload = decode(data)
        except _UNREADABLE as error:
            raise _judged(error, data) from error
        size = len(data)
        for receive in receivers:
            receive(payload, size)

    return route


class _Single:
    """The route to one receiver.

    A method of an object with slots, where a closure would do: that is a third of the memory, and so fewer
    cache lines to be fetched from afar at each message, once there are ten thousand channels.
    """

    __slots__ = ("_decode", "_receive")

    def __init__(self, decode: Decode, receive: Receive) -> None:
        self._decode = decode
        self._receive = receive

    def route(self, data: bytes) -> None:
        """Decode `data`, and hand it on."""
        try:
            payload = self._decode(data)
        except _UNREADABLE as error:
            raise _judged(error, data) from error
        self._receive(payload, len(data))


def _of_many_forms(decoders: dict[Form, Decode], receivers: list[tuple[Form, Receive]]) -> Route:
    def route(data: bytes) -> None:
        _skip(data)  # once it is known to be one JSON value, each form stands for itself
        payloads, failure = {}, None
        for form, decode in decoders.items():
            try:
                payloads[form] = decode(data)
            except _UNREADABLE as error:
                failure = _judged(error, data)
        size = len(data)
        for form, receive in receivers:
            if form in payloads:
                receive(payloads[form], size)
        if failure is not None:
            raise failure

    return route  # of no form: data of a channel just left is looked at, so that garbage is told


def _decoder(form: Form, family: Family) -> Decode:
    match form:
        case Form.TYPED:
            return family.decoder()
        case Form.PLAIN:
            return _plain
        case Form.BYTES:
            return _checked


_plain = msgspec.json.Decoder().decode
_skip = msgspec.json.Decoder(msgspec.Raw).decode


def _checked(data: bytes) -> bytes:
    # Bytes were cut out of a frame unparsed: only one whole JSON value was cut out rightly.
    _skip(data)
    return data


def _judged(error: Exception, data: bytes) -> msgspec.ValidationError:
    """Call it a misfit, if `data` is one JSON value; else raise what says that it is none."""
    _skip(data)
    return msgspec.ValidationError(str(error))
