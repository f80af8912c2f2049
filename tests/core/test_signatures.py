"""What a callback's signature asks for, read once and told at once when it can't fit."""

import asyncio
import functools
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Optional, TypedDict, Union
from unittest.mock import AsyncMock, Mock

import pytest

from deribit_ws.errors import UsageError
from deribit_ws.handlers.signatures import Signature, describe, read_signature
from deribit_ws.router import Form
from deribit_ws.wire.channels import Pattern
from deribit_ws.wire.market import BookChange, GroupedBook, Quote, Ticker, Trade
from deribit_ws.wire.messages import Notification

TICKER = "ticker.{instrument}.{interval}"
NO_HINT = Signature(Form.TYPED, False, (), False)


def read(callback: Any, pattern: str = TICKER) -> Signature:
    return read_signature(callback, Pattern(pattern))


def refused(callback: Any, pattern: str = TICKER) -> str:
    """The words of the refusal."""
    with pytest.raises(UsageError) as caught:
        read(callback, pattern)
    return str(caught.value)


TYPED_TICKER = Ticker(timestamp=1, instrument_name="X", mark_price=1.0)


class Desk:
    def plain(self, ticker: Ticker, instrument: str) -> None: ...
    async def coroutine(self, ticker: Ticker) -> None: ...
    @staticmethod
    async def static(ticker: Ticker) -> None: ...
    @classmethod
    def of_class(cls, ticker: Ticker, interval: str) -> None: ...


class Called:
    def __call__(self, ticker: "Ticker", *, interval: str) -> None: ...


class Awaited:
    async def __call__(self, ticker: Ticker) -> None: ...


async def coroutine(ticker: Ticker, instrument: str) -> None: ...
def nothing_said(ticker): ...  # type: ignore[no-untyped-def]  # that is the case
def gathers(*args: Any) -> None: ...
def takes_all(ticker: Ticker, **values: str) -> None: ...
def mixed(ticker: Ticker, depth: int = 5, *rest: Any, instrument: str) -> None: ...
def bound_later(desk: Desk, ticker: Ticker, instrument: str) -> None: ...
def positional(ticker: Ticker, /, instrument: str) -> None: ...
def same_name(instrument: Any, **values: str) -> None: ...


@functools.wraps(coroutine)
async def wrapped(*args: Any, **kwargs: Any) -> None: ...


@pytest.mark.parametrize(
    ("callback", "expected"),
    [
        (nothing_said, NO_HINT),
        (coroutine, Signature(Form.TYPED, False, ("instrument",), True)),
        (wrapped, Signature(Form.TYPED, False, ("instrument",), True)),
        (lambda ticker: None, NO_HINT),
        (
            lambda ticker, instrument, interval="x": None,
            Signature(Form.TYPED, False, ("instrument", "interval"), False),
        ),
        (lambda *args: None, NO_HINT),
        (gathers, Signature(Form.PLAIN, False, (), False)),
        (takes_all, Signature(Form.TYPED, False, ("instrument", "interval"), False)),
        (mixed, Signature(Form.TYPED, False, ("instrument",), False)),
        (positional, Signature(Form.TYPED, False, ("instrument",), False)),
        (same_name, Signature(Form.PLAIN, False, ("interval",), False)),
        (Desk().plain, Signature(Form.TYPED, False, ("instrument",), False)),
        (Desk().coroutine, Signature(Form.TYPED, False, (), True)),
        (Desk().static, Signature(Form.TYPED, False, (), True)),
        (Desk().of_class, Signature(Form.TYPED, False, ("interval",), False)),
        (functools.partial(bound_later, Desk()), Signature(Form.TYPED, False, ("instrument",), False)),
        (functools.partial(mixed, depth=7), Signature(Form.TYPED, False, ("instrument",), False)),
        (
            functools.partial(functools.partial(coroutine)),
            Signature(Form.TYPED, False, ("instrument",), True),
        ),
        (functools.partial(Awaited()), Signature(Form.TYPED, False, (), True)),
        (Called(), Signature(Form.TYPED, False, ("interval",), False)),
        (Awaited(), Signature(Form.TYPED, False, (), True)),
        (print, NO_HINT),
        ([].append, NO_HINT),
        (deque[Any]().append, NO_HINT),
        (asyncio.Queue[Any]().put_nowait, NO_HINT),
        (asyncio.Queue[Any]().put, Signature(Form.TYPED, False, (), True)),
        (Mock(), Signature(Form.TYPED, False, ("instrument", "interval"), False)),
        (AsyncMock(), Signature(Form.TYPED, False, ("instrument", "interval"), True)),
        (dict, Signature(Form.TYPED, False, (), False)),
    ],
    ids=lambda value: describe(value) if callable(value) else "",
)
def test_callable(callback: Any, expected: Signature) -> None:
    """Whatever can be called with a payload is taken, with the placeholders it names, called or awaited."""
    assert read(callback) == expected


