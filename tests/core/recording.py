"""A protocol that writes down all it tells, for tests that feed it literal frames.

Knows the protocol's and the router's interfaces. Must not know how they work.
"""

import itertools
from typing import Any

import msgspec

from deribit_ws.errors import RpcError, WireError
from deribit_ws.protocol import DeribitProtocol, Notify
from deribit_ws.router import Entry, Form, Receive, Router
from deribit_ws.wire.channels import Family, Pattern, Values


class Told:
    """Sinks that remember what they were told, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.protocol: DeribitProtocol | None = None  # goes live when too much is held, if given

    def result(self, id: int, result: Any) -> None:
        self.events.append(("result", id, result))

    def failed(self, id: int, error: RpcError | WireError, method: str) -> None:
        code = error.code if isinstance(error, RpcError) else None
        self.events.append(("failed", id, type(error).__name__, code))

    def test_request(self) -> None:
        self.events.append(("test_request",))

    def stray(self, error: RpcError) -> None:
        self.events.append(("stray", type(error).__name__, error.code))

    def garbage(self, error: WireError) -> None:
        self.events.append(("garbage", error.channel))

    def held_too_much(self) -> None:
        self.events.append(("held_too_much",))
        if self.protocol is not None:
            self.protocol.go_live()


class Ear:
    """A consumer that remembers what it was given."""

    def __init__(self, form: Form = Form.TYPED, log: list[Any] | None = None) -> None:
        self.form = form
        self.heard: list[Any] = [] if log is None else log
        self.binds = 0

    def bind(
        self, channel: str, values: dict[str, str], family: Family, *, recovered: bool = False
    ) -> Receive:
        self.binds += 1
        return lambda payload, size: self.heard.append((channel, payload))


def entry(text: str, consumer: Ear, **values: Any) -> Entry:
    """What the registry would make of a registration."""
    pattern = Pattern(text)
    checked: Values = pattern.checked(values)
    channels = pattern.channels(checked)
    return Entry(pattern, checked, consumer, channels or {}, routes_only=channels is None)


def listen(*consumers: Ear, to: str = ">") -> tuple[Router, list[str]]:
    """A router with these consumers on one pattern, and the unknown channels it has named."""
    unknown: list[str] = []
    router = Router(unknown.append)
    for consumer in consumers:
        router.add(entry(to, consumer))
    return router, unknown


def live(notify: Notify) -> tuple[DeribitProtocol, Told]:
    """A protocol that hands notifications out at once; its ids are 1, 2, 3, …"""
    told = Told()
    router = getattr(notify, "__self__", None)
    routes = router.routes if isinstance(router, Router) else {}  # as a connection has them
    protocol = DeribitProtocol(notify, told, itertools.count(1), routes)
    protocol.go_live()
    return protocol, told


def agrees(typed: Any, plain: Any) -> bool:
    """Whether a typed value says what the plain one says, wherever its type knows the field."""
    if isinstance(typed, msgspec.Struct):
        known = typed.__struct_fields__
        given = {name: value for name, value in plain.items() if name in known}
        missing = [getattr(typed, name) for name in known if name not in given]
        return set(missing) <= {msgspec.UNSET} and all(agrees(getattr(typed, n), v) for n, v in given.items())
    if isinstance(typed, list | tuple):
        return len(typed) == len(plain) and all(map(agrees, typed, plain))
    return bool(typed == plain)
