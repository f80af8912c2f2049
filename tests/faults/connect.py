"""Rows 1, 2 and 4 to 8: the dial that fails, in every way there is; row 3 is `tests.security`'s.

Knows: faults before a link lives, and how long each may hold a client up. Judges that alone: how dials are
spaced is judged after every row (`invariants`, G8).
"""

import time
from itertools import pairwise

from deribit_ws.errors import ConnectFailed, Retry
from deribit_ws.testing import (
    AcceptThenClose,
    ChaosProxy,
    Cut,
    CutAfter,
    Drop,
    DropOnRequest,
    Ending,
    Refuse,
    RefuseHandshake,
    StallHandshake,
    Way,
)
from deribit_ws.testing.proxy_links import Links
from tests.faults.dialled import allowed, comes_back, fresh, opens, tls_stage
from tests.faults.invariants import judge, watched
from tests.faults.names import Names, knowing
from tests.faults.row import BOTH, MEMORY, SOCKETS, alone, row
from tests.faults.stage import DETECT_SECONDS, HARD_SECONDS, RESTORE_SECONDS, Layer, Stage

OPEN_SECONDS = 10.0  # the client's default, in virtual time; over sockets rows of stalls take SHORT_OPEN
SHORT_OPEN = 1.0
FLOOR_SECONDS = 5.0  # DESIGN's, after 429, and after what would be fatal at first
LONGEST_RETRY_AFTER = 300.0  # DESIGN's, however long the server asks for
MOST_IN_A_MINUTE = 12  # dials, DESIGN's
IDLE_SHARE = 0.05  # of a core, while disconnected
SLOW_MARKET = 1.0  # seconds a step
MANY = 50  # drops in a row; the scoreboard's
REJECTED = (301, 403, 404, 200)


# --- 1: refused


@row(1, "connection refused, 1 to 8 attempts", BOTH)
async def refused(stage: Stage) -> None:
    """Refused connections are dialled again as the back-off says, and no oftener."""
    fails = 1 + stage.seed % 8
    stage.links.inject(Refuse(fails))
    stage.links.inject(Cut(Ending.RST))
    await comes_back(stage, allowed(stage, fails))

    assert len(stage.links.dials) == fails + 2, f"{len(stage.links.dials)} dials"


@row(1, "connection refused, 1 to 8 attempts", BOTH, cold=True)
async def refused_at_first(stage: Stage) -> None:
    """The first connect waits through refusals, as every later one."""
    fails = 1 + stage.seed % 8
    stage.links.inject(Refuse(fails))
    await opens(stage, allowed(stage, fails))

    assert len(stage.links.dials) == fails + 1, f"{len(stage.links.dials)} dials"


@row(1, "connection refused, 1 to 8 attempts", SOCKETS, retry_seconds=30.0, most_seeds=3)
async def refused_cheaply(stage: Stage) -> None:
    """Waiting for the next dial costs next to no time of the processor."""
    stage.pace = SLOW_MARKET
    stage.links.inject(Refuse(4))
    stage.links.inject(Cut(Ending.RST))
    await stage.until(lambda: not stage.subject.is_up)
    began, spent = time.monotonic(), time.process_time()
    await stage.until(lambda: len(stage.links.dials) == 5)
    share = (time.process_time() - spent) / (time.monotonic() - began)
    await stage.recovers(allowed(stage, 4), drops=0, since=began)

    assert share < IDLE_SHARE, f"G8: {share:.1%} of a core while disconnected"


# --- 2: names


