"""What the library and Python's own rooms log, as short lines on stderr.

Knows: logging, and which records a command tells in its own words. Must not know: commands.
A record is one line whatever it quotes: what a server wrote can't forge another.
"""

import logging
import sys
import time
from collections.abc import Callable

from deribit_ws.cli.printable import printable
from deribit_ws.errors import SubscriptionRejected

Tell = Callable[[str], None]

# Told by marks or by the last line of the command; a second telling would only confuse.
_MARKS = ("lost", "up")
_LAST_WORDS = ("given_up", "closed")


def tell(text: str) -> None:
    """Write a line to stderr; there is nobody to complain to when that fails."""
    if sys.stderr is None:
        return  # print would take stdout instead
    try:
        # In one write: of two, a line of stdout on the same terminal may come between.
        print(f"{printable(text)}\n", end="", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return


def stamped(text: str) -> str:
    """A line with the time of day before it."""
    return f"{time.strftime('%H:%M:%S')} {text}"


def start_logging(*, verbose: bool, marks_are_told: bool = False, to: Tell = tell) -> None:
    """Hand WARNING and above, with `verbose` also INFO, to `to`, a line each."""
    logging.raiseExceptions = False  # a stderr that nobody reads is no reason for a traceback
    handler = _Lines(to)
    muted = (*_LAST_WORDS, *(_MARKS if marks_are_told else ()))
    handler.addFilter(lambda record: not _is_told(record, muted))
    handler.setFormatter(_Short())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("deribit_ws").setLevel(logging.INFO if verbose else logging.WARNING)


def _is_told(record: logging.LogRecord, muted: tuple[str, ...]) -> bool:
    if not record.name.startswith("deribit_ws"):
        return False
    is_rejection = getattr(record, "kind", "") == SubscriptionRejected.__name__
    return is_rejection or getattr(record, "event", "") in muted


class _Short(logging.Formatter):
    """level: message (the exception's last line, where there is one)."""

    def format(self, record: logging.LogRecord) -> str:
        text = f"{record.levelname.lower()}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text += f" ({type(error).__name__}: {error})"
        return text


class _Lines(logging.Handler):
    def __init__(self, to: Tell) -> None:
        super().__init__()
        self._to = to

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._to(stamped(self.format(record)))
        except Exception:
            self.handleError(record)
