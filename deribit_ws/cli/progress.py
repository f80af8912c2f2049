"""How far something is, on stderr: a line rewritten in place, a bar, or for a log a line now and then.

Knows: what stderr is, and who may rewrite a line on it. Must not know: what makes progress. `record`,
`export` and `simulate` show theirs here. Lines are written by a thread, so that a terminal that was
stopped with Ctrl-S holds up nothing.
"""

import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

from deribit_ws.cli.logs import stamped
from deribit_ws.cli.output import Output
from deribit_ws.cli.printable import printable

REWRITE_SECONDS = 0.5  # often enough to be seen moving
LINE_SECONDS = 10.0  # what a log can bear
STDERR = 2
USUAL_WIDTH = 80  # columns of a terminal that does not say
_UP = "\x1b[A\r\x1b[K"  # to the beginning of the line above, now empty

Text: TypeAlias = Callable[[], str]


class ProgressLine:
    """The line that `text` gives whenever it is asked. Make it on the running loop; `await close()`."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._output = Output(STDERR)
        self._loop = asyncio.get_running_loop()
        self._rewrites = _may_rewrite()
        self._every = REWRITE_SECONDS if self._rewrites else LINE_SECONDS
        self._due = self._loop.time() + self._every
        self._stands = False  # whether the line above the cursor is the progress line

    def show(self) -> None:
        """Show how far it is, if it is time to."""
        if self._loop.time() >= self._due:
            self._due = self._loop.time() + self._every
            self._show()

    def tell(self, text: str) -> None:
        """Say something else, above the line."""
        self._write(printable(text))
        self._stands = False
        if self._rewrites:
            self._show()

    async def keep_showing(self) -> None:
        """Show it until cancelled."""
        while True:
            await asyncio.sleep(max(0.0, self._due - self._loop.time()))
            self.show()

    async def close(self) -> None:
        """Take the line away."""
        if self._stands:
            self._output.line(_UP + "\x1b[A")  # the line end of this one leads back to where it began
        await self._output.close()

    def _show(self) -> None:
        text = printable(self._text())
        if not self._rewrites:
            self._output.line(stamped(text))
            return
        width = _width()
        self._write(text if len(text) < width else f"{text[: width - 2]}…")
        self._stands = True

    def _write(self, line: str) -> None:
        self._output.line(_UP + line if self._stands else line)


@asynccontextmanager
async def progress(text: Text, share: Callable[[], float | None]) -> AsyncIterator[Callable[[], None]]:
    """Show a bar while the context lasts; give what is to be called whenever something was done.

    `text` says how far it is, `share` what part of the whole that is, None where nobody knows.
    """
    if _may_rewrite() and importlib.util.find_spec("rich") is not None:
        with _bar(text, share) as show:
            yield show
        return
    line = ProgressLine(lambda: _with_share(text(), share()))
    try:
        yield line.show
    finally:
        await line.close()


@contextmanager
def _bar(text: Text, share: Callable[[], float | None]) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text(), total=None)

        def show() -> None:
            part = share()
            bar.update(
                task,
                description=printable(text()),
                total=None if part is None else 1.0,
                completed=part or 0.0,
            )

        yield show


def _with_share(text: str, share: float | None) -> str:
    return text if share is None else f"{share:4.0%}  {text}"


def _may_rewrite() -> bool:
    """Whether stderr is a terminal that a line can be rewritten on, and nobody asked for plain text."""
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        return False
    return os.environ.get("TERM", "dumb") != "dumb"


def _width() -> int:
    try:
        return os.get_terminal_size(STDERR).columns or USUAL_WIDTH
    except OSError:
        return USUAL_WIDTH
