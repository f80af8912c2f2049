"""Checks that act: orders far from the market, logging out, dropping a connection under an order.

Knows: how to rest the smallest order where it won't be filled, and how to be rid of it again. Must not
know: strategies. They run only with --orders, and cancel what they placed on a connection of its own.
"""

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from math import floor
from typing import Any

from tools.testnet.about.channel_sets import judged_label
from tools.testnet.bench import PERPETUAL, Bench
from tools.testnet.checks import Needs, check
from tools.testnet.peer import PATIENCE, Frame, Message, Peer
from tools.testnet.verdicts import Finding, Findings, Undecided, judged, undecided

_FAR = 0.8  # of the mark price: nobody trades there, and it is inside the band of prices that are taken
_SETTLING = 3.0  # seconds in which channels and cancels follow an act
_LABEL = "testnet-check"
_RAW = f"user.orders.{PERPETUAL}.raw"
_LISTS = (f"user.orders.{PERPETUAL}.100ms", "user.orders.any.any.100ms")
_CHANGES = (f"user.changes.{PERPETUAL}.raw", f"user.changes.{PERPETUAL}.100ms")


@check("§6, §14.5, §15", needs=Needs.CONSENT)
async def order_channels(bench: Bench) -> Findings:
    """user.orders gives one object raw and a list otherwise, user.changes a bundle, none a snapshot."""
    channels = (_RAW, *_LISTS, *_CHANGES)
    async with bench.peer() as peer:
        await bench.login(peer)
        accepted = await peer.subscribe(*channels, scope="private", label=_LABEL)
        early = [frame.channel for frame in await peer.listen(bench.span(_SETTLING)) if frame.channel]
        async with _resting(bench, peer):
            await peer.listen(bench.span(_SETTLING))
    frames = [frame for frame in peer.heard if frame.channel in accepted]
    labelled = judged_label(frames[0].message, _LABEL) if frames else undecided("no notification came")
    snapshots = {"snapshots": judged(not early, f"before the order: {early}"), "label": labelled}
    return judged_shapes(frames) | snapshots


def judged_shapes(frames: Iterable[Frame]) -> dict[str, Finding]:
    """The shape of data on each channel that spoke."""
    found = {}
    for frame in frames:
        channel = frame.channel or ""
        if ".changes." in channel:
            wanted: Any = {"instrument_name", "trades", "orders", "positions"}
            holds = isinstance(frame.data, dict) and wanted <= frame.data.keys()
        else:
            holds = isinstance(frame.data, dict if channel.endswith(".raw") else list)
        keys = f" of {' '.join(sorted(frame.data))}" if isinstance(frame.data, dict) else ""
        found[channel] = judged(holds, f"{type(frame.data).__name__}{keys}"[:120])
    return found


@check("§2, §14.5", needs=Needs.CONSENT)
async def price_of_a_trigger_order(bench: Bench) -> Findings:
    """The price of an untriggered stop market order is the text "market_price"."""
    async with bench.peer() as peer:
        await bench.login(peer)
        async with _resting(bench, peer, await _stop(peer)) as order_id:
            order = await _state(peer, order_id)
    return judged(
        order.get("price") == "market_price", f"price {order.get('price')!r}, {order['order_state']}"
    )


@check("§9, §14.7", needs=Needs.CONSENT)
async def cancel_on_disconnect(bench: Bench) -> Findings:
    """Armed on a connection, a drop of it cancels its orders, with the reason cancel_on_disconnect."""
    async with bench.peer() as watching, bench.peer() as dropped:
        await bench.login(watching)
        await bench.login(dropped)
        await dropped.result("private/enable_cancel_on_disconnect", {"scope": "connection"})
        async with _resting(bench, dropped) as order_id:
            dropped.abort()
            await watching.listen(_SETTLING)
            order = await _state(watching, order_id)
    reason = order.get("cancel_reason")
    holds = (order["order_state"], reason) == ("cancelled", "cancel_on_disconnect")
    return judged(holds, f"{order['order_state']}, reason {reason}")


