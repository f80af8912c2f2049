"""A snapshot as plain lines, for a terminal without a view, and as plain values, for JSON.

Knows: what of a snapshot is worth a line. Must not know: where lines go. `cli` writes one a second.
"""

import time
from collections.abc import Iterator
from typing import Any

from deribit_ws.client.lifecycle import State
from deribit_ws.client.stats import ClientStats
from deribit_ws.monitor.figures import ms, price, rate, signed, span
from deribit_ws.monitor.snapshot import Health, Ladder, Row, Snapshot
from deribit_ws.tally import Drop

_TROUBLES = (Health.INVALID, Health.STALE, Health.REFUSED)


def state_line(snapshot: Snapshot) -> str:
    """How all of it is, below 80 characters unless there is trouble to tell."""
    stats = snapshot.stats
    parts = [
        time.strftime("%H:%M:%S", time.localtime(snapshot.time / 1e9)),
        f"up {span(stats.uptime)}" if stats.state is State.CONNECTED else stats.state.value,
        f"{rate(snapshot.rate)} msg/s",
        f"lag {lag(snapshot.lag, stats)}",
        f"trip {ms(stats.round_trip)}",
        f"clock {signed(stats.clock_offset)}",
        f"drops {sum(stats.drops.values())}",
    ]
    parts += [f"{health.value} {n}" for health in _TROUBLES if (n := snapshot.having(health))]
    parts += [f"gaps {snapshot.gaps:,}"] if snapshot.gaps else []
    return "  ".join(parts)


def channel_lines(snapshot: Snapshot) -> Iterator[str]:
    """A line for each channel, one for the credits."""
    for row in snapshot.rows:
        parts = [row.channel, row.health.value, f"{rate(row.rate)} msg/s", f"age {span(row.age)}"]
        parts += [f"lag {lag(row.lag, snapshot.stats)}"] if row.lag is not None else []
        parts += [f"gaps {row.gaps:,}"] if row.gaps is not None else []
        parts += [f"price {price(row.price)}"] if row.price is not None else []
        yield "  " + "  ".join(parts)
    yield f"  credits: {_credits(snapshot.stats)}"


def summary_line(snapshot: Snapshot) -> str:
    """How it was, in the end."""
    stats, messages = snapshot.stats, sum(row.messages for row in snapshot.rows)
    causes = ", ".join(f"{cause} {n}" for cause, n in stats.drops.items())
    drops = f"{sum(stats.drops.values())} drops{f' ({causes})' if causes else ''}"
    return f"Watched {span(snapshot.elapsed)}: {messages:,} messages, {drops}, gaps {snapshot.gaps:,}"


def _credits(stats: ClientStats) -> str:
    return ", ".join(f"{int(left):,} {pool}" for pool, left in stats.credits.items())


def lag(seconds: float | None, stats: ClientStats) -> str:
    """A lag, with ~ before it while nobody knows how right this machine's clock is."""
    doubt = "~" if seconds is not None and stats.clock_offset is None else ""
    return doubt + ms(seconds)


def drop_line(drop: Drop) -> str:
    """One drop: when, why, and how long the link had lived."""
    moment = time.strftime("%H:%M:%S", time.localtime(drop.at / 1e9))
    return f"{moment}  {drop.cause}  {drop.code} {drop.reason}".rstrip() + f", after {span(drop.healthy)}"


def as_values(snapshot: Snapshot) -> dict[str, Any]:
    """All of a snapshot but the chart and the levels; seconds end in `_s`, milliseconds in `_ms`."""
    stats = snapshot.stats
    return {
        "state": stats.state.value,
        "uptime_s": _rounded(stats.uptime, 1),
        "connections": stats.connections,
        "dials_failed": stats.dials_failed,
        "drops": dict(stats.drops),
        "round_trip_ms": _milli(stats.round_trip),
        "clock_offset_ms": _milli(stats.clock_offset),
        "lag_ms": _milli(snapshot.lag),
        "credits": {pool: round(left) for pool, left in stats.credits.items()},
        "messages": sum(row.messages for row in snapshot.rows),
        "rate": round(snapshot.rate, 1),
        "channels": {row.channel: _row(row) for row in snapshot.rows},
        "books": {ladder.channel: _book(ladder) for ladder in snapshot.ladders},
    }


def drop_values(drop: Drop) -> dict[str, Any]:
    """One drop, for the summary."""
    return {
        "cause": drop.cause,
        "code": drop.code,
        "reason": drop.reason,
        "lived_s": round(drop.healthy, 2),
        "recovered_ms": _milli(drop.recovered),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "state": row.health.value.lower(),
        "messages": row.messages,
        "rate": round(row.rate, 1),
        "age_s": _rounded(row.age, 2),
        "lag_ms": _milli(row.lag),
        "gaps": row.gaps,
        "price": row.price,
    }


def _book(ladder: Ladder) -> dict[str, Any]:
    return {
        "valid": ladder.valid,
        "best_bid": ladder.bids[0] if ladder.bids else None,
        "best_ask": ladder.asks[0] if ladder.asks else None,
    }


def _milli(seconds: float | None) -> float | None:
    return _rounded(None if seconds is None else seconds * 1000, 2)


def _rounded(value: float | None, places: int) -> float | None:
    return None if value is None else round(value, places)
