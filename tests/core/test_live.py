"""Placeholders whose values change: channels follow them, at the cost of what changed alone."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from deribit_ws.errors import UsageError
from deribit_ws.handlers import Handler, on
from deribit_ws.handlers.registry import Registry
from deribit_ws.router import LiveValues
from deribit_ws.universe import Instruments
from deribit_ws.wire.channels import Pattern
from tests.core.counting import calls_made

Watcher = Callable[[Sequence[str], Sequence[str]], None]


class Names:
    """The least that is a live set."""

    def __init__(self, *names: str) -> None:
        self._names = dict.fromkeys(names)
        self.watchers: list[Watcher] = []

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def names(self) -> Sequence[str]:
        return tuple(self._names)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        self.watchers.append(watcher)
        return lambda: self.watchers.remove(watcher)

    def change(self, added: Sequence[str] = (), removed: Sequence[str] = ()) -> None:
        for name in removed:
            del self._names[name]
        self._names |= dict.fromkeys(added)
        for watcher in tuple(self.watchers):
            watcher(added, removed)


class Log:
    """A callback that remembers the channels it was called for, by what stood in the placeholder."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, data: dict[str, Any], name: str) -> None:
        self.heard.append(name)


def notify(registry: Registry, *channels: str) -> None:
    for channel in channels:
        registry.router.notify(channel.encode(), msgspec.json.encode({"of": channel}))


def wanted(registry: Registry) -> set[str]:
    return set(registry.subscriptions.wanted)


def register(registry: Registry, pattern: str, callback: Any, **values: Any) -> Any:
    return registry.register(Pattern(pattern), callback, values, None, None)


def test_grows_and_shrinks() -> None:
    """A registration holds, and gets, the channels of the names that the set has at each moment."""
    registry, names, log = Registry(), Names("A", "B"), Log()
    registration = register(registry, "x.{name}.raw", log, name=names)
    held = [wanted(registry)]
    for added, removed in (("C",), ()), ((), ("A", "B")), (("A",), ("C",)):
        notify(registry, "x.A.raw", "x.B.raw", "x.C.raw")
        names.change(added, removed)
        held.append(wanted(registry))
    notify(registry, "x.A.raw", "x.B.raw", "x.C.raw")

    assert [{channel[2] for channel in each} for each in held] == [{"A", "B"}, {*"ABC"}, {"C"}, {"A"}]
    assert log.heard == ["A", "B", "A", "B", "C", "C", "A"]
    assert registration.channels == ("x.A.raw",)


def test_empty_at_first() -> None:
    """A set that is still empty holds nothing, and is no reason to only route."""
    registry, names, log = Registry(), Names(), Log()
    registration = register(registry, "x.{name}.raw", log, name=names)
    notify(registry, "x.A.raw")
    names.change(["A"])
    notify(registry, "x.A.raw")

    assert (registration.channels, log.heard) == (("x.A.raw",), ["A"])


def test_multiplied() -> None:
    """Live sets multiply with lists and with each other, and one may stand in many places."""
    registry, left, right = Registry(), Names("A"), Names("1", "2")
    register(registry, "x.{a}.{b}.{c}", print, a=left, b=right, c=["p", "q"])
    register(registry, "y.{a}.{b}", print, a=left, b=left)
    register(registry, "z.{a}", print, a=left)
    left.change(["B"])
    right.change(["3"], ["1"])
    grown = wanted(registry)
    left.change(removed=["A", "B"])

    assert grown == {
        *(f"x.{a}.{b}.{c}" for a, b, c in itertools.product("AB", "23", "pq")),
        *(f"y.{a}.{b}" for a, b in itertools.product("AB", "AB")),
        *("z.A", "z.B"),
    }
    assert wanted(registry) == set()


def test_others_keep_what_they_hold() -> None:
    """A name that goes takes no channel from those who hold it otherwise."""
    registry, names, log, other = Registry(), Names("A", "B"), Log(), Log()
    register(registry, "x.{name}", log, name=names)
    register(registry, "x.{name}", other, name=["A"])
    names.change(removed=["A", "B"])
    notify(registry, "x.A", "x.B")

    assert (wanted(registry), log.heard, other.heard) == ({"x.A"}, [], ["A"])


def test_told_twice() -> None:
    """A name told once more, or told to be gone that never was there, changes nothing."""
    registry, names = Registry(), Names("A")
    registration = register(registry, "x.{name}", print, name=names)
    for watcher in names.watchers:
        watcher(["A"], ["never there"])
    registration.cancel()

    assert wanted(registry) == set()


