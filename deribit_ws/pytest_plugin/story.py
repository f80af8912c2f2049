"""What to print of an exchange when a test failed: its seed, and the last of what happened on it.

Knows: the records of a ledger, and words for them. Must not know: pytest. `factories` gives it to the stage.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from deribit_ws.shown import one_line
from deribit_ws.testing import Fault, Ledger
from deribit_ws.testing.ledger import Dropped, Farewell, Handshake, Record, Refused, Request

LAST = 40  # lines: the last seconds of a bot, on one screen
WIDEST = 160  # characters of a line; a subscription can name hundreds of channels


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault, when it was injected (seconds on the loop's clock), and into which connection."""

    time: float
    fault: Fault
    connection: int | None


Event: TypeAlias = Record | Injected


def story(seed: int, ledger: Ledger, injected: Sequence[Injected]) -> list[str]:
    """Give the lines: the seed, then the last of all connections, requests and faults in order of time."""
    events = sorted(itertools.chain(_records(ledger), injected), key=lambda event: event.time)
    begun = events[0].time if events else 0.0
    lines = [f"{event.time - begun:9.3f} s  {_words(event)}" for event in events[-LAST:]]
    return [
        f"deribit_exchange(seed={seed}): the last {len(lines)} of {len(events)} events",
        *map(_cut, lines),
    ]


def _records(ledger: Ledger) -> Iterator[Record]:
    return itertools.chain(
        ledger.handshakes, ledger.requests, ledger.refusals, ledger.drops, ledger.farewells
    )


def _words(event: Event) -> str:
    match event:
        case Injected(fault=fault, connection=connection):
            return f"injected {fault}" + (f" into connection {connection}" if connection else "")
        case _:
            return f"{_where(event.connection)} {_happened(event)}"


def _where(connection: int | None) -> str:
    return f"connection {connection}" if connection is not None else "no connection:"


def _happened(record: Record) -> str:
    match record:
        case Handshake(outcome=outcome, status=status):
            return f"{outcome}" + (f" ({status})" if status else "")
        case Request(method=method, params=params):
            return f"asked {method} {params or ''}"
        case Refused(method=method, code=code):
            return f"got error {code} for {method}"
        case Dropped(fault=fault):
            return f"dropped: {fault}"
        case Farewell(code=code):
            return f"is gone (close code {code})"
        case _:
            assert_never(record)


def _cut(line: str) -> str:
    line = one_line(line).rstrip()
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"
