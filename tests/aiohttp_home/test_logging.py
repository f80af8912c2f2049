"""What an operator reads: a line for each thing that matters, none per message, and its facts as fields."""

import ast
import functools
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from deribit_ws import Client, Credentials
from deribit_ws.journal import note
from deribit_ws.testing import (
    AcceptThenClose,
    Drop,
    RefuseHandshake,
    SimulatedExchange,
    SkipChange,
)
from tests.client.conftest import dropped, until

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "deribit_ws"
HOW_TO = ROOT / "docs" / "how-to" / "logging.md"
BTC = "BTC-PERPETUAL"
BOOK = f"book.{BTC}.100ms"
KEY = Credentials("simulated", "secret")


class Journal(logging.Handler):
    """Keeps all records of the package from INFO on."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def events(self) -> list[str]:
        """The word of each record, "?" where it has none."""
        return [getattr(record, "event", "?") for record in self.records]

    def of(self, event: str) -> list[Any]:
        return [record for record in self.records if getattr(record, "event", "?") == event]


@pytest.fixture
def journal() -> Iterator[Journal]:
    journal, logger = Journal(), logging.getLogger("deribit_ws")
    logger.addHandler(journal)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield journal
    logger.setLevel(level)
    logger.removeHandler(journal)


@pytest.fixture
async def exchange() -> AsyncIterator[SimulatedExchange]:
    async with SimulatedExchange(step_seconds=0.01) as running:
        yield running


async def test_a_day_with_one_drop(exchange: SimulatedExchange, journal: Journal) -> None:
    """A login, a link, a drop, its end, what was made good after it, and the close: a line each, in order."""
    async with (
        Client(exchange.url, credentials=KEY, retry_seconds=0.01) as client,
        client.order_book(BTC) as book,
        client.trades(BTC) as trades,
    ):
        await client.orders.wait_valid()
        await anext(trades)
        exchange.inject(Drop.close(1012, "restart"))
        exchange.step(200)  # trades that only history can give
        await until(lambda: {"back_fill", "own_recovered"} <= set(journal.events))
        await book.wait_valid()
    events = journal.events

    assert events[:5] == ["login", "up", "lost", "login", "up"]
    assert sorted(events[5:-1]) == ["back_fill", "own_recovered"]
    assert events[-1] == "closed"


async def test_nothing_per_message(exchange: SimulatedExchange, journal: Journal) -> None:
    """However much comes, calls are made and channels change, no line is written."""
    seen = 0

    def count(_: object) -> None:
        nonlocal seen
        seen += 1

    async with Client(exchange.url, credentials=KEY) as client:
        said = len(journal.records)
        for channel in (f"ticker.{BTC}.raw", f"trades.{BTC}.raw", f"book.{BTC}.raw", f"quote.{BTC}"):
            client.register(channel, count)
        await until(lambda: seen > 500, 20)
        await client.orders.buy(BTC, amount=10, price=100)
        await client.subscribe(f"ticker.{BTC}.100ms")
        await client.unsubscribe(f"ticker.{BTC}.100ms")

        assert journal.events[said:] == []


async def test_fields(exchange: SimulatedExchange, journal: Journal) -> None:
    """A record has the numbers of its line as attributes: link, cause, seconds until the next was live."""
    async with Client(exchange.url, retry_seconds=0.01) as client:
        await dropped(exchange, client, Drop.rst())
        await dropped(exchange, client, Drop.close(4000, "bye"))
    ups, lost, closed = journal.of("up"), journal.of("lost"), journal.of("closed")

    assert [(up.link, up.channels) for up in ups] == [(1, 0), (2, 0), (3, 0)]
    assert ups[0].seconds is None
    assert all(0 < up.seconds < 5 for up in ups[1:])
    assert [(one.link, one.cause, one.code) for one in lost] == [(1, "reset", 1006), (2, "close_4000", 4000)]
    assert lost[1].why == "bye"
    assert lost[1].getMessage().endswith(" (close_4000, 4000): bye")
    assert f"{ups[1].seconds:.2f} s after the last was lost" in ups[1].getMessage()
    assert [one.links for one in closed] == [3]
    for record in journal.records:
        json.dumps({name: value for name, value in vars(record).items() if name != "exc_info"})


async def test_dials_that_fail(exchange: SimulatedExchange, journal: Journal) -> None:
    """Each dial that fails has its line, with the wait before the next; so has a link that never lived."""
    exchange.inject(RefuseHandshake(503))
    async with Client(exchange.url, retry_seconds=0.01):
        pass
    failed = journal.of("dial_failed")

    assert [("503" in one.why, one.levelname) for one in failed] == [(True, "WARNING")]
    assert failed[0].seconds <= 0.25
    assert f"dialling again in {failed[0].seconds:.2f} s" in failed[0].getMessage()

    exchange.inject(AcceptThenClose(1013))
    async with Client(exchange.url, retry_seconds=0.01):
        pass

    assert [(one.cause, one.seconds) for one in journal.of("never_up")] == [("close_1013", None)]


async def test_a_book_in_doubt(exchange: SimulatedExchange, journal: Journal) -> None:
    """A gap in a book is one line, which says whose and why."""
    async with Client(exchange.url) as client, client.order_book("BTC-PERPETUAL") as book:
        await book.wait_valid()
        exchange.inject(SkipChange(BOOK))
        await until(lambda: book.resyncs)
        await book.wait_valid()
    (resync,) = journal.of("resync")

    assert (resync.name, resync.levelname, resync.count) == ("deribit_ws.books", "WARNING", 1)
    assert BOOK in resync.books


async def test_no_forged_line(exchange: SimulatedExchange, journal: Journal) -> None:
    """What the exchange writes ends no line and moves no cursor, in the text and in the fields."""
    evil = "bye\nERROR deribit_ws.client: giving up\x1b[2J"
    async with Client(exchange.url, retry_seconds=0.01) as client:
        await dropped(exchange, client, Drop.close(4000, evil))
    (lost,) = journal.of("lost")

    assert lost.getMessage().isprintable()
    assert lost.why.isprintable()


def test_a_secret_in_a_field(journal: Journal) -> None:
    """What stands beside the name of a secret is starred, should a field ever quote it."""
    note(logging.getLogger("deribit_ws.client"), logging.INFO, "login", "%(why)s", why='refresh_token="abc"')

    assert "abc" not in journal.records[0].getMessage() + journal.records[0].why


def test_caller(journal: Journal) -> None:
    """A record names the line that notes it, not the room where that is done."""
    note(logging.getLogger("deribit_ws.client"), logging.INFO, "up", "up")

    assert (journal.records[0].module, journal.records[0].funcName) == ("test_logging", "test_caller")


# --- the package as it is written


@functools.cache
def modules() -> list[tuple[Path, ast.Module]]:
    found = [path for path in PACKAGE.rglob("*.py") if path.name != "journal.py"]
    return [(path, ast.parse(path.read_text())) for path in found]


def calls(tree: ast.Module, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
            yield node


def test_one_logger_per_room() -> None:
    """Every module logs to the logger of its room: `deribit_ws.` and the name of the room."""
    strange = []
    for path, tree in modules():
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "logger":
                said = ast.unparse(node.value)
                if said != f"logging.getLogger('deribit_ws.{room}')":
                    strange.append(f"{path.relative_to(PACKAGE)}: {said}")

    assert strange == []


def test_what_matters_has_its_event() -> None:
    """No module of the client's side logs from INFO on but by `note`."""
    above_debug = [
        f"logger.{level}" for level in ("info", "warning", "error", "exception", "critical", "log")
    ]
    found = [f"{path.name}:{call.lineno}" for path, tree in modules() for call in calls(tree, *above_debug)]

    assert found == []


def test_every_event_is_told() -> None:
    """The table of the how-to has every event of the package, with its logger, and no other."""
    rows = re.findall(r"^\| `([a-z_]+)` \| [A-Z, ]+ \| (.+?) \|", HOW_TO.read_text(), re.MULTILINE)
    told = {(event, logger) for event, loggers in rows for logger in re.findall(r"`(.+?)`", loggers)}
    made = set()
    for path, tree in modules():
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for call in calls(tree, "note", "_note_trouble"):
            words = [ast.literal_eval(arg) for arg in call.args if isinstance(arg, ast.Constant)]
            names = [
                word for word in words if isinstance(word, str) and re.fullmatch("[a-z]+(_[a-z]+)*", word)
            ]
            made |= {(name, f"deribit_ws.{room}") for name in names}
    made |= {("lost", "deribit_ws.client"), ("never_up", "deribit_ws.client")}  # whichever it is, by one call

    assert made == told