@row(2, "a name that can't be looked up, or has moved", SOCKETS, cold=True)
async def unknown_name(stage: Stage) -> None:
    """A failed look-up is a failed dial like any, and a new address is used at the next one."""
    names = Names(_url(stage.links))
    elsewhere = await knowing(stage, names, own_session=stage.seed // 3 % 2 == 0)
    fails = 1 + stage.seed % 4
    how = stage.choose("at first", "later", "moved")
    if how == "at first":
        names.fails = fails
        await opens(stage, allowed(stage, fails))
        return
    await stage.start()
    stage.links.inject(Cut(Ending.RST))
    if how == "later":
        names.fails = fails
        await comes_back(stage, allowed(stage, fails))
        return
    names.url = elsewhere.url
    old, stage.links = stage.links, elsewhere
    await comes_back(stage, HARD_SECONDS)

    assert elsewhere.live and not old.live, "the old address was used"


def _url(links: Links) -> str:
    assert isinstance(links, ChaosProxy), "only over sockets are there addresses"
    return links.url


# --- 4: TLS


async def stalled_tls(seed: int) -> float:
    """A TLS handshake that stalls is given up in time, one that is cut at once; both are retried."""
    async with watched(), tls_stage(seed, open_timeout=SHORT_OPEN) as stage:
        way, nbytes = stage.choose((Way.DOWN, 0), (Way.DOWN, 300), (Way.UP, 0), (Way.UP, 100))
        ending = (Ending.HALF_OPEN, Ending.RST, Ending.FIN)[seed // 4 % 3]
        bound = allowed(stage, 1) + (SHORT_OPEN if ending is Ending.HALF_OPEN else 0.0)
        fault = CutAfter(nbytes, way, ending)
        if seed % 2:
            await stage.start()
            stage.links.inject(fault)
            stage.links.inject(Cut(Ending.RST))
            await comes_back(stage, bound)
        else:
            stage.links.inject(fault)
            await opens(stage, bound)
        await stage.settle()
        judge(stage)

        late = stage.recoveries[0]
        assert not late.is_late, f"late: {late.seconds:.2f} s, and {late.bound:.2f} s are allowed"
        return late.seconds


alone(
    4,
    "TLS handshake stalled or cut half way",
    Layer.SOCKETS,
    stalled_tls,
    bound=SHORT_OPEN + HARD_SECONDS + FLOOR_SECONDS / 100,  # the second wait, of `retry_seconds`
)


# --- 5 and 6: answers that are no websocket


@row(5, "HTTP 429, with and without Retry-After, three times", MEMORY)
@row(5, "HTTP 429, with and without Retry-After, three times", SOCKETS, most_seeds=2)
async def too_many(stage: Stage) -> None:
    """After a 429 the client waits five seconds, or what it was asked for up to five minutes."""
    asked = stage.choose(None, 6.0, 0.0, 2.0, 20.0, 1000.0)
    times = 1 if asked == 1000.0 else 3
    floor = max(FLOOR_SECONDS, min(asked or 0.0, LONGEST_RETRY_AFTER))
    if times == 1:
        stage.pace = SLOW_MARKET  # else there would be pages to read of what was missed
    stage.exchange.inject(RefuseHandshake(429, times, retry_after=asked))
    stage.links.inject(Cut(Ending.RST))
    await comes_back(stage, times * floor + HARD_SECONDS)

    _spaced(stage, floor, times)


@row(6, "HTTP 500, 502, 503 three times; 301, 403, 404, 200", BOTH)
async def server_errors(stage: Stage) -> None:
    """A 5xx is passing trouble."""
    stage.exchange.inject(RefuseHandshake(stage.choose(503, 502, 500), 3))
    stage.links.inject(Cut(Ending.RST))
    await comes_back(stage, allowed(stage, 3))


@row(6, "HTTP 500, 502, 503 three times; 301, 403, 404, 200", MEMORY)
@row(6, "HTTP 500, 502, 503 three times; 301, 403, 404, 200", SOCKETS, most_seeds=2)
async def rejected_later(stage: Stage) -> None:
    """What would be fatal at first is retried every five seconds once a link has lived."""
    times = 1 if stage.layer is Layer.SOCKETS else stage.choose(1, 2, 3)
    status = stage.choose(*REJECTED)
    stage.exchange.inject(RefuseHandshake(status, times, location=_target(stage, status)))
    stage.links.inject(Cut(Ending.RST))
    await comes_back(stage, times * FLOOR_SECONDS + HARD_SECONDS)

    _spaced(stage, FLOOR_SECONDS, times)
    assert len(stage.exchange.ledger.handshakes) == times + 2, "a redirect was followed"


@row(6, "HTTP 500, 502, 503 three times; 301, 403, 404, 200", BOTH, cold=True)
async def rejected_at_first(stage: Stage) -> None:
    """An answer that says no ends the first connect with a typed error, after one dial."""
    status = stage.choose(*REJECTED)
    stage.exchange.inject(RefuseHandshake(status, location=_target(stage, status)))
    try:
        await stage.start()
    except ConnectFailed as failure:
        assert (failure.status, failure.retry) == (status, Retry.ONCE_LIVED), failure
    else:
        raise AssertionError(f"connected in spite of a {status}")
    await stage.subject.stop()

    assert len(stage.exchange.ledger.handshakes) == 1 == len(stage.links.dials), "dialled again"
    stage.subject = fresh(stage)  # the exchange is well: what follows is judged as ever
    await stage.start()


def _target(stage: Stage, status: int) -> str | None:
    """Where a redirect leads: to the exchange itself, which would note whoever follows."""
    return stage.exchange.url if status == 301 else None


def _spaced(stage: Stage, floor: float, times: int) -> None:
    apart = [later - earlier for earlier, later in pairwise(stage.links.dials[1:])]
    assert len(apart) == times, f"{len(apart) + 2} dials"
    assert min(apart) >= floor, f"dialled again after {min(apart):.2f} s"


# --- 7 and 8: accepted, and no use


@row(7, "TCP accepted, upgrade never answered", MEMORY)
@row(7, "TCP accepted, upgrade never answered", SOCKETS, open_timeout=SHORT_OPEN)
async def never_upgraded(stage: Stage) -> None:
    """An upgrade that nobody answers is given up after the open timeout, and its socket closed."""
    times = stage.choose(1, 2)
    each = OPEN_SECONDS if stage.layer is Layer.MEMORY else SHORT_OPEN
    stage.exchange.inject(StallHandshake(times))
    stage.links.inject(Cut(Ending.RST))
    await comes_back(stage, allowed(stage, times) + times * each)

    assert len(stage.links.live) == 1, "a stalled socket is still open"


@row(8, "drop right after 101, after the login, before the subscriptions", MEMORY)
async def dropped_young(stage: Stage) -> None:
    """A server that accepts and drops is dialled twelve times a minute at the most."""
    fails = 11
    _drop_young(stage, fails)
    await comes_back(stage, allowed(stage, fails) + fails * (DETECT_SECONDS + RESTORE_SECONDS))

    dials = stage.links.dials
    most = max(sum(first <= dial < first + 60 for dial in dials) for first in dials)
    assert most <= MOST_IN_A_MINUTE, f"{most} dials in a minute"


@row(8, "drop right after 101, after the login, before the subscriptions", MEMORY, retry_seconds=5.0)
@row(8, "drop right after 101, after the login, before the subscriptions", SOCKETS, most_seeds=5)
async def dropped_young_often(stage: Stage) -> None:
    """Fifty such drops are survived, and no step of the back-off is taken back for any of them."""
    _drop_young(stage, MANY)
    await comes_back(stage, allowed(stage, MANY) + MANY * (DETECT_SECONDS + RESTORE_SECONDS))

    assert len(stage.links.dials) == MANY + 2, f"{len(stage.links.dials)} dials"
    assert stage.subject.observed.drops == 1, "one that never lived was told as lost"


def _drop_young(stage: Stage, times: int) -> None:
    stage.pace = SLOW_MARKET
    drop = (Drop.rst(), Drop.fin(), Drop.close(1013))[stage.seed // 3 % 3]
    stage.exchange.inject(
        stage.choose(
            AcceptThenClose(drop, times),
            DropOnRequest("public/auth", drop, times, before_reply=False),
            DropOnRequest("private/subscribe", drop, times),
        )
    )
    stage.links.inject(Cut(Ending.RST))
