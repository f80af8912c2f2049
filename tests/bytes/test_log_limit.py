"""How much of a flood of errors gets into a log."""

import logging
from typing import Any

import pytest

from deribit_ws import Handler, WireError
from deribit_ws.handlers.events import Events, LogLimit
from deribit_ws.marks import Lagged


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_subject_once() -> None:
    """In ten seconds each kind and subject is shown once; the next line says what was left out."""
    clock = Clock()
    limit = LogLimit(clock)
    first = [limit.suffix("WireError", "a"), limit.suffix("WireError", "b"), limit.suffix("RpcError", "a")]
    again = [limit.suffix("WireError", "a") for _ in range(50)]
    clock.now = 10.0
    later = [limit.suffix("WireError", "a"), limit.suffix("WireError", "b"), limit.suffix("RpcError", "a")]

    assert first == ["", "", ""]
    assert again == [None] * 50
    assert later == [" (50 more left out)", "", ""]


def test_many_subjects() -> None:
    """Subjects made up without end get ten lines in ten seconds, and none is remembered longer."""
    limit = LogLimit(Clock())
    shown = [limit.suffix("WireError", str(n)) for n in range(100_000)]

    assert shown.count("") == 10 and shown.count(None) == 99_990
    assert sum(map(len, limit._shown.values())) == 10


class Broken(Handler):
    """Fails at whatever it is told."""

    def __init__(self) -> None:
        self.heard = 0

    def on_error(self, error: Exception) -> None:
        self.heard += 1
        raise ValueError("broken")

    def on_lagged(self, event: Any) -> None:
        raise ValueError("broken too")


def test_failing_callbacks(caplog: pytest.LogCaptureFixture) -> None:
    """A callback that fails at each message has one traceback in ten seconds, and `on_error` hears of all."""
    events, handler = Events(owner=None), Broken()  # type: ignore[arg-type]  # nothing here needs one
    events.add(handler)
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            events.callback_failed("show", "ticker.A.raw", RuntimeError("no"))
            events.report(WireError("bad", b"{"))
            events.lagged(Lagged("ticker.A.raw", 3))
    tracebacks = [record for record in caplog.records if record.exc_info]

    assert handler.heard == 300
    assert len(tracebacks) == 3 and len(caplog.records) == 5
