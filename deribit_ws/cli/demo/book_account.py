"""The account of order books: each state that was looked at, against the exchange's at that change_id.

Knows: counts and durations. Must not know: how a book is kept or compared; `readers` looked. `account`
calls it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Book:
    """What was seen of one book."""

    instrument: str
    compared: int  # each time it was valid and had changed, in full
    equal: int
    crossed: int
    unlike: str  # the first difference, in words
    spells: Sequence[float]  # seconds of each time it was not valid, once it had been
    is_valid: bool  # at the end
    resyncs: int
    stale: int  # times it was still valid when a new link came up


@dataclass(frozen=True, slots=True)
class BookLine:
    """One book, or all."""

    instrument: str
    compared: int
    equal: int
    crossed: int
    not_valid: int  # times; a drop makes it so, until the next snapshot
    p50_ms: float | None
    longest_ms: float | None
    resyncs: int


def book_lines(books: Sequence[Book]) -> tuple[BookLine, ...]:
    """A line for each."""
    return tuple(_line(book.instrument, [book]) for book in books)


def book_total(books: Sequence[Book]) -> BookLine:
    """All books in one line."""
    return _line("total", books)


def book_faults(book: Book, *, interrupted: bool) -> Iterator[str]:
    """Say what must not be; a demo that was cut short need not have come to a valid book."""
    name = f"book of {book.instrument}"
    if book.equal < book.compared:
        yield f"{name}: {book.compared - book.equal} of {book.compared} unlike the exchange's, {book.unlike}"
    if book.crossed:
        yield f"{name}: crossed {book.crossed} times"
    if book.stale:
        yield f"{name}: still valid when a new link came up, {book.stale} times"
    if not book.compared and not interrupted:
        yield f"{name}: never valid"
    elif not book.is_valid and not interrupted:
        yield f"{name}: not valid at the end"


def _line(name: str, books: Sequence[Book]) -> BookLine:
    spells = [round(seconds * 1000, 1) for book in books for seconds in book.spells]
    return BookLine(
        instrument=name,
        compared=sum(book.compared for book in books),
        equal=sum(book.equal for book in books),
        crossed=sum(book.crossed for book in books),
        not_valid=len(spells),
        p50_ms=round(median(spells), 1) if spells else None,
        longest_ms=max(spells, default=None),
        resyncs=sum(book.resyncs for book in books),
    )