def only_by_name(*, ticker: Any) -> None: ...
def nothing() -> None: ...
def values_only(**values: str) -> None: ...
def too_many(ticker: Ticker, depth: int) -> None: ...
def by_position(ticker: Ticker, instrument: str, /) -> None: ...


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        (only_by_name, ["only_by_name", "'ticker'"]),
        (nothing, ["nothing", "no payload"]),
        (values_only, ["values_only", "'values'"]),
        (too_many, ["too_many", "'depth'", "no placeholder", TICKER]),
        (by_position, ["by_position", "'instrument'", "by name"]),
        (lambda ticker, *, depth: None, ["<lambda>", "'depth'"]),
        (Desk.plain, ["Desk.plain", "'ticker'"]),
        (list.append, ["list.append", "'object'"]),
        (functools.partial(too_many, depth=5, ticker=TYPED_TICKER), ["too_many", "'ticker'"]),
        (5, ["5", "called"]),
        (None, ["None"]),
    ],
)
def test_cannot_be_called(callback: Any, words: list[str]) -> None:
    """What can't be called with a payload and placeholders alone is refused, naming the parameter."""
    message = refused(callback)

    assert [word for word in words if word not in message] == []


def generator(ticker: Ticker) -> Iterator[int]:
    yield 1


async def async_generator(ticker: Ticker) -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("callback", [generator, async_generator, functools.partial(generator)])
def test_generator(callback: Any) -> None:
    """A generator is refused: calling it would run nothing."""
    assert "must not yield" in refused(callback)


class Row(TypedDict):
    price: float


BOOKS = "book.>"
TRADES = "trades.{instrument}.raw"
PLAIN_ONLY = "user.orders.any.any.raw"
UNKNOWN = "brand.new.channel"


def annotated(annotation: Any) -> Any:
    def callback(payload: Any) -> None: ...

    callback.__annotations__["payload"] = annotation
    return callback


@pytest.mark.parametrize(
    ("pattern", "annotation", "form"),
    [
        (TICKER, Ticker, Form.TYPED),
        (TICKER, object, Form.TYPED),
        (TICKER, Optional[Ticker], Form.TYPED),  # noqa: UP045  the old spelling is the case
        (TICKER, Ticker | None, Form.TYPED),
        (TICKER, Union[None, int, Ticker], Form.TYPED),  # noqa: UP007  as above
        (TICKER, Annotated[Ticker, "said beside"], Form.TYPED),
        (TICKER, Annotated[Ticker | None, 1] | int, Form.TYPED),
        (TICKER, dict, Form.PLAIN),
        (TICKER, dict[str, Any], Form.PLAIN),
        (TICKER, Mapping[str, Any], Form.PLAIN),
        (TICKER, Row, Form.PLAIN),
        (TICKER, list, Form.PLAIN),
        (TICKER, Any, Form.PLAIN),
        (TICKER, bytes, Form.BYTES),
        (TICKER, bytes | Ticker, Form.BYTES),
        (TICKER, Ticker | bytes, Form.TYPED),
        (BOOKS, BookChange, Form.TYPED),
        (BOOKS, GroupedBook | BookChange, Form.TYPED),
        (TRADES, list[Trade], Form.TYPED),
        (TRADES, Sequence[Trade], Form.TYPED),
        (TRADES, Iterable[Trade], Form.TYPED),
        (TRADES, list[Trade] | None, Form.TYPED),
        (TRADES, list[dict[str, Any]], Form.PLAIN),
        (TRADES, Sequence[Any], Form.PLAIN),
        (TRADES, list, Form.PLAIN),
        (PLAIN_ONLY, dict[str, Any] | list[Any], Form.PLAIN),
        (PLAIN_ONLY, object, Form.TYPED),
        (UNKNOWN, dict, Form.PLAIN),
        (UNKNOWN, bytes, Form.BYTES),
        (">", Ticker | list[Trade], Form.TYPED),
    ],
)
def test_annotation(pattern: str, annotation: Any, form: Form) -> None:
    """The first parameter's annotation chooses typed payload, plain values or bytes."""
    assert read(annotated(annotation), pattern) == Signature(form, False, (), False)


@pytest.mark.parametrize(
    ("inner", "form"),
    [
        (Ticker, Form.TYPED),
        (Ticker | None, Form.TYPED),
        (Any, Form.TYPED),
        (dict[str, Any], Form.PLAIN),
        (bytes, Form.BYTES),
    ],
)
def test_notification_of(inner: Any, form: Form) -> None:
    """What a Notification is said to hold chooses the form of its data."""

    def callback(notification: Any) -> None: ...

    callback.__annotations__["notification"] = Notification[inner]

    assert read(callback) == Signature(form, True, (), False)