@check("§4, §9, §14.7", needs=Needs.CONSENT)
async def logout(bench: Bench) -> Findings:
    """A logout has no answer, ends the socket, and leaves orders although cancel-on-disconnect is armed."""
    async with bench.peer() as watching, bench.peer() as leaving:
        await bench.login(watching)
        await bench.login(leaving)
        await leaving.result("private/enable_cancel_on_disconnect", {"scope": "connection"})
        async with _resting(bench, leaving) as order_id:
            request = await leaving.ask("private/logout")
            answer = await leaving.wait(lambda frame: frame.message.get("id") == request, PATIENCE)
            await watching.listen(_SETTLING)
            order = await _state(watching, order_id)
    return {
        "answer": judged(answer is None, answer.text if answer else "none"),
        "end": judged(leaving.lost is not None, str(leaving.lost or "still open")),
        "order": judged(order["order_state"] == "open", str(order["order_state"])),
    }


@check("§4, §15", takes=14, needs=Needs.CONSENT)
async def data_after_the_token(bench: Bench) -> Findings:
    """Once the token has run out, nothing more comes on private channels."""
    life = 8
    async with bench.peer() as hearing, bench.peer() as acting:
        await bench.login(hearing, f"connection expires:{life}")
        await bench.login(acting)
        await hearing.subscribe(_RAW, scope="private")
        async with _resting(bench, acting):
            if await hearing.wait(lambda frame: frame.channel == _RAW, _SETTLING) is None:
                return undecided("not even with a good token did the order come")
        await hearing.listen(life + _SETTLING)
        since = len(hearing.heard)
        async with _resting(bench, acting):
            await hearing.listen(_SETTLING)
    later = [frame for frame in hearing.heard[since:] if frame.channel == _RAW]
    return judged(not later, f"{len(later)} messages afterwards; {hearing.lost or 'open'}")


@asynccontextmanager
async def _resting(bench: Bench, peer: Peer, terms: Message | None = None) -> AsyncIterator[str]:
    """An order that rests far from the market; whatever happens, it is cancelled in the end."""
    label = f"check-{secrets.token_hex(6)}"
    terms = terms or await _limit(peer)
    try:
        placed = await peer.result("private/buy", {**terms, "label": label})
        yield placed["order"]["order_id"]
    finally:
        await _swept(bench, label)


async def _swept(bench: Bench, label: str) -> None:
    """Cancel by label, on a connection of its own: the other may be gone, and its answer with it."""
    try:
        async with bench.peer() as sweeper:
            await bench.login(sweeper)
            await sweeper.result("private/cancel_by_label", {"label": label, "currency": "BTC"})
    except Undecided as why:
        raise Undecided(f"LOOK AFTER THE ORDER labelled {label}, it may rest still: {why}") from None


async def _limit(peer: Peer) -> Message:
    """The smallest bid, far below the market."""
    instrument, mark = await _market(peer)
    return {
        **_smallest(instrument),
        "type": "limit",
        "price": _on_tick(instrument, mark * _FAR),
        "post_only": True,
        "reject_post_only": True,
    }


async def _stop(peer: Peer) -> Message:
    """The smallest stop market order, triggered far above the market."""
    instrument, mark = await _market(peer)
    trigger_price = _on_tick(instrument, mark / _FAR)
    return {
        **_smallest(instrument),
        "type": "stop_market",
        "trigger": "mark_price",
        "trigger_price": trigger_price,
    }


async def _market(peer: Peer) -> tuple[Message, float]:
    name = {"instrument_name": PERPETUAL}
    instrument = await peer.result("public/get_instrument", name)
    return instrument, (await peer.result("public/ticker", name))["mark_price"]


def _smallest(instrument: Message) -> Message:
    return {"instrument_name": PERPETUAL, "amount": instrument["min_trade_amount"]}


def _on_tick(instrument: Message, price: float) -> float:
    tick: float = instrument["tick_size"]
    return floor(price / tick) * tick


async def _state(peer: Peer, order_id: str) -> Message:
    order = await peer.result("private/get_order_state", {"order_id": order_id})
    if not isinstance(order, dict) or "order_state" not in order:
        raise Undecided("the order's state could not be read")
    return order