def test_cancelled() -> None:
    """A cancelled registration holds nothing and follows nothing more."""
    registry, names, log = Registry(), Names("A"), Log()
    registration = register(registry, "x.{name}", log, name=names)
    names.change(["B"])
    registration.cancel()
    registration.cancel()
    names.change(["C"])
    notify(registry, "x.A", "x.B", "x.C")

    assert (wanted(registry), log.heard, names.watchers) == (set(), [], [])


def test_changed_by_its_own_callback() -> None:
    """A callback may change the set in the middle of a message: the others still get that message."""
    registry, names, log = Registry(), Names("A"), Log()
    register(registry, "x.{name}", lambda data: names.change(removed=names.names()), name=names)
    register(registry, "x.{name}", log, name=names)
    notify(registry, "x.A", "x.A")

    assert log.heard == ["A"]


@pytest.mark.parametrize("pattern", ["x.{name}.*", "x.{name}.{open}", "x.{name}.>"])
def test_routed_only(pattern: str) -> None:
    """A pattern with an open place subscribes nothing, and gets what others hold of the names in the set."""
    registry, names, log = Registry(), Names("A"), Log()
    registration = register(registry, pattern, log, name=names)
    notify(registry, "x.A.1", "x.B.1")
    names.change(["B"], ["A"])
    notify(registry, "x.A.1", "x.B.1")

    assert (registration.channels, log.heard) == ((), ["A", "B"])


def test_ten_thousand() -> None:
    """One name more, or less, costs the same among ten thousand as among ten."""
    costs = []
    for size in (10, 10_000):
        registry, names = Registry(), Names(*map(str, range(size)))
        register(registry, "ticker.{name}.100ms", print, name=names)
        register(registry, "quote.{name}", print, name=names)
        notify(registry, "x.1", "x.2")
        costs.append(calls_made(lambda names=names: names.change(["new"], ["5"])))  # type: ignore[misc]

    assert costs[0] == costs[1]


def test_snapshots() -> None:
    """A name whose book others hold already gets a snapshot of it, asked for anew."""
    registry, names = Registry(), Names()
    registry.subscriptions._confirmed = {"book.A.raw", "ticker.A.raw"}
    register(registry, "{what}.{name}.raw", print, what=["book", "ticker"], name=names)
    names.change(["A"])

    assert registry.subscriptions._resync == {"book.A.raw"}


async def test_handlers() -> None:
    """Live sets are values in `@on` and in `add_handler` as well; one handler's sets are its own."""
    registry, noted, given = Registry(), Names("A"), Names("B")
    heard: list[str] = []

    class Desk(Handler):
        @on("x.{name}", name=noted)
        def first(self, data: dict[str, Any], name: str) -> None:
            heard.append(name)

        @on("y.{other}")
        def second(self, data: dict[str, Any], other: str) -> None:
            heard.append(other)

    registration = registry.add_handler(Desk(), {"other": given})
    noted.change(["C"])
    given.change(["D"], ["B"])
    notify(registry, "x.A", "x.C", "y.B", "y.D")
    held = wanted(registry)
    registration.cancel()

    assert (heard, held) == (["A", "C", "D"], {"x.A", "x.C", "y.D"})
    assert (wanted(registry), noted.watchers, given.watchers) == (set(), [], [])


async def test_streams() -> None:
    """A stream follows from when it is entered, waits for fixed channels only, and gives what was queued."""
    registry, names = Registry(), Names("A")
    awaited: list[Sequence[str]] = []

    async def opened(channels: Sequence[str]) -> None:
        awaited.append(channels)

    stream = registry.stream(
        ["x.{name}", "y"], {"name": names}, opened, overflow=None, maxsize=None, marks=False
    )
    names.change(["B"], ["A"])
    before = wanted(registry)
    async with stream:
        names.change(["C"])
        notify(registry, "x.A", "x.B", "x.C", "y")
        names.change(removed=["B"])
        notify(registry, "x.B")
        heard = [(await anext(stream)).channel for _ in range(3)]
        inside = wanted(registry)

    assert (before, awaited, heard) == (set(), [["y"]], ["x.B", "x.C", "y"])
    assert (inside, wanted(registry)) == ({"x.C", "y"}, set())


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"nome": Names()}, "nome"),
        ({"name": Names(), "more": "a b"}, "a b"),
        ({"name": 7}, "can't stand"),
    ],
)
def test_wrong_values(values: dict[str, Any], fault: str) -> None:
    """A live set for no placeholder, or a bad value beside one, is refused, and nothing followed."""
    registry = Registry()
    with pytest.raises(UsageError, match=fault):
        register(registry, "x.{name}.{more}", print, **values)
    with pytest.raises(UsageError, match=fault):
        on("x.{name}.{more}", **values)

    assert wanted(registry) == set()


def test_instruments_are_live_values() -> None:
    """A live set of instruments can stand for a placeholder."""
    options: LiveValues = Instruments("option", "BTC")

    assert isinstance(options, LiveValues)