def test_notification_of_something_else() -> None:
    """A Notification of what the channel does not give is refused."""

    def callback(notification: Notification[Trade]) -> None: ...

    with pytest.raises(UsageError, match="Trade"):
        read(callback)


@pytest.mark.parametrize(
    "annotation", [Notification, Notification | None, Annotated[Notification, 1], "Notification"]
)
def test_notification(annotation: Any) -> None:
    """A callback may ask for the whole notification, of a known family or not."""
    for pattern in (TICKER, PLAIN_ONLY, UNKNOWN):
        assert read(annotated(annotation), pattern) == Signature(Form.TYPED, True, (), False)


@pytest.mark.parametrize(
    ("pattern", "annotation", "shown"),
    [
        (TICKER, Trade, "Trade"),
        (TICKER, Quote | BookChange, "Quote"),
        (TICKER, list[Ticker], "list[deribit_ws.wire.market.Ticker]"),
        (TICKER, str, "str"),
        (TICKER, None, "None"),
        (TRADES, Trade, "Trade"),
        (TRADES, list[int], "list[int]"),
        (TRADES, tuple[Trade, ...], "tuple"),
        (PLAIN_ONLY, Ticker, "Ticker"),
        (UNKNOWN, Ticker, "Ticker"),
        ("book.{instrument}.raw", GroupedBook, "GroupedBook"),
        (TICKER, 5, "5"),
        (TICKER, deque[int], "deque"),
    ],
)
def test_wrong_type(pattern: str, annotation: Any, shown: str) -> None:
    """A type that the pattern's channels never give is refused, with parameter, type and pattern."""
    message = refused(annotated(annotation), pattern)

    assert "'payload'" in message
    assert shown in message
    assert repr(pattern) in message


def test_string_annotation() -> None:
    """A string annotation is resolved in the callback's own module and the functions around it."""

    class Row(dict[str, Any]):
        """A type of the enclosing function."""

    def uses_row(row: "Row | None") -> type:
        return Row

    for annotation in ("Ticker", "Optional[Ticker]", "list", "'Ticker'"):
        assert read(annotated(annotation)).form in (Form.TYPED, Form.PLAIN)
    assert read(uses_row).form is Form.PLAIN
    assert read(Called()).form is Form.TYPED


def test_imported_inside() -> None:
    """A payload type imported only for the type checker, or inside a function, is found by its name."""
    scope: dict[str, Any] = {"__name__": "elsewhere"}
    source = (
        "from __future__ import annotations\n"
        "def show(ticker: Ticker) -> Nowhere: ...\n"
        "def trades(trades: Sequence[Trade] | None, instrument: Unheard) -> None: ...\n"
        "def whole(notification: Notification) -> None: ...\n"
        "class Local:\n"
        "    def shadowed(self, ticker: Quote) -> None: ...\n"
    )
    exec(source, scope)

    assert read(scope["show"]).form is Form.TYPED
    assert read(scope["trades"], TRADES) == Signature(Form.TYPED, False, ("instrument",), False)
    assert read(scope["whole"]).wants_notification
    assert "Quote" in refused(scope["Local"]().shadowed)


def test_own_name_wins() -> None:
    """A name of the callback's own module is what that module says, whatever we call so."""
    scope: dict[str, Any] = {"Ticker": dict}
    exec("def show(ticker: 'Ticker') -> None: ...", scope)

    assert read(scope["show"]).form is Form.PLAIN


def test_unresolvable() -> None:
    """A string annotation that nothing resolves is refused, naming parameter and annotation."""
    for text in ("Unheard", "list[", "Ticker.nothing", "1/0"):
        message = refused(annotated(text))

        assert "'payload'" in message
        assert repr(text) in message


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement came with Python 3.12")
def test_type_alias() -> None:
    """A type alias stands for what it names, alone or within a union."""
    scope: dict[str, Any] = {"Ticker": Ticker}
    exec("type Mine = Ticker\ntype Maybe = Mine | None", scope)

    assert read(annotated(scope["Mine"])).form is Form.TYPED
    assert read(annotated(scope["Maybe"] | int)).form is Form.TYPED
    assert "'payload'" in refused(annotated(scope["Mine"]), TRADES)


def test_taken_at_its_word() -> None:
    """A built-in that tells nothing of its parameters is taken at its word."""

    class Silent:
        __signature__ = 5

        def __call__(self, payload: Any) -> None: ...

    assert read(Silent()) == NO_HINT


@pytest.mark.parametrize(
    ("callback", "name"),
    [
        (coroutine, "coroutine"),
        (functools.partial(functools.partial(coroutine)), "coroutine"),
        (Desk().plain, "Desk.plain"),
        (Called(), "Called.__call__"),
        ([].append, "list.append"),
        (print, "print"),
    ],
)
def test_describe(callback: Any, name: str) -> None:
    """A callback is named as its author knows it."""
    assert describe(callback) == name
