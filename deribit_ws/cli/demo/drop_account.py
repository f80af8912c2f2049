"""The account of drops: what was done to the links, what the client noticed, how soon it was back.

Knows: arithmetic on moments, seconds on one clock. Must not know: who measured them. `account` calls it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

NOTICE = 1.0  # seconds for a link to end once it was told to


@dataclass(frozen=True, slots=True)
class Cut:
    """A link that ended: when noticed, and when the next one was up (None: not any more)."""

    time: float
    back: float | None


@dataclass(frozen=True, slots=True)
class Links:
    """What is known of the links."""

    ends: Mapping[int, tuple[float, str]]  # connection → when and how it ended, from the ledger
    refused: Mapping[str, int]  # dials that gave no link, from the ledger
    injected: Sequence[tuple[str, float]]
    cuts: Sequence[Cut]


@dataclass(frozen=True, slots=True)
class DropLine:
    """One disturbance: milliseconds until it was noticed, and from then until a link was up again."""

    kind: str
    noticed_ms: float | None
    back_ms: float | None


def drop_lines(links: Links) -> tuple[DropLine, ...]:
    """A line for each disturbance."""
    return tuple(_line(links, n) for n in range(len(links.injected)))


def recovery_ms(drops: Sequence[DropLine]) -> tuple[float, float] | None:
    """Median and longest time from noticing a drop to the next link."""
    times = [drop.back_ms for drop in drops if drop.back_ms is not None]
    return (round(median(times), 1), max(times)) if times else None


def drop_faults(links: Links, *, interrupted: bool) -> Iterator[str]:
    """Say what must not be; a demo that was cut short need not have recovered from the last."""
    end_times = [time for time, _ in links.ends.values()]
    if len(links.cuts) > len(end_times):
        yield f"{len(links.cuts)} links lost, but the exchange knows of {len(end_times)} ends"
    for n, (name, time) in enumerate(links.injected):
        noticed = _cut_after(links, n) is not None
        if not any(time <= end <= time + NOTICE for end in end_times):
            if not interrupted or n + 1 < len(links.injected):
                yield f"{name}: injected, but the exchange ended no link"
        elif not noticed and not interrupted:
            yield f"{name}: the client never noticed"
    if not interrupted:
        for n, cut in enumerate(links.cuts, 1):
            if cut.back is None:
                yield f"link {n} was lost and never replaced"
    if (uncaused := len(links.cuts) - len(links.injected)) > 0:
        yield f"{uncaused} links were lost that nothing here had disturbed"


def _line(links: Links, n: int) -> DropLine:
    name, time = links.injected[n]
    cut = _cut_after(links, n)
    if cut is None:
        return DropLine(name, None, None)
    back = None if cut.back is None else round((cut.back - cut.time) * 1000, 1)
    return DropLine(name, round((cut.time - time) * 1000, 1), back)


def _cut_after(links: Links, n: int) -> Cut | None:
    """The link lost between this disturbance and the next."""
    since = links.injected[n][1]
    until = links.injected[n + 1][1] if n + 1 < len(links.injected) else float("inf")
    return next((cut for cut in links.cuts if since <= cut.time < until), None)
