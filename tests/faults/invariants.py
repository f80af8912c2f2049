"""The invariants that hold after every row, G1 to G9 of the scoreboard, each judged by machine.

Knows the ledger of the exchange and what the client was given (`observed`). Must not know which fault was
played. Each raises AssertionError in words; `judge` runs those that need the client alive, `watched` those
that are about what is left once it is gone.
"""

import asyncio
import gc
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from deribit_ws import Connected, Disconnected
from deribit_ws.backoff import Backoff
from tests.faults.observed import Turn
from tests.faults.stage import SILENCE_SECONDS, Stage
from tests.faults.subject import BTC, CHANNELS, ETH, labels_of

OPEN_FILES = Path("/proc/self/fd")
GONE_SECONDS = 1.0  # in which tasks and sockets must be gone after `aclose`
EARLY_SECONDS = 0.002  # by which a dial may seem to come too soon: two clocks were read
SILENT_SECONDS = SILENCE_SECONDS + 1.0  # and the market, which speaks once a second where it is slowest
UNAUTHORIZED = 13009  # for the want of a login: it did nothing, and may be sent again under a new one
USER = 10  # the id of the simulated exchange's first account


def judge(stage: Stage) -> None:
    """Hold what the client was given against the ledger."""
    judge_trades(stage)
    judge_books(stage)
    judge_marks(stage)
    judge_calls(stage)
    judge_own(stage)
    judge_subscriptions(stage)
    judge_dials(stage)
    judge_readers(stage)
    silence = stage.subject.observed.longest_silence
    assert silence <= SILENT_SECONDS, f"G9: {silence:.1f} s without data, mark or exception"


def judge_readers(stage: Stage) -> None:
    """No reader ended by itself, for whatever reason."""
    ended = [error for error in stage.subject.observed.errors if isinstance(error, AssertionError)]
    assert not ended, f"G9: {ended}"


def judge_trades(stage: Stage) -> None:
    """G1: each trade once, ascending; what is lost is declared."""
    for flow in stage.subject.observed.flows:
        for name in (BTC, ETH):
            if flow.is_about(name):
                made = stage.exchange.ledger.trade_seqs_made(name, since=flow.first(name))
                flow.judge(name, made, f"G1: {flow.channel}, {name}")


def judge_books(stage: Stage) -> None:
    """G2: whatever could be read was the exchange's book at that change_id, or said that it is not."""
    for looks in stage.subject.observed.looks.values():
        assert looks.count, f"G2: {looks.instrument} was never seen"
        assert not looks.faults, f"G2: {looks.faults}"


def judge_marks(stage: Stage) -> None:
    """G3: one Disconnected and one Connected for each drop, in order, in the stream as for handlers."""
    turns = [turn.up for turn in stage.subject.observed.turns]
    assert turns == ([True, False] * len(turns))[: len(turns)], f"G3: {turns}"
    assert turns[-1], "G3: the last mark is no Connected"
    told = [type(mark) for mark in stage.subject.observed.told]
    assert told == ([Connected, Disconnected] * len(told))[: len(told)], f"G3: handlers heard {told}"
    assert len(told) == len(turns), f"G3: {len(turns)} marks in the stream, {len(told)} for handlers"


def judge_calls(stage: Stage) -> None:
    """G4: each call ended once, with its own answer; no id came twice; no order was sent twice."""
    calls, ledger = stage.subject.observed.calls, stage.exchange.ledger
    assert not calls.twice, f"G4: {calls.twice}"
    assert not calls.pending, f"G4: {calls.pending} calls never ended"
    assert not calls.ended["lost"], "G4: a call ended with no answer and no error of ours"
    ids = Counter(request.id for request in ledger.requests if request.id is not None)
    again = [number for number, count in ids.items() if count > 1]
    assert not again, f"G4: ids used again: {again[:5]}"
    undone = {(one.connection, one.id) for one in ledger.refusals_of(UNAUTHORIZED)}
    orders = [*ledger.requests_of("private/buy"), *ledger.requests_of("private/sell")]
    sent = Counter(labels_of(one for one in orders if (one.connection, one.id) not in undone))
    assert not sent or max(sent.values()) == 1, f"G4: sent twice: {sent.most_common(3)}"


