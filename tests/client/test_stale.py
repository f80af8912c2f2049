"""Stale channels: what should speak and does not is told, once, and nothing else is."""

import asyncio
from typing import Any

import pytest

from deribit_ws import Connected, Disconnected, Stale, UsageError
from tests.client.conftest import Ears, Make
from tests.client.far_end import MemoryExchange, Message, Wire

INDEX, BOOK = "deribit_price_index.btc_usd", "book.BTC-PERPETUAL.100ms"
PRICE = {"index_name": "btc_usd", "price": 1.0, "timestamp": 1}


def stale(ears: Ears) -> list[Stale]:
    return [mark for mark in ears.marks if isinstance(mark, Stale)]


@pytest.mark.looptime
async def test_an_index_that_stops(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """An index price that does not come for 10 s is stale, told once until it comes again."""
    client = remember(heartbeat=None)
    client.register(INDEX, lambda price: None)
    async with client:
        for _ in range(20):
            memory.wire.tell(INDEX, PRICE)
            await asyncio.sleep(1)
        assert stale(ears) == []
        await asyncio.sleep(30)
        assert [(mark.channel, round(mark.seconds)) for mark in stale(ears)] == [(INDEX, 10)]
        memory.wire.tell(INDEX, PRICE)
        await asyncio.sleep(11)

    assert [round(mark.seconds) for mark in stale(ears)] == [10, 10]


@pytest.mark.looptime
async def test_quiet_channels_are_not_stale(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A market that is merely quiet is never called stale."""
    client = remember()
    client.register(BOOK, lambda change: None)
    client.register("ticker.BTC-PERPETUAL.100ms", lambda ticker: None)
    async with client:
        await asyncio.sleep(300)

    assert stale(ears) == []


@pytest.mark.looptime
async def test_what_the_user_expects(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """Any channel is stale after the seconds the user gives, in marks of streams too; None ends that."""
    client = remember()
    client.expect(BOOK, within=3.0)
    async with client, client.stream(BOOK, marks=True) as stream:
        await asyncio.sleep(10)
        assert await anext(stream) == stale(ears)[0]
        client.expect(BOOK, within=None)
        await asyncio.sleep(10)

    assert [round(mark.seconds) for mark in stale(ears)] == [3]


@pytest.mark.looptime
async def test_no_link_is_no_silence(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """While there is no link, Disconnected says it all; the silence of a channel counts anew on the next."""
    client = remember(retry_seconds=100)
    client.register(INDEX, lambda price: None)
    async with client:
        memory.dial_seconds = 60.0
        memory.wire.drop()
        await asyncio.sleep(65)
        assert [type(mark) for mark in ears.marks] == [Connected, Disconnected, Connected]
        await asyncio.sleep(12)

    assert len(stale(ears)) == 1


def test_bad_input(remember: Make) -> None:
    """What is no channel's name, or no time, is refused."""
    client = remember()

    for channels, within in ((("book.*.raw",), 1.0), ((BOOK,), 0.0), ((BOOK,), float("nan")), ((), 1.0)):
        with pytest.raises(UsageError):
            client.expect(*channels, within=within)


@pytest.mark.looptime
async def test_expected_whoever_listens(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """An index held by `subscribe`, whose first message comes before the answer, is watched as well."""
    client = remember()
    client.register("deribit_price_index.>", lambda price: None)

    def subscribed(wire: Wire, request: Message) -> Any:
        wire.tell(INDEX, PRICE)
        return request["params"]["channels"]

    memory.answers["public/subscribe"] = subscribed
    async with client:
        await client.subscribe(INDEX)
        await asyncio.sleep(30)

    assert [mark.channel for mark in stale(ears)] == [INDEX]
