"""The link is cut after every so many bytes of a whole dialogue, in each direction: it ends right."""

import os
import random

import pytest

from deribit_ws.testing.proxy_faults import Ending, Way
from tests.orders.stairway import Stairway

STRIDE = int(os.environ.get("ORDER_STRIDE", "0"))  # bytes; see `stairway`
pytestmark = [pytest.mark.looptime, pytest.mark.timeout(60 if not STRIDE else 7200)]


@pytest.mark.parametrize("how", Ending, ids=lambda how: how.value)
@pytest.mark.parametrize("way", Way, ids=lambda way: way.value)
async def test_stairway(way: Way, how: Ending) -> None:
    """Wherever the link is cut, orders end as the user is told, each placed once."""
    random.seed(1)  # the back-off's
    stairs = Stairway(way, how, STRIDE or (101 if way is Way.UP else 499))  # some twelve steps each way
    await stairs.climb()

    print(f"{way.value}, {how.value}: {stairs.steps} steps")
    assert stairs.steps * stairs.stride > (1_000 if way is Way.UP else 5_000)
