"""Rows 9 to 17: the link that ends, in every way there is; and row 0, where nothing goes wrong.

Knows: faults of link and exchange, and what must be seen of each beside the invariants. Judges only that.
"""

import asyncio

from deribit_ws.testing import Cut, Deaf, Drop, DropOnRequest, Ending, Pause, Silence, Way
from tests.faults.row import BOTH, MEMORY, row
from tests.faults.stage import DETECT_SECONDS, HALF_OPEN_SECONDS, HARD_SECONDS, RESTORE_SECONDS, Stage

CLOSE_SECONDS = 2.0  # in which our end of a closing socket must be gone
LEGAL_CODES = (1000, 1001, 1012, 1013, 4000, None)
OTHER_CODES = (1002, 1003, 1007, 1008, 1009, 1010, 1011, 1006, 0, 999, 5000)
NO_CODE, ABNORMAL = 1005, 1006
CALM_SECONDS = 5.0
SLOW_MARKET = 1.0  # seconds a step, where a row waits for long


@row(0, "control: nothing goes wrong", BOTH)
async def nothing(stage: Stage) -> None:
    """No mark, no gap, no error and no second dial come of nothing."""
    await asyncio.sleep(CALM_SECONDS)

    observed = stage.subject.observed
    assert not observed.drops and not observed.gaps and not observed.errors, observed.errors
    assert len(stage.links.dials) == 1, f"{len(stage.links.dials)} dials"
    assert observed.counts["stream"] > CALM_SECONDS, "no data"


@row(9, "abrupt RST, idle or in mid-stream", BOTH)
async def reset(stage: Stage) -> None:
    """A reset costs no more than half a second, whether data flows or not."""
    if stage.choose(True, False):
        stage.pace = SLOW_MARKET
        await asyncio.sleep(SLOW_MARKET / 2)
    stage.links.inject(Cut(Ending.RST))
    await stage.recovers(HARD_SECONDS)


@row(10, "FIN inside a frame, FIN without a close frame", BOTH)
async def end_of_stream(stage: Stage) -> None:
    """The end of the stream is a drop, and half a frame is never handed out."""
    stage.exchange.inject(Drop.fin(inside_frame=stage.choose(True, False)))
    await stage.recovers(HARD_SECONDS)

    assert not stage.subject.observed.errors


@row(11, "half-open: no data, no FIN", MEMORY)
async def half_open(stage: Stage) -> None:
    """A link of which nobody is told that it is dead is found in 20 s."""
    stage.ghosts += 1
    stage.links.inject(Cut(Ending.HALF_OPEN))
    await stage.recovers(HALF_OPEN_SECONDS)


@row(12, "half-open one way", MEMORY)
async def half_open_one_way(stage: Stage) -> None:
    """A link that is dead in one direction is found as fast."""
    stage.links.inject(Pause(stage.choose(Way.UP, Way.DOWN)), stage.links.live[-1].number)
    await stage.recovers(HALF_OPEN_SECONDS)


@row(13, "server stopped for 5 s or 60 s, then continued", MEMORY)
async def stopped(stage: Stage) -> None:
    """Five seconds of silence cost nothing; after sixty there was one reconnection, and all is there."""
    seconds = stage.choose(5.0, 60.0)
    number, began = stage.newest, asyncio.get_running_loop().time()
    if seconds < CALM_SECONDS + 1:
        stage.exchange.inject(Silence(seconds, hold=True))
        await asyncio.sleep(seconds)
        await stage.recovers(RESTORE_SECONDS, drops=0)

        assert stage.newest == number and not stage.subject.observed.drops, "it was replaced"
        return
    stage.pace = SLOW_MARKET
    stage.exchange.inject(Silence(seconds, hold=True), number)
    await stage.recovers(HALF_OPEN_SECONDS, since=began)
    await asyncio.sleep(seconds)

    assert stage.subject.observed.drops == 1


@row(14, "close 1000, 1001, 1012, 1013, 4000, and without a code", BOTH)
async def closed(stage: Stage) -> None:
    """Whatever code the exchange closes with, a new link is made; the mark has the code."""
    code = stage.choose(*LEGAL_CODES)
    stage.exchange.inject(Drop.close(code, "going" if code else ""))
    await stage.recovers(HARD_SECONDS)

    assert _last_code(stage) == (code or NO_CODE)


@row(15, "close with an odd or illegal code", BOTH)
async def closed_oddly(stage: Stage) -> None:
    """A code that is illegal on the wire crashes nothing, and is a drop like any."""
    code = stage.choose(*OTHER_CODES)
    stage.exchange.inject(Drop.close(code))
    await stage.recovers(HARD_SECONDS)

    assert _last_code(stage) in (code, 1002, ABNORMAL)


@row(16, "close without an end of TCP; our close ignored", BOTH)
async def never_finished(stage: Stage) -> None:
    """A server that does not finish to close holds up the next link by no more than the close deadline."""
    number = stage.newest
    if stage.choose(True, False):
        stage.exchange.inject(Drop.close(1000, finish=False))
        await stage.recovers(CLOSE_SECONDS + HARD_SECONDS)
    else:
        stage.exchange.inject(Deaf(), number)  # found by the probe, and then our close frame is ignored
        await stage.recovers(HALF_OPEN_SECONDS + CLOSE_SECONDS)
    await stage.until(lambda: number not in stage.exchange.connections, CLOSE_SECONDS)


@row(17, "drop during subscribe", BOTH)
async def dropped_in_subscribing(stage: Stage) -> None:
    """A drop before or after the answer, which is before the first snapshots, leaves no channel behind."""
    method = "private/subscribe" if stage.seed % 4 < 2 else "public/subscribe"
    stage.exchange.inject(DropOnRequest(method, Drop.rst(), before_reply=stage.choose(True, False)))
    stage.links.inject(Cut(Ending.RST))
    again = stage.retry_seconds if stage.retry_seconds < 0.5 else 0.5  # the second wait, of B(2)
    await stage.recovers(HARD_SECONDS + DETECT_SECONDS + again + RESTORE_SECONDS)


def _last_code(stage: Stage) -> int:
    return [turn.code for turn in stage.subject.observed.turns if not turn.up][-1]
