"""Rows in which the link must stay: what is watched meanwhile, and how a message is altered on its way.

Knows: the stage. Must not know: which fault it is. `bad_bytes`, `integrity` and `load` use it; the figure
they note is for how long something was not whole, as the client itself says.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from deribit_ws.testing import frames
from tests.faults.stage import LOOK_SECONDS, QUIET_SECONDS, Recovery, Stage
from tests.faults.subject import Ours, OursAlone

WATCH_SECONDS = 1.0  # ten messages of a 100ms channel: what a fault breaks, it breaks within these
RESYNC_SECONDS = 0.3  # in which one book is right again
FOREVER = float("inf")  # as a bound: what a row says of its time is judged in another way


async def stays(
    stage: Stage,
    bound: float,
    *,
    seen: Callable[[], object] = lambda: True,
    is_whole: Callable[[], bool] | None = None,
    seconds: float = WATCH_SECONDS,
) -> list[Exception]:
    """Watch what happens without a drop; note for how long at most something was not whole; give the errors.

    Call it right after the fault is injected, with no `await` between.

    Args:
        stage: where.
        bound: seconds that it may take.
        seen: tells whether the fault has struck.
        is_whole: tells whether all is well; by default the client's own word.
        seconds: to watch at least.
    """
    observed, clock = stage.subject.observed, asyncio.get_running_loop().time
    drops, told, began = observed.drops, len(observed.errors), clock()
    whole = is_whole or (lambda: stage.subject.is_sound)
    longest, since = 0.0, 0.0  # of what was not whole: the longest time, and when this one began
    while since or clock() < began + seconds or not seen():
        now = clock()
        assert now < began + QUIET_SECONDS, f"not whole, or never struck: {stage.troubles()}"
        if since:
            longest = max(longest, now - since)
        since = 0.0 if whole() else since or now
        await asyncio.sleep(LOOK_SECONDS)
    stage.recoveries.append(Recovery(longest, bound))
    assert observed.drops == drops, f"it cost {observed.drops - drops} links"
    return observed.errors[told:]


@contextmanager
def rewriting(stage: Stage, channel: str, rewrite: Callable[[bytes], bytes]) -> Iterator[list[bytes]]:
    """Have the newest connection be sent something else than a channel's next message; give what it was."""
    session, originals = stage.exchange.connections[stage.newest], list[bytes]()
    send = session.notify

    def notify(name: str, framed: bytes, mark: object) -> None:
        if name == channel and not originals:
            originals.append(frames.payload_of(framed))
            framed = frames.frame(rewrite(originals[0]))
        send(name, framed, mark)  # type: ignore[arg-type]  # a mark, passed on

    with patch.object(session, "notify", notify):
        yield originals


def ours(stage: Stage) -> Ours:
    """Give the client where a row opens more with it; the naive one has nothing to open."""
    if not isinstance(stage.subject, Ours):
        raise OursAlone
    return stage.subject
