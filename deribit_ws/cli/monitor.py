"""`deribit-ws monitor`: how a feed is doing, as a live view, as plain lines, or as JSON lines.

Knows: which of the three suits stdout, and when there is nothing left to watch. Must not know: what is
measured, or how a screen is drawn (the room `monitor`). `command` runs it.
"""

import asyncio
import importlib.util
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from deribit_ws.cli.environment import credentials_for, needing_login, url_of
from deribit_ws.cli.failures import Failure
from deribit_ws.cli.logs import start_logging, tell
from deribit_ws.cli.output import Output, is_terminal
from deribit_ws.cli.printable import dumped, printable
from deribit_ws.cli.racing import until_first_ends
from deribit_ws.cli.tail import checked
from deribit_ws.client import Client
from deribit_ws.monitor import Monitor, Snapshot
from deribit_ws.monitor.lines import as_values, channel_lines, drop_values, state_line, summary_line

SECOND = 1.0  # between two lines of the state
CHANNELS_EVERY = 10  # of these lines the plain ones of each channel follow
FRAMES_A_SECOND = 4  # of the live view: as often as there are snapshots


async def run(options: Namespace) -> int:
    """Watch the channels until cancelled, or until none is left."""
    channels = checked(options.channels)
    client = Client(url_of(options), credentials=credentials_for(needing_login(channels)))
    output = Output()
    telling = _chosen(output, plain=options.plain)
    monitor = Monitor(client, channels, telling.happened)
    to = monitor.notes.append if isinstance(telling, _LiveView) else tell
    start_logging(verbose=options.verbose, marks_are_told=True, to=to)
    monitor.tell("started", url=client.url, channels=channels)
    try:
        with telling.showing(lambda: monitor.latest):
            await until_first_ends(
                *monitor.parts(),
                _each_second(monitor, telling),
                output.wait_broken(),
                _refused(monitor),
                name="deribit-ws monitor",
            )
    finally:
        telling.ended(monitor.latest)
        await output.close()
    raise Failure("the client was closed")


async def _each_second(monitor: Monitor, telling: "_Telling") -> None:
    while True:
        await asyncio.sleep(SECOND)
        telling.second(monitor.latest)


async def _refused(monitor: Monitor) -> None:
    error = await monitor.wait_refused()
    raise Failure(f"{error}{f' ({error.__cause__})' if error.__cause__ else ''}")


class _Telling(Protocol):
    """One way of speaking."""

    def happened(self, event: str, more: dict[str, Any]) -> None:
        """Tell an event."""

    def second(self, snapshot: Snapshot) -> None:
        """Tell how all is; called each second."""

    def showing(self, latest: Callable[[], Snapshot]) -> AbstractContextManager[None]:
        """Show snapshots for as long as the context lasts."""

    def ended(self, snapshot: Snapshot) -> None:
        """Tell how all was."""


class _JsonLines:
    """One object per event, and one per second."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def happened(self, event: str, more: dict[str, Any]) -> None:
        self._output.line(dumped({"event": event, **more}))

    def second(self, snapshot: Snapshot) -> None:
        self.happened("state", {"at": round(snapshot.elapsed, 3), **as_values(snapshot)})

    def showing(self, latest: Callable[[], Snapshot]) -> AbstractContextManager[None]:
        return nullcontext()

    def ended(self, snapshot: Snapshot) -> None:
        drops = [drop_values(drop) for drop in snapshot.stats.last_drops]
        values = {"at": round(snapshot.elapsed, 3), **as_values(snapshot), "last_drops": drops}
        self.happened("summary", values)


class _PlainLines:
    """A line per event, one per second, and now and then one per channel."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._seconds = 0

    def happened(self, event: str, more: dict[str, Any]) -> None:
        words = "  ".join(f"{key}={_plain(value)}" for key, value in more.items() if key != "at" and value)
        self._line(f"{time.strftime('%H:%M:%S')}  {event}  {words}")

    def second(self, snapshot: Snapshot) -> None:
        self._line(state_line(snapshot))
        self._seconds += 1
        if self._seconds % CHANNELS_EVERY == 0:
            for line in channel_lines(snapshot):
                self._line(line)

    def showing(self, latest: Callable[[], Snapshot]) -> AbstractContextManager[None]:
        return nullcontext()

    def ended(self, snapshot: Snapshot) -> None:
        self._line(summary_line(snapshot))

    def _line(self, text: str) -> None:
        self._output.line(printable(text))


class _LiveView(_PlainLines):
    """The live view, then a line on how it was."""

    def happened(self, event: str, more: dict[str, Any]) -> None:
        """The view shows it already."""

    def second(self, snapshot: Snapshot) -> None:
        """The view shows it already."""

    def showing(self, latest: Callable[[], Snapshot]) -> AbstractContextManager[None]:
        return _live(latest)


def _plain(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def _chosen(output: Output, *, plain: bool) -> _Telling:
    """The way that suits stdout, and what was asked for."""
    if plain:
        return _PlainLines(output)
    if not is_terminal():
        return _JsonLines(output)
    if importlib.util.find_spec("rich") is None:
        tell("deribit-ws: plain lines, for the live view needs rich: pip install 'deribit_ws[cli]'")
        return _PlainLines(output)
    dumb = os.environ.get("TERM", "dumb") == "dumb"
    return _PlainLines(output) if dumb else _LiveView(output)


@contextmanager
def _live(latest: Callable[[], Snapshot]) -> Iterator[None]:
    """Show snapshots on the alternate screen; leave the terminal as it was.

    A thread of rich's own draws, so that a slow terminal never holds up the event loop.
    """
    from rich.console import Console
    from rich.live import Live

    from deribit_ws.monitor.panels import signs_for
    from deribit_ws.monitor.view import View

    console, signs = Console(highlight=False), signs_for(sys.stdout.encoding)
    with Live(
        get_renderable=lambda: View(latest(), signs),
        console=console,
        screen=True,
        refresh_per_second=FRAMES_A_SECOND,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield
