"""A little of the soak, and proof that its judges can say no. At full size: `python -m tests.soak`."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from deribit_ws import Connected, Disconnected
from tests.soak import figures
from tests.soak.drops import soak
from tests.soak.ears import Faults, MarkEars, TradeEar
from tests.soak.flood import flood
from tests.soak.gauges import MIB, Course, Sample, slope
from tests.soak.rows import thousand_drops


async def test_a_client_lives_through_drops_in_a_row_over_sockets() -> None:
    """Nothing is lost, doubled or untrue through some drops in a row with everything open."""
    said: list[str] = []

    faults = await soak(20, seed=1, say=said.append)

    assert not faults, f"seed 1: {list(faults)}\n" + "\n".join(said)


async def test_a_client_keeps_up_with_a_flood_over_sockets() -> None:
    """Of a hundred thousand messages as fast as they are taken, with drops among them, none is missing."""
    said: list[str] = []

    found = await flood(100_000, 5, seed=1, say=said.append)
    faults = [fault for fault in found if "the loop was late" not in fault]  # a busy machine is no fault

    assert not faults, f"seed 1: {list(faults)}\n" + "\n".join(said)


@pytest.mark.looptime
@pytest.mark.parametrize("seed", [0, 1])
async def test_drops_in_a_row_in_virtual_time(seed: int) -> None:
    """Row 18 holds, and the client is back within the bound of one drop."""
    worst = await thousand_drops(seed, 60)

    assert worst <= 0.6


async def test_a_run_ends_cleanly_when_it_is_interrupted() -> None:
    """SIGINT ends a run with a verdict on what was seen so far."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "tests.soak", "--drops", "0", "--messages", "100000000"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        while b" drops, " not in await process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        rest = (await process.stdout.read()).decode()
    finally:
        code = await process.wait()

    assert "stopped early" in rest
    assert "messages " in rest  # its summary
    assert (code == 0) == ("FAILED" not in rest)


# --- the judges


class Told:
    """A flow that gives trades of some trade_seqs."""

    channel = "trades.BTC-PERPETUAL.100ms"

    def __init__(self, *seqs: int) -> None:
        self._seqs = seqs

    async def __aiter__(self) -> AsyncIterator[Any]:
        for seq in self._seqs:
            yield SimpleNamespace(instrument_name="BTC-PERPETUAL", trade_seq=seq)


@pytest.mark.parametrize("seqs", [(1, 2, 4), (1, 2, 2), (2, 1), (1, 3, 2)])
async def test_a_trade_missing_doubled_or_out_of_order_is_seen(seqs: tuple[int, ...]) -> None:
    """Every way that trades can be wrong is told."""
    faults = Faults()

    await TradeEar(Told(*seqs), faults).read()

    assert faults


async def test_trades_that_are_right_are_counted() -> None:
    """Trades each once and in order give no fault, and what is behind is told by name."""
    faults = Faults()
    ear = TradeEar(Told(5, 6, 7), faults)

    await ear.read()

    assert (list(faults), ear.delivered) == ([], 3)
    assert ear.behind({"BTC-PERPETUAL": 7}, {}) == []
    assert ear.behind({"BTC-PERPETUAL": 8}, {})


@pytest.mark.parametrize(
    "marks",
    [
        [Disconnected(1006, "", 1.0)],
        [Connected(1), Connected(2)],
        [Connected(1), Disconnected(1006, "", 1.0), Disconnected(1006, "", 1.0)],
        [Connected(2), Disconnected(1006, "", 1.0), Connected(1)],
    ],
)
async def test_marks_that_do_not_pair_are_seen(marks: list[Any]) -> None:
    """A mark too many, too few, or of an older link is told."""
    faults = Faults()
    ears = MarkEars(faults)

    for mark in marks:
        ears.on_connected(mark) if isinstance(mark, Connected) else ears.on_disconnected(mark)

    assert faults


def test_growth_is_seen() -> None:
    """Two KiB or forty blocks a drop, or a descriptor every hundred drops, are told; a flat course is not."""

    def told(rss: float = 0.0, blocks: float = 0.0, fds: float = 0.0) -> list[str]:
        return Course(
            samples=[
                Sample(at, 50 * MIB + int(at * rss), 200_000 + int(at * blocks), 11 + int(at * fds), 29, at)
                for at in range(0, 1001, 50)
            ]
        ).faults()

    assert told() == []
    assert told(rss=2048)
    assert told(blocks=40)
    assert told(fds=0.01)
    assert slope([(0, 1), (1, 3), (2, 5)]) == 2


def test_the_market_of_figures_is_one() -> None:
    """The book after a change is the book before it with one level set, and a snapshot says the same."""
    before, after = figures.book_at(figures.FIRST), figures.book_at(figures.FIRST + 1)
    differing = [
        (old, new)
        for side in (0, 1)
        for old, new in zip(before[side], after[side], strict=True)
        if old != new
    ]

    assert len(differing) == 1
    assert differing[0][0][0] == differing[0][1][0]
    assert str(differing[0][1][1]).encode() in figures.change_frame(figures.FIRST + 1)
