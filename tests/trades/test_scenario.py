"""Many trades on many instruments, with the link cut at random by all means: none is lost.

A small cast; `python -m tests.trades.scenario --seeds 20` plays the whole one, with 100,000 trades and
50 cuts a seed, and prints the sums.
"""

import os

import pytest

from tests.trades.scenario import play

SEEDS = int(os.environ.get("DERIBIT_WS_SEEDS", "3"))  # more by hand


@pytest.mark.looptime
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_delivered_is_what_was_made(seed: int) -> None:
    """Per instrument all that was made is delivered, once and in order, and nothing is declared lost."""
    sums = await play(seed, 2_000, instruments=20, cuts=8, disturbances=15, births=2)

    assert sums.lost == 0, sums
    assert sums.recovered > 0, sums


@pytest.mark.looptime
async def test_without_faults_nothing_is_recovered() -> None:
    """On a link without faults history is never needed."""
    sums = await play(0, 1_000, cuts=0)

    assert (sums.lost, sums.recovered, sums.duplicates, sums.links) == (0, 0, 0, 1), sums


async def test_delivered_is_what_was_made_over_sockets() -> None:
    """The same over loopback."""
    sums = await play(1, 2_000, instruments=12, cuts=8, disturbances=5, births=1, sockets=True)

    assert sums.lost == 0, sums
    assert sums.links > 5, sums
