"""Figures as people read them: times, rates, prices. ASCII only, so that any terminal shows them.

Knows: numbers. Must not know: what they are of. `lines`, `view` and `panels` write with it.
"""

import math
from collections.abc import Sequence

NONE = "-"  # where there is nothing to show
_PLACES = 8  # decimals shown at most: the finest price step is coarser


def ms(seconds: float | None) -> str:
    """A short time."""
    if seconds is None:
        return NONE
    if abs(seconds) >= 1:
        return f"{seconds:,.2f} s"
    return f"{seconds * 1000:.1f} ms" if abs(seconds) < 0.01 else f"{seconds * 1000:.0f} ms"


def signed(seconds: float | None) -> str:
    """A short time that may go either way."""
    return NONE if seconds is None else ms(seconds) if seconds < 0 else f"+{ms(seconds)}"


def span(seconds: float | None) -> str:
    """A time that may be long: 0.3 s, 59 s, 12:34, 1:02:03, 3 d 04:05."""
    if seconds is None:
        return NONE
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days} d {hour:02}:{minute:02}"
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def rate(a_second: float) -> str:
    """Messages a second."""
    return f"{a_second:,.0f}" if a_second >= 100 else f"{a_second:.1f}"


def aligned(values: Sequence[float]) -> list[str]:
    """Prices with as many decimals as the finest of them needs."""
    places = max(map(_places, values), default=0)
    return [f"{value:,.{places}f}" for value in values]


def axis(low: float, high: float) -> tuple[str, str]:
    """The ends of a scale, as finely as the distance between them makes sense."""
    if high <= low:
        return price(low), price(high)
    places = max(0, min(_PLACES, 2 - math.floor(math.log10(high - low))))
    return f"{low:,.{places}f}", f"{high:,.{places}f}"


def price(value: float | None) -> str:
    """One price."""
    return NONE if value is None else aligned([value])[0]


def compact(amount: float) -> str:
    """An amount in a few characters."""
    for unit, sign in ((1e9, "G"), (1e6, "M")):
        if abs(amount) >= unit:
            return f"{amount / unit:.2f}{sign}"
    return f"{amount:,.0f}" if abs(amount) >= 10_000 else f"{amount:,g}"


def _places(value: float) -> int:
    if not math.isfinite(value) or abs(value) >= 1e15:  # beyond it a float has no decimals
        return 0
    return len(f"{value:.{_PLACES}f}".rstrip("0").partition(".")[2])
