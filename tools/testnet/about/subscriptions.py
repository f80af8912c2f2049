"""Checks of subscribing: what is answered, what is left out, and what comes first.

Knows: the subscribe methods, and channels that speak often. Must not know: payloads beyond the type of
a book's message. What concerns many channels at once is in `channel_sets`.
"""

from collections.abc import Callable
from itertools import pairwise
from statistics import median

from tools.testnet.bench import INDEX, PERPETUAL, Bench
from tools.testnet.checks import check
from tools.testnet.peer import PATIENCE, Frame, Peer, code_of, told
from tools.testnet.verdicts import Finding, Findings, confirmed, judged, refuted, undecided

_BOOK = f"book.{PERPETUAL}.100ms"
_TICKER = f"ticker.{PERPETUAL}.100ms"
_NOWHERE = ("ticker.NO-SUCH-THING.100ms", f"ticker.{PERPETUAL}.3ms", f"book.{PERPETUAL}.none.7.100ms")
_BUSY = (
    _BOOK,
    _TICKER,
    f"quote.{PERPETUAL}",
    f"book.{PERPETUAL}.none.10.100ms",
    f"deribit_price_index.{INDEX}",
    "book.ETH-PERPETUAL.100ms",
    "ticker.ETH-PERPETUAL.100ms",
    "quote.ETH-PERPETUAL",
)
_AFTERMATH = 4.0  # seconds in which a second snapshot would have come
_SLOW = (0.7, 1.5)  # seconds between messages of agg2: about one was measured


@check("§5, §14.2")
async def bad_channels_are_left_out(bench: Bench) -> Findings:
    """A channel that does not exist is left out of the answer without an error, of nothing but such []."""
    async with bench.peer() as peer:
        some = await peer.subscribe(_TICKER, *_NOWHERE)
        none = await peer.subscribe(*_NOWHERE)
    return {"some": judged(some == [_TICKER], str(some)), "none": judged(none == [], str(none))}


@check("§5, §14.2")
async def order_of_the_answer(bench: Bench) -> Findings:
    """The channels in a subscribe answer come in another order than they were asked for."""
    rounds = 3
    for turn in range(rounds):
        async with bench.peer() as peer:
            accepted = await peer.subscribe(*_BUSY)
        if set(accepted) != set(_BUSY):
            return refuted(f"of the channels asked for only {sorted(accepted)}")
        if accepted != list(_BUSY):
            return confirmed(f"another order in round {turn + 1}")
    return undecided(f"the order of the request in {rounds} rounds")


@check("§5, §14.2")
async def raw_without_a_login(bench: Bench) -> Findings:
    """One .raw channel without a login fails the whole call with 13778, the good channels included."""
    async with bench.peer() as peer:
        answer = await peer.call("public/subscribe", {"channels": [_TICKER, f"book.{PERPETUAL}.raw"]})
        left = await peer.unsubscribe(_TICKER)
    return judged(code_of(answer) == 13778 and left == [], f"{told(answer)}; subscribed all the same: {left}")


@check("§5")
async def private_subscribe_without_a_login(bench: Bench) -> Findings:
    """private/subscribe without a login is refused with 13009."""
    async with bench.peer() as peer:
        answer = await peer.call("private/subscribe", {"channels": ["user.orders.any.any.raw"]})
    return judged(code_of(answer) == 13009, told(answer))


@check("§5")
async def unsubscribe_lists_what_it_removed(bench: Bench) -> Findings:
    """The answer to unsubscribe lists only the channels which that request removed."""
    async with bench.peer() as peer:
        await peer.subscribe(_TICKER)
        removed = await peer.unsubscribe(_TICKER, _BOOK)
        again = await peer.unsubscribe(_TICKER)
    return judged(removed == [_TICKER] and again == [], f"{removed}, then {again}")


@check("§5, §14.2")
async def second_subscribe_gives_no_snapshot(bench: Bench) -> Findings:
    """A book subscribed to again on its connection is acknowledged, and sends no second snapshot."""
    async with bench.peer() as peer:
        await peer.subscribe(_BOOK)
        await peer.first_of(_BOOK)
        accepted = await peer.subscribe(_BOOK)
        await peer.listen(bench.span(_AFTERMATH))
    snapshots = _snapshots(peer)
    return judged(accepted == [_BOOK] and snapshots == 1, f"answer {accepted}, {snapshots} snapshots in all")


@check("§5, §7")
async def fresh_subscribe_gives_a_snapshot(bench: Bench) -> Findings:
    """A book that was unsubscribed from and is subscribed to again begins with a new snapshot."""
    async with bench.peer() as peer:
        await peer.subscribe(_BOOK)
        await peer.first_of(_BOOK)
        await peer.unsubscribe(_BOOK)
        since = len(peer.heard)
        await peer.subscribe(_BOOK)
        kind = (await peer.first_of(_BOOK, since)).data.get("type")
    return judged(kind == "snapshot", f"first of type {kind}")


@check("§5, §15")
async def data_and_the_answer(bench: Bench) -> Findings:
    """The first data of a channel come after the answer to its subscription, never before."""
    early = []
    async with bench.peer() as peer:
        for channel in _BUSY:
            request = await peer.ask("public/subscribe", {"channels": [channel]})
            frame = await peer.need(
                _of(channel, request),
                PATIENCE,
                f"the answer or data of {channel}",
            )
            if frame.channel == channel:
                early.append(channel)
    return judged(not early, f"data first in {len(early)} of {len(_BUSY)} {early or ''}".rstrip())


@check("§6")
async def first_messages(bench: Bench) -> Findings:
    """Books, tickers, quotes and indices say how things stand at once when they are subscribed to."""
    found: dict[str, Finding] = {}
    at_once = 2.5  # seconds: indices speak each second, and an answer has to travel
    async with bench.peer() as peer:
        for channel in (*_BUSY[:5], f"incremental_ticker.{PERPETUAL}"):
            await peer.subscribe(channel)
            answered = peer.now
            early = any(frame.channel == channel for frame in peer.heard)
            came = early or await peer.wait(_of(channel), at_once) is not None
            seen = f"{peer.now - answered:.2f} s after the answer" if came else f"nothing in {at_once:g} s"
            found[channel] = judged(came, seen)
    return found


@check("§5")
async def slow_interval(bench: Bench) -> Findings:
    """agg2 means about one second."""
    channel = f"ticker.{PERPETUAL}.agg2"
    async with bench.peer() as peer:
        await peer.subscribe(channel)
        frames = await peer.listen(bench.span(15))
    times = [frame.at for frame in frames if frame.channel == channel]
    if len(times) < 4:
        return undecided(f"{len(times)} messages only: the market is quiet")
    usual = median(b - a for a, b in pairwise(times))
    return judged(
        _SLOW[0] <= usual <= _SLOW[1], f"{usual:.2f} s between messages, in the median of {len(times)}"
    )


def _of(channel: str, request: int = 0) -> Callable[[Frame], bool]:
    """Wants data of a channel, or the answer to a request; ids begin at 1."""
    return lambda frame: frame.channel == channel or frame.message.get("id") == request


def _snapshots(peer: Peer) -> int:
    return sum(frame.channel == _BOOK and frame.data.get("type") == "snapshot" for frame in peer.heard)
