"""What a check can say, as values.

Knows: the three verdicts. Must not know: the exchange or how checks are run. Every check gives a
Finding, or several by name; the runner and the report read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Verdict(Enum):
    """How a belief fared."""

    CONFIRMED = "CONFIRMED"
    REFUTED = "REFUTED"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, and what was seen; for UNDECIDED why nothing was."""

    verdict: Verdict
    seen: str


Findings: TypeAlias = Finding | Mapping[str, Finding]


class Undecided(Exception):
    """Ends a check from within: it cannot tell, and this is why."""


def confirmed(seen: str) -> Finding:
    """The exchange does as believed."""
    return Finding(Verdict.CONFIRMED, seen)


def refuted(seen: str) -> Finding:
    """It does something else."""
    return Finding(Verdict.REFUTED, seen)


def undecided(why: str) -> Finding:
    """Nobody knows yet."""
    return Finding(Verdict.UNDECIDED, why)


def judged(holds: bool, seen: str) -> Finding:
    """CONFIRMED if it holds, else REFUTED."""
    return confirmed(seen) if holds else refuted(seen)
