"""`deribit-ws record`: all that is said on a connection into a file, until it is told to stop.

Knows: what is worth showing of a recording, and when there is nothing left to record. Must not know:
connections, files, formats. `command` runs it. stdout gets the summary alone, stderr the progress.
"""

import asyncio
import logging
import time
from argparse import Namespace

from deribit_ws.cli.environment import credentials_for, needing_login, url_of
from deribit_ws.cli.failures import FAILED, OK, Failure
from deribit_ws.cli.logs import start_logging, tell
from deribit_ws.cli.news import News
from deribit_ws.cli.output import is_terminal, write_line
from deribit_ws.cli.printable import dumped, printable
from deribit_ws.cli.progress import ProgressLine
from deribit_ws.cli.racing import until_first_ends
from deribit_ws.cli.tail import checked
from deribit_ws.client import Client
from deribit_ws.recorder import Recording

RATE_SECONDS = 0.4  # below it, a count of messages is no rate
LOOK_SECONDS = 0.25  # between two looks at whether the file still takes what it is given
UNITS = ("B", "kB", "MB", "GB", "TB")


async def run(options: Namespace) -> int:
    """Record until cancelled, until the time is over, or until there is nothing left to record."""
    channels = checked(options.channels)
    client = Client(url_of(options), credentials=credentials_for(needing_login(channels)))
    recording = client.record(
        options.out, rotate_bytes=options.rotate.bytes, rotate_seconds=options.rotate.seconds
    )
    figures = Figures(recording)
    line = ProgressLine(figures.text)
    start_logging(verbose=options.verbose, marks_are_told=True, to=line.tell)
    logging.getLogger("deribit_ws.recorder").setLevel(logging.CRITICAL)  # its error is our last line
    figures.news = news = News(channels, line.tell)
    client.add_handler(news)
    for channel in channels:
        client.register(channel, _ignore)
    try:
        await until_first_ends(
            _live(client),
            news.wait_refused(),
            _until_failed(recording),
            line.keep_showing(),
            *([asyncio.sleep(options.seconds)] if options.seconds is not None else []),
            name="deribit-ws record",
        )
    finally:
        await recording.aclose()
        await line.close()
        _leave(recording, figures)
    return OK if recording.messages else FAILED


async def _live(client: Client) -> None:
    async with client:
        await client.wait_closed()
    raise Failure("the client was closed")


async def _until_failed(recording: Recording) -> None:
    while recording.error is None:  # noqa: ASYNC110 - it is a thread that writes
        await asyncio.sleep(LOOK_SECONDS)
    raise Failure(f"{recording.error}; what was written before can be read")


def _ignore(data: bytes) -> None:
    """Take a message: the recording has it already."""


def _leave(recording: Recording, figures: "Figures") -> None:
    """Give the summary; a file in which there can't be any message is taken away."""
    is_refused = figures.news is not None and figures.news.is_refused
    if is_refused or not recording.messages:
        recording.path.unlink(missing_ok=True)
        if not is_refused:
            tell(f"deribit-ws: nothing was received: {recording.path} was not kept")
    elif is_terminal():
        write_line(printable(f"{recording.path}: {figures.summary()}"))
    else:
        write_line(dumped({"event": "summary", "file": str(recording.path), **figures.as_json()}))


class Figures:
    """What there is to say of a recording under way."""

    def __init__(self, recording: Recording) -> None:
        self.news: News | None = None
        self._recording = recording
        self._began = self._looked_at = time.monotonic()
        self._counted = 0
        self._rate = 0.0

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began

    @property
    def drops(self) -> int:
        """Links lost."""
        return self.news.drops if self.news is not None else 0

    def text(self) -> str:
        """How far it is; the rate is that since the last time this was asked, if that is a while ago."""
        now, messages = time.monotonic(), self._recording.messages
        if now - self._looked_at >= RATE_SECONDS:
            self._rate = (messages - self._counted) / (now - self._looked_at)
            self._looked_at, self._counted = now, messages
        parts = [
            _span(self.seconds),
            f"{messages:,} messages",
            f"{self._rate:,.0f}/s",
            _size(self._recording.written),
        ]
        return "  ".join([*parts, *self._losses()])

    def summary(self) -> str:
        """What it has become."""
        recording = self._recording
        sizes = f"{_size(recording.bytes)} received, {_size(recording.written)} written"
        parts = [f"{recording.messages:,} messages", sizes, *self._losses(), f"in {_span(self.seconds)}"]
        return ", ".join(parts)

    def as_json(self) -> dict[str, float | int]:
        """The same, for programs."""
        recording = self._recording
        return {
            "seconds": round(self.seconds, 3),
            "messages": recording.messages,
            "bytes": recording.bytes,
            "written": recording.written,
            "drops": self.drops,
            "left_out": recording.drops,
        }

    def _losses(self) -> list[str]:
        drops = "1 drop" if self.drops == 1 else f"{self.drops:,} drops"
        return [drops, *([f"{self._recording.drops:,} left out"] if self._recording.drops else [])]


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _size(count: float) -> str:
    for unit in UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {UNITS[-1]}"
