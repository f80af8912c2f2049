"""An exchange for the commands to talk to, and a terminal's worth of quiet for those run in place."""

import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from deribit_ws.cli import main
from deribit_ws.testing import SimulatedExchange
from tests.cli.shell import Ended

Run = Callable[..., Ended]


@pytest.fixture
async def exchange() -> AsyncIterator[SimulatedExchange]:
    """A simulated exchange whose market moves by itself."""
    async with SimulatedExchange(step_seconds=0.02) as exchange:
        yield exchange


@pytest.fixture
def in_place(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command in this process, which it leaves as it was."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root = logging.getLogger()
    logs, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    for name in ("DERIBIT_URL", "DERIBIT_CLIENT_ID", "DERIBIT_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> Ended:
        status = main(words)
        out, err = capfd.readouterr()
        return Ended(status, out, err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
    root.handlers[:], logging.raiseExceptions = logs, raising
    root.setLevel(level)
    logging.getLogger("deribit_ws").setLevel(logging.NOTSET)
