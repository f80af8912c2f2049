"""Rows 9 to 18: the link that ends, in every way there is.

Knows: faults of link and exchange, and what must be seen of each beside the invariants. Judges only that.
"""

from deribit_ws.testing import Cut, Drop, Ending
from tests.faults.row import BOTH, row
from tests.faults.stage import HARD_SECONDS, Stage


@row(0, "control: nothing goes wrong", BOTH)
async def nothing(stage: Stage) -> None:
    """No mark, no gap, no reconnect, however long it runs."""
    import asyncio

    await asyncio.sleep(5)
    assert stage.subject.observed.drops == 0


@row(9, "abrupt RST, idle and in mid-stream", BOTH)
async def reset(stage: Stage) -> None:
    """A reset costs nothing but half a second."""
    stage.links.inject(Cut(Ending.RST))
    await stage.recovers(HARD_SECONDS)


@row(10, "FIN inside a frame, FIN without a close frame", BOTH)
async def end_of_stream(stage: Stage) -> None:
    """Half a frame is never handed out."""
    stage.exchange.inject(Drop.fin(inside_frame=stage.choose(True, False)))
    await stage.recovers(HARD_SECONDS)
