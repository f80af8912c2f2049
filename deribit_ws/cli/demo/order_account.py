"""The account of own orders: what each intent was told, against what the exchange's ledger holds.

Knows: how an intent may end, and what must be at the exchange then. Must not know: how an order is
placed or found again. `trader` writes the intents; `account` calls it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """What became of an intent, as the client said."""

    PLACED = "placed"  # here is the order
    NOT_PLACED = "not placed"  # it is certain that there is none
    OPEN = "open"  # nothing was said yet
    FAILED = "failed"  # anything else


@dataclass(frozen=True, slots=True)
class Intent:
    """One order that was wanted, and what is at the exchange of it."""

    label: str  # our own words; the client makes them unique
    ending: Ending
    cut: bool  # the link was lost while it was under way
    found: int  # orders of this label, by the ledger
    error: str = ""  # of one that failed
    told_state: str | None = None  # of the order, as the client knew it last
    real_state: str | None = None


@dataclass(frozen=True, slots=True)
class OrderSums:
    """All intents."""

    intents: int
    placed: int
    not_placed: int  # proved
    open: int
    cut: int  # among those placed and not placed: the link was lost meanwhile, and the answer found after
    at_exchange: int


def order_sums(intents: Sequence[Intent]) -> OrderSums:
    """Do the sums."""
    endings = Counter(intent.ending for intent in intents)
    told = (Ending.PLACED, Ending.NOT_PLACED)
    return OrderSums(
        intents=len(intents),
        placed=endings[Ending.PLACED],
        not_placed=endings[Ending.NOT_PLACED],
        open=endings[Ending.OPEN],
        cut=sum(intent.cut and intent.ending in told for intent in intents),
        at_exchange=sum(intent.found for intent in intents),
    )


def order_faults(intents: Sequence[Intent], strangers: int, *, interrupted: bool) -> Iterator[str]:
    """Say what must not be; a demo that was cut short may have left some unsaid."""
    for intent in intents:
        name = f"order {intent.label}"
        if intent.found > 1:
            yield f"{name}: {intent.found} at the exchange"
        if intent.ending is Ending.PLACED and not intent.found:
            yield f"{name}: said to be placed, and not at the exchange"
        if intent.ending is Ending.NOT_PLACED and intent.found:
            yield f"{name}: said not to be placed, and at the exchange"
        if intent.ending is Ending.FAILED:
            yield f"{name}: {intent.error}"
        if intent.ending is Ending.OPEN and not interrupted:
            yield f"{name}: left in doubt"
        if intent.told_state != intent.real_state:
            yield f"{name}: said to be {intent.told_state}, is {intent.real_state} at the exchange"
    if strangers:
        yield f"{strangers} orders at the exchange that nobody asked for"
