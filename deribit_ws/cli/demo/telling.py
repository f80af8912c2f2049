"""How the demo speaks while it runs and at its end: JSON lines, plain lines, or the live view.

Knows: what each way makes of an event. Must not know: what happens next. `show` chooses one.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from deribit_ws.cli.demo.account import Account
from deribit_ws.cli.demo.board import Board
from deribit_ws.cli.demo.report import report
from deribit_ws.cli.output import Output, is_terminal
from deribit_ws.cli.printable import dumped, printable


class Telling(Protocol):
    """One way of speaking."""

    def happened(self, event: str, more: dict[str, Any]) -> None:
        """Tell an event."""

    def showing(self, board: Board, url: str, seconds: float) -> AbstractContextManager[None]:
        """Show the board for as long as the context lasts."""

    def settled(self, account: Account) -> None:
        """Tell the closing account."""


class JsonLines:
    """One object per event."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def happened(self, event: str, more: dict[str, Any]) -> None:
        """Tell an event."""
        self._output.line(dumped({"event": event, **more}))

    def showing(self, board: Board, url: str, seconds: float) -> AbstractContextManager[None]:
        """Nothing but events."""
        return nullcontext()

    def settled(self, account: Account) -> None:
        """Tell the closing account."""
        self.happened("summary", account.as_json())


class PlainLines:
    """A line per event, then the account as text."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def happened(self, event: str, more: dict[str, Any]) -> None:
        """Tell an event."""
        words = "  ".join(f"{key}={value}" for key, value in more.items() if key != "at")
        self._output.line(printable(f"{more['at']:7.2f}  {event:<13}{words}"))

    def showing(self, board: Board, url: str, seconds: float) -> AbstractContextManager[None]:
        """Nothing but events."""
        return nullcontext()

    def settled(self, account: Account) -> None:
        """Tell the closing account."""
        for line in report(account):
            self._output.line(printable(line))


class LiveView(PlainLines):
    """The live view, then the account as text."""

    def happened(self, event: str, more: dict[str, Any]) -> None:
        """The view shows it already."""

    def showing(self, board: Board, url: str, seconds: float) -> AbstractContextManager[None]:
        """Show the board."""
        from deribit_ws.cli.demo.view import showing

        return showing(board, url, seconds)


def chosen(output: Output) -> Telling:
    """The way that suits stdout."""
    if not is_terminal():
        return JsonLines(output)
    kind: Callable[[Output], Telling] = LiveView if _can_show() else PlainLines
    return kind(output)


def _can_show() -> bool:
    if os.environ.get("TERM", "dumb") == "dumb" or importlib.util.find_spec("rich") is None:
        return False
    try:
        _SIGNS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False  # a terminal that can't show the view's signs gets plain lines
    return True


_SIGNS = "●○…─–→"  # what the view draws beyond ASCII
