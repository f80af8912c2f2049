"""The link is killed at each moment of buy, edit and cancel, in memory and over TCP: the outcome is right."""

import os
import random

import pytest

from deribit_ws.testing.proxy_faults import Moment
from tests.orders.kills import ACTS, all_over_sockets, in_memory, repeat

TIMES = int(os.environ.get("ORDER_KILLS", "0"))  # for each act and moment; see `kills`
SEED = int(os.environ.get("ORDER_KILLS_SEED", "1"))
pytestmark = pytest.mark.timeout(60 if not TIMES else 7200)


@pytest.mark.looptime
@pytest.mark.parametrize("moment", Moment, ids=lambda moment: moment.value)
@pytest.mark.parametrize("act", ACTS)
async def test_killed_in_memory(act: str, moment: Moment) -> None:
    """Whenever the link is killed, the user hears what the exchange did, and nothing is done twice."""
    random.seed(SEED)  # the back-off's
    async with in_memory(SEED) as stage:
        await repeat(stage, act, moment, TIMES or 10)

        assert stage.seen == {moment.value: TIMES or 10}, f"seed {SEED}"


async def test_killed_over_sockets() -> None:
    """The same over real sockets, cut by a proxy."""
    await all_over_sockets(TIMES or 1, SEED)
