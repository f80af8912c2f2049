"""Calls that end without an answer: their credits are held until the exchange is known to have them."""

import asyncio

import pytest

from deribit_ws import CallTimeout, Client, RequestNotSent
from tests.client.conftest import Make
from tests.client.far_end import MemoryExchange

pytestmark = pytest.mark.looptime


async def used_up(client: Client) -> None:
    """Time out on every read that there are credits for, and on more."""
    calls = (client.call("public/get_time", timeout=1) for _ in range(100))
    ends = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(end) for end in ends} == {CallTimeout, RequestNotSent}


@pytest.mark.parametrize("late", [{"result": 1}, {"error": {"code": 11051, "message": "system_maintenance"}}])
async def test_a_late_answer(memory: MemoryExchange, remember: Make, late: dict[str, object]) -> None:
    """One late answer shows that all sent before it arrived: their credits refill from then on."""
    memory.mute("public/get_time")
    async with remember() as client:
        await used_up(client)
        await asyncio.sleep(1)
        assert client.limits.pools["non_matching_engine"].left < 12
        last = [
            message["id"] for _, message in memory.wire.requests if message["method"] == "public/get_time"
        ][-1]
        memory.wire.say(id=last, **late)
        await asyncio.sleep(2)

        assert client.limits.pools["non_matching_engine"].left == pytest.approx(10 + 2 * 19.6, abs=1.5)


async def test_the_link_is_lost(memory: MemoryExchange, remember: Make) -> None:
    """When the link is lost, what was held for its unanswered calls refills at once."""
    memory.mute("public/get_time")
    async with remember() as client:
        await used_up(client)
        memory.wire.drop()
        await asyncio.sleep(2)

        assert client.limits.pools["non_matching_engine"].left == pytest.approx(9 + 2 * 19.6, abs=0.5)
