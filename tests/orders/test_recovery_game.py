"""Own fills and order states equal the exchange's ledger, whatever happens to the listener's link."""

import pytest

from tests.orders.recovery_game import RecoveryGame, small_queues


@pytest.mark.looptime
@pytest.mark.parametrize("seed", [101, 102, 103])
async def test_equals_the_ledger(seed: int) -> None:
    """Each fill is heard once, each order's versions rise to the last, and the view is the account."""
    game = RecoveryGame(seed, troubles=5)
    with small_queues():
        await game.play()

    assert sum(game.ear.recovered.values()) > 0, seed
