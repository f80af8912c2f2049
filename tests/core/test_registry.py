"""What the registry says of itself and of what fails: notes on errors, and how listeners show themselves."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from deribit_ws.handlers import Handler, on
from deribit_ws.handlers.registry import Registry
from deribit_ws.marks import Connected
from deribit_ws.wire.channels import Pattern


class Heard(Handler):
    """Remembers errors, each with the notes it had when it was told."""

    def __init__(self) -> None:
        self.errors: list[tuple[Exception, list[str]]] = []

    def on_error(self, error: Exception) -> None:
        self.errors.append((error, list(getattr(error, "__notes__", []))))


@pytest.fixture
async def registry() -> Any:
    built = Registry()
    built.start()
    yield built
    await built.stop(None, ())


def notify(registry: Registry, *channels: str) -> None:
    for channel in channels:
        registry.router.notify(channel.encode(), msgspec.json.encode({"of": channel}))


def register(registry: Registry, pattern: str, callback: Any) -> None:
    registry.register(Pattern(pattern), callback, {}, None, None)


async def test_failure_says_where(registry: Registry) -> None:
    """What a callback raises, plain or `async`, reaches `on_error` with one note of callback and channel."""
    heard = Heard()
    registry.add_handler(heard, {})

    def plain(data: dict[str, Any]) -> None:
        raise ValueError("mine")

    async def coroutine(data: dict[str, Any]) -> None:
        raise ValueError("mine too")

    register(registry, "x.*", plain)
    register(registry, "y.*", coroutine)
    notify(registry, "x.1", "y.2")
    await asyncio.sleep(0)
    names = [f"test_failure_says_where.<locals>.{name}" for name in ("plain", "coroutine")]

    assert [str(error) for error, _ in heard.errors] == ["mine", "mine too"]
    assert [notes for _, notes in heard.errors] == [
        [f"in callback {names[0]} on x.1"],
        [f"in callback {names[1]} on y.2"],
    ]


async def test_shared_error(registry: Registry) -> None:
    """An error that many callbacks raise says where it was raised last, and keeps the notes of others."""
    heard, shared = Heard(), ValueError("shared")
    shared.add_note("from the user")
    registry.add_handler(heard, {})

    class Desk:
        def first(self, data: dict[str, Any]) -> None:
            raise shared

        def second(self, data: dict[str, Any]) -> None:
            raise shared

    register(registry, "x", Desk().first)
    register(registry, "x", Desk().second)
    notify(registry, *["x"] * 100)
    last = [notes[-1].rpartition(".")[2] for _, notes in heard.errors]

    assert last == ["first on x", "second on x"] * 100
    assert {(notes[0], len(notes)) for _, notes in heard.errors} == {("from the user", 2)}


async def test_raised_again_by_on_error(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    """An `on_error` that raises what it was told leaves the note of where that came from."""

    class Again(Handler):
        def on_error(self, error: Exception) -> None:
            raise error

    def callback(data: dict[str, Any]) -> None:
        raise failure

    failure = ValueError("mine")
    registry.add_handler(Again(), {})
    register(registry, "x", callback)
    notify(registry, "x")
    failures = [record.message for record in caplog.records if record.levelname == "ERROR"]

    assert [note.endswith("callback on x") for note in failure.__notes__] == [True]
    assert [message.partition(" failed on ")[2] for message in failures] == ["x", "on_error"]


async def test_error_that_takes_no_note(registry: Registry) -> None:
    """An error whose class lets nothing be written on it is told all the same."""

    @dataclass(frozen=True)
    class Sealed(Exception):
        code: int

    def callback(data: dict[str, Any]) -> None:
        raise Sealed(7)

    heard = Heard()
    registry.add_handler(heard, {})
    register(registry, "x", callback)
    notify(registry, "x")

    assert heard.errors == [(Sealed(7), [])]


async def test_listeners_show_themselves(registry: Registry) -> None:
    """Registrations and streams show what they are of, and a stream whether it is open."""

    class Desk(Handler):
        @on("x.A")
        def one(self, data: dict[str, Any]) -> None: ...

        @on("y.*")
        def two(self, data: dict[str, Any]) -> None: ...

        def on_connected(self, event: Connected) -> None: ...

    async def opened(channels: Sequence[str]) -> None: ...

    stream = registry.stream(["x.A", "y.*"], {}, opened, overflow=None, maxsize=None, marks=False)
    shown = [repr(stream)]
    async with stream:
        shown.append(repr(stream))
    shown += [repr(stream), repr(registry.add_handler(Desk(), {}))]

    assert shown == [
        "<Stream x.A, y.*: not entered>",
        "<Stream x.A, y.*: open>",
        "<Stream x.A, y.*: ended>",
        "<HandlerRegistration Desk: 2 callbacks>",
    ]
