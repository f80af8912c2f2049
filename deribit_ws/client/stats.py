"""What a client went through and how it is now, as values to look at.

Knows: where each figure is. Must not know: how any of it is counted (`tally`). `client` makes a snapshot
whenever `client.stats` is read; a message costs nothing for it.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from deribit_ws.client.lifecycle import Lifecycle, State
from deribit_ws.handlers.registry import Registry
from deribit_ws.limits import Limits
from deribit_ws.tally import Drop

_NOTIFICATION = b'"method":"subscription"'
_HEAD_BYTES = 64  # a notification says in these that it is one; an answer may be megabytes
_TIMESTAMP = re.compile(rb'"timestamp":(\d{13})[,}]')  # ms, as every payload with a time of its own has it


@dataclass(frozen=True, slots=True)
class ClientStats:
    """A client at one moment; counts are since it was made, over all its links.

    Args:
        state: where it is in its life.
        connections: links that came to life, the present one among them.
        uptime: seconds that the present link is live; None while there is none.
        dials_failed: dials that did not give a link.
        drops: links lost, by cause: "reset", "end_of_stream", "silent", "slow_consumer", "protocol",
            "upkeep", "reader", and "close_1001" and so on for close frames of the exchange.
        last_drops: the latest of them, oldest first, at most 20.
        channels: channels that the exchange has confirmed on the present link.
        messages: frames received, answers and heartbeats among them.
        received_bytes: their bytes.
        lag: seconds between the exchange's time in the latest message and its receipt; None while there is
            no link, and where that is an answer, a heartbeat, or has no time. Only as right as this
            machine's clock while `clock_offset` is None.
        queue_depth: messages that wait for callbacks and streams, or are in a coroutine function's hands.
        dropped: messages that slow consumers lost for newer ones, as told by `Lagged`.
        gaps: `Gap` marks, of trades that nobody can give back.
        lost: trades in them.
        resyncs: order books that were asked for anew after a doubt.
        back_fills: readings of history after a drop or a gap.
        recovered: trades and changes of own orders that they gave.
        round_trip: seconds, of the last sign of life; None before the first.
        clock_offset: seconds the exchange's clock is ahead of this machine's; None before the first answer.
        credits: requests that may be sent now, by pool, as `client.limits` has them; none before it is open.
        errors: errors told to `on_error` that no call awaited.
    """

    state: State
    connections: int
    uptime: float | None
    dials_failed: int
    drops: Mapping[str, int]
    last_drops: tuple[Drop, ...]
    channels: int
    messages: int
    received_bytes: int
    lag: float | None
    queue_depth: int
    dropped: int
    gaps: int
    lost: int
    resyncs: int
    back_fills: int
    recovered: int
    round_trip: float | None
    clock_offset: float | None
    credits: Mapping[str, float]
    errors: int


def stats_of(lifecycle: Lifecycle, registry: Registry, limits: Limits) -> ClientStats:
    """Take a snapshot."""
    tally, connection = registry.tally, lifecycle.connection
    messages, received_bytes = tally.received
    offset = lifecycle.clock.offset
    return ClientStats(
        state=lifecycle.state,
        connections=tally.connections,
        uptime=lifecycle.uptime,
        dials_failed=tally.dials_failed,
        drops=dict(tally.drops),
        last_drops=tuple(tally.last_drops),
        channels=len(registry.subscriptions.confirmed),
        messages=messages,
        received_bytes=received_bytes,
        lag=_lag(*connection.latest, offset or 0.0) if connection is not None else None,
        queue_depth=registry.depth,
        dropped=tally.dropped,
        gaps=tally.gaps,
        lost=tally.lost,
        resyncs=tally.resyncs,
        back_fills=tally.back_fills,
        recovered=tally.recovered,
        round_trip=tally.round_trip,
        clock_offset=offset,
        credits=_credits(limits) if lifecycle.state is not State.NEW else {},
        errors=registry.events.errors,
    )


def _credits(limits: Limits) -> dict[str, float]:
    return {name: pool.left for name, pool in limits.snapshot().pools.items()}


def _lag(frame: bytes, quiet: float, offset: float) -> float | None:
    """Give the seconds between the exchange's time in a message and when it was heard of."""
    if frame.find(_NOTIFICATION, 0, _HEAD_BYTES) < 0:  # an answer's time is that of what was asked for
        return None
    found = _TIMESTAMP.search(frame)
    return time.time() - quiet + offset - int(found[1]) / 1000 if found is not None else None