def judge_own(stage: Stage) -> None:
    """G1, G4: own fills came once each; what was said of an order is so."""
    owned, ledger = stage.subject.observed.owned, stage.exchange.ledger
    made = list(ledger.user_trades[USER])[owned.entered_fills :]
    heard = [fill["trade_id"] for fill in owned.fills]
    assert len(heard) == len(set(heard)), "G1: an own fill came twice"
    lacking = {fill["trade_id"] for fill in made} - set(heard)
    assert not lacking, f"G1: own fills never came: {sorted(lacking)[:5]}"
    for label, order_id in owned.placed.items():
        assert ledger.versions(order_id)[-1]["label"] == label, f"G4: {label} is another's order"
        assert order_id in owned.states, f"G1: the order {label} was never heard of"
    for label in owned.absent:
        assert not ledger.labelled(label), f"G4: {label} exists, though it was said not to"
    assert not owned.unknown, f"G4: in doubt: {owned.unknown}"


def judge_subscriptions(stage: Stage) -> None:
    """G5: the exchange's side of the newest connection has what is wanted, neither less nor more."""
    assert stage.newest, "G5: no connection"
    held = set(stage.exchange.connections[stage.newest].channels)
    held = {channel for channel in held if not channel.startswith(("user.", "instrument.state"))}
    wanted = {channel for channel in CHANNELS if not channel.startswith("user.")}
    assert held >= wanted, f"G5: not subscribed: {sorted(wanted - held)}"
    assert held <= wanted, f"G5: subscribed beyond that: {sorted(held - wanted)}"
    count = len(stage.exchange.connections)
    assert count <= 1 + stage.ghosts, f"G5: {count} connections at once"


def judge_dials(stage: Stage) -> None:
    """G8: no dial came sooner after a failed one, or a lost link, than the least that the back-off waits."""
    dials = stage.links.dials
    ends = _ends(stage, dials)
    least = Backoff(stage.retry_seconds, lambda: 0.0)
    for number, (end, lived) in enumerate(ends[:-1]):
        least.failed(lived)
        early = end + least.wait() - dials[number + 1]
        assert early <= EARLY_SECONDS, f"G8: dial {number + 2} came {early:.3f} s too soon"


def _ends(stage: Stage, dials: list[float]) -> list[tuple[float, float]]:
    """Give of each dial when it came to nothing, at the earliest, and how long it had been healthy."""
    lost = [turn for turn in stage.subject.observed.turns if not turn.up]
    ends = []
    for number, dial in enumerate(dials):
        until = dials[number + 1] if number + 1 < len(dials) else float("inf")
        turn = next((turn for turn in lost if dial <= turn.at <= until), Turn(dial, up=False))
        ends.append((turn.at, turn.lived))
    return ends


# --- what is left


@asynccontextmanager
async def watched() -> AsyncIterator[None]:
    """G6: hold what is played within to leaving no task, no socket, no warning and no complaint."""
    loop = asyncio.get_running_loop()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    tasks, sockets = asyncio.all_tasks(), open_sockets()
    with _warnings() as caught:
        yield
        until = loop.time() + GONE_SECONDS
        while (asyncio.all_tasks() - tasks or open_sockets() - sockets) and loop.time() < until:  # noqa: ASYNC110  no event
            await asyncio.sleep(0.01)
        gc.collect()  # an exception that nobody fetched is told when its task is collected
    left = [task.get_name() for task in asyncio.all_tasks() - tasks]
    assert not left, f"G6: tasks are left: {left}"
    assert not open_sockets() - sockets, f"G6: sockets are left: {open_sockets() - sockets}"
    assert not caught, f"G6: warned: {caught[:3]}"
    said = [f"{one.get('message')}: {one.get('exception')!r}" for one in complaints]
    assert not said, f"G6: the loop complained: {said[:3]}"


@contextmanager
def _warnings() -> Iterator[list[str]]:
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield texts
        texts += [f"{one.category.__name__}: {one.message}" for one in caught]


def open_sockets() -> set[str]:
    """Give the sockets this process has open, as the system names them; none where it has no /proc."""
    names = set()
    for entry in OPEN_FILES.iterdir() if OPEN_FILES.is_dir() else ():
        with suppress(OSError):
            names.add(str(entry.readlink()))
    return {name for name in names if name.startswith("socket:")}
