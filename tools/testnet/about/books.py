"""Checks of order books on the wire: snapshots, chains of changes, windows, empty sides.

Knows: the rules a book follows. Must not know: how the client keeps one. Each rule is a function of
data, so that it can be tested on books made up for it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tools.testnet.bench import PERPETUAL, Bench
from tools.testnet.checks import check
from tools.testnet.peer import Peer, shortened
from tools.testnet.verdicts import Finding, Findings, judged, undecided

_CHAIN_SECONDS = 20.0  # of a busy book: some hundred changes
_ENOUGH = 5  # changes, fewer of which say nothing about a rule
_TRIED = 25  # options asked for their book, in search of an empty side

Data = dict[str, Any]


@check("§7, §14.4")
async def book_chain(bench: Bench) -> Findings:
    """A book begins with a snapshot, and each change names the change before it."""
    return judged_book(await _heard(bench, f"book.{PERPETUAL}.100ms", _CHAIN_SECONDS))


@check("§7, §14.4")
async def grouped_book(bench: Bench) -> Findings:
    """A grouped book sends its whole window each time: pairs, without type and prev_change_id."""
    messages = await _heard(bench, f"book.{PERPETUAL}.none.10.100ms", 6.0)
    if not messages:
        return undecided("no message came")
    wrong = [data for data in messages if not is_window(data, depth=10)]
    return judged(not wrong, f"{len(messages)} messages, {shortened(wrong[0]) if wrong else 'all windows'}")


@check("§7, §15, §14.4")
async def empty_side(bench: Bench) -> Findings:
    """A side of a book without an order is an empty list."""
    async with bench.peer() as peer:
        name = await _one_sided(peer)
        if name is None:
            return undecided(f"none of {_TRIED} options has an empty side")
        channel = f"book.{name}.100ms"
        await peer.subscribe(channel)
        data = (await peer.first_of(channel)).data
    sides = {side: data.get(side, "left out") for side in ("bids", "asks")}
    empty = [levels for levels in sides.values() if not levels or levels == "left out"]
    if not empty:
        return undecided(f"{name} was quoted again by then")
    return judged(all(levels == [] for levels in empty), f"{name}: {shortened(sides)}")


def judged_book(messages: Sequence[Data]) -> dict[str, Finding]:
    """What the messages of one book, from the first on, say about each rule."""
    if len(messages) < _ENOUGH:
        quiet = undecided(f"{len(messages)} messages only: the market is quiet")
        return dict.fromkeys(("snapshot", "chain", "jumps", "deletes", "types"), quiet)
    first, changes = messages[0], messages[1:]
    sorted_out = _is_sorted(first, "bids", reverse=True) and _is_sorted(first, "asks", reverse=False)
    whole = first.get("type") == "snapshot" and "prev_change_id" not in first and sorted_out
    gaps = sum(b.get("prev_change_id") != a.get("change_id") for a, b in pairwise(messages))
    steps = {b["change_id"] - a["change_id"] for a, b in pairwise(messages)}
    levels = [level for data in changes for side in ("bids", "asks") for level in data.get(side, [])]
    amounts = {level[2] for level in levels if level[0] == "delete"}
    types = {data.get("type", "left out") for data in changes}
    return {
        "snapshot": judged(whole, f"type {first.get('type')}, best first: {sorted_out}"),
        "chain": judged(gaps == 0, f"{gaps} gaps in {len(changes)} changes"),
        "jumps": judged(steps != {1}, f"change_id grows by {min(steps)} to {max(steps)}"),
        "deletes": judged(amounts == {0}, f"amounts {amounts}")
        if amounts
        else undecided("no level was deleted"),
        "types": judged(types == {"change"}, f"{len(changes)} changes of type {sorted(types)}"),
    }


def is_window(data: Data, depth: int) -> bool:
    """Whether a message is a whole window of at most so many levels a side."""
    if "type" in data or "prev_change_id" in data:
        return False
    sides = [data.get("bids"), data.get("asks")]
    return all(
        isinstance(side, list) and len(side) <= depth and all(len(level) == 2 for level in side)
        for side in sides
    )


def _is_sorted(data: Data, side: str, *, reverse: bool) -> bool:
    prices = [level[1] for level in data.get(side, [])]
    return prices == sorted(prices, reverse=reverse)


async def _heard(bench: Bench, channel: str, seconds: float) -> list[Data]:
    async with bench.peer() as peer:
        await peer.subscribe(channel)
        await peer.listen(bench.span(seconds))
    return [frame.data for frame in peer.heard if frame.channel == channel]


async def _one_sided(peer: Peer) -> str | None:
    """An option whose book has an empty side, from among those farthest from the money."""
    options = await peer.result("public/get_instruments", {"currency": "BTC", "kind": "option"})
    by_strike = sorted(options, key=lambda option: option.get("strike") or 0)
    for option in (by_strike[: _TRIED // 2] + by_strike[::-1])[:_TRIED]:
        name = option["instrument_name"]
        book = await peer.result("public/get_order_book", {"instrument_name": name, "depth": 1})
        if not book.get("bids") or not book.get("asks"):
            return str(name)
    return None
