"""Checks of heartbeats, and of what the exchange does to a connection that says nothing.

Knows: the times measured on production. Must not know: subscriptions but for one that keeps a socket
alive.
"""

from itertools import pairwise

from tools.testnet.bench import PERPETUAL, Bench
from tools.testnet.checks import check
from tools.testnet.peer import Frame, Peer, code_of, told
from tools.testnet.verdicts import Findings, judged

_INTERVAL = 10  # seconds: the shortest that is taken
_FIRST = (11.0, 13.6)  # seconds to the first test_request: 12.0 to 12.6 measured, and one of latency
_NEXT = (10.0, 11.7)  # seconds between them: 10.6 to 10.7 measured
_CLOSED = (9.0, 11.0)  # seconds from one unanswered to the close: 10.0 measured
_IDLE_CUT = (59.0, 62.0)  # seconds: 60.5 measured
_PAST_THE_CUT = 75.0  # seconds after which a socket that was to be cut would have been


@check("§3, §14.3", takes=38)
async def heartbeat_timing(bench: Bench) -> Findings:
    """At an interval of 10 s an idle socket is asked after 12.0 to 12.6 s, then every 10.6 to 10.7 s."""
    async with bench.peer() as peer:
        since = await _armed(peer)
        times = [since]
        for _ in range(3):
            asked = await _asked(peer)
            times.append(asked.at)
            await peer.call("public/test")
    beside = sum(frame.beat == "heartbeat" for frame in peer.heard)
    gaps = [b - a for a, b in pairwise(times)]
    seen = ", ".join(f"{gap:.1f} s" for gap in gaps)
    return {
        "first": judged(_within(gaps[0], _FIRST), seen),
        "next": judged(all(_within(gap, _NEXT) for gap in gaps[1:]), seen),
        "beside": judged(beside == 3, f"{beside} heartbeat frames beside 3 test_requests"),
    }


@check("§3, §14.3", takes=25)
async def heartbeat_unanswered(bench: Bench) -> Findings:
    """A test_request that is not answered ends the socket 10 s later by 4000 "heartbeat close"."""
    async with bench.peer() as peer:
        await _armed(peer)
        asked = await _asked(peer)
        await peer.listen(20)
        after = peer.now - asked.at
    lost = peer.lost
    seen = f"{lost} after {after:.1f} s" if lost else "still open 20 s later"
    named = lost is not None and (lost.code, lost.reason) == (4000, "heartbeat close")
    return judged(named and _within(after, _CLOSED), seen)


@check("§3")
async def heartbeat_too_short(bench: Bench) -> Findings:
    """An interval below 10 s is refused."""
    async with bench.peer() as peer:
        answer = await peer.call("public/set_heartbeat", {"interval": 5})
    return judged(code_of(answer) is not None, told(answer))


@check("§3, §14.3", takes=_PAST_THE_CUT)
async def idle_cut(bench: Bench) -> Findings:
    """A socket that says nothing and subscribes to nothing is cut at 60 s, without a close frame."""
    async with bench.peer(ping_interval=None) as peer:
        since = peer.now
        await peer.listen(_PAST_THE_CUT)
        after = peer.now - since
    lost = peer.lost
    seen = f"{lost} after {after:.1f} s" if lost else f"still open after {_PAST_THE_CUT:g} s"
    return judged(lost is not None and lost.code == 1006 and _within(after, _IDLE_CUT), seen)


@check("§3", takes=_PAST_THE_CUT)
async def subscribed_socket_is_not_cut(bench: Bench) -> Findings:
    """A socket that is subscribed to something lives beyond that, though it says nothing more."""
    async with bench.peer(ping_interval=None) as peer:
        await peer.subscribe(f"book.{PERPETUAL}.agg2")
        await peer.listen(_PAST_THE_CUT)
    return judged(peer.lost is None, str(peer.lost or f"open after {_PAST_THE_CUT:g} s"))


async def _armed(peer: Peer) -> float:
    """Set heartbeats off; gives when the answer came."""
    answer = await peer.answer(await peer.ask("public/set_heartbeat", {"interval": _INTERVAL}))
    return answer.at


async def _asked(peer: Peer) -> Frame:
    patience = 2 * _INTERVAL
    return await peer.need(lambda frame: frame.beat == "test_request", patience, "a test_request")


def _within(seconds: float, bounds: tuple[float, float]) -> bool:
    least, most = bounds
    return least <= seconds <= most
