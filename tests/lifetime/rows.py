"""Rows 45, 46 and 47 of the scoreboard, as the runner of rows calls them: a seed in, a count of cases out.

Knows which rooms play a row. Each raises AssertionError, with the case and its seed, where one falls. The
first two want a loop whose time is virtual; the third starts processes and wants a real one.
"""

from tests.lifetime import cancelled, departures, generators, inner
from tests.lifetime import signalled as by_signal

SIGNAL_STRIDE = 5  # processes take a second each: five seeds together have every case


async def cancelled_everywhere(seed: int, stride: int) -> int:
    """Row 45: cancel and time out, at every `stride`-th await, a session, a task of several, an iteration."""
    count = await cancelled.everywhere(seed, stride)
    count += await inner.everywhere(seed, stride)
    return count + await generators.cancelled_everywhere(seed, stride)


async def left_anyhow(seed: int) -> int:
    """Row 46: leave a client, and an iteration, in every way in every phase."""
    return await departures.everyhow(seed) + await generators.left_anyhow(seed)


async def signalled(seed: int) -> int:
    """Row 47: SIGINT and SIGTERM in each phase, to programs of three kinds; each fifth case of them."""
    return len(await by_signal.signalled(seed, stride=SIGNAL_STRIDE))
