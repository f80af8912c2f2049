"""A live client with everything open, told things that are nearly right."""

import asyncio
import logging
import random
from typing import Any

import pytest

from deribit_ws import Client, Credentials, DeribitError
from deribit_ws.testing import Say
from tests.bytes.promises import notification
from tests.client.conftest import Build, Ears
from tests.wire.channel_samples import BOOK, CHANGES, LEG, SAMPLES, TRADE, USER_LEG

NAME = "BTC-PERPETUAL"
FRAMES = 1200
PIECES = (
    b"",
    b"null",
    b"0",
    b"-1",
    b"1e300",
    b'"',
    b"[",
    b"}",
    b",",
    b'"BTC-PERPETUAL"',
    b"\\",
    b"[]",
    b"true",
)
MESSAGES = [
    *SAMPLES.values(),
    *[(f"book.{NAME}.100ms", BOOK.replace("SOL_USDC-PERPETUAL", NAME))] * 10,
    *[(f"trades.{NAME}.100ms", "[" + TRADE % ("1", NAME, "") + "," + LEG + "]")] * 10,
    *[("user.changes.any.any.raw", CHANGES)] * 10,
    *[("user.trades.any.any.raw", f"[{USER_LEG}]")] * 5,
]


def nearly(chance: random.Random, channel: str, data: str) -> str:
    """A message of a channel, with up to three pieces of its data replaced."""
    spoiled = data.encode()
    for _ in range(chance.randrange(4)):
        at, size = chance.randrange(len(spoiled) + 1), chance.randrange(12)
        spoiled = spoiled[:at] + chance.choice(PIECES) + spoiled[at + size :]
    return notification(channel, spoiled.decode(errors="replace")).decode()


@pytest.mark.parametrize("seed", range(2))
async def test_nearly_right(build: Build, ears: Ears, caplog: pytest.LogCaptureFixture, seed: int) -> None:
    """Whatever stands in the data of a channel, the link lives, no room fails, and what is right is heard."""
    caplog.set_level(logging.INFO)
    chance, heard = random.Random(seed), list[Any]()
    exchange = await build()
    client = Client(exchange.url, credentials=Credentials("simulated", "secret"), heartbeat=None)
    client.add_handler(ears)
    client.register(">", heard.append)
    async with client, client.order_book(NAME) as book, client.trades(NAME, hold=0.1):
        await client.orders.wait_valid()
        for number in range(FRAMES):
            exchange.inject(Say(text=nearly(chance, *chance.choice(MESSAGES))))
            if number % 20 == 0:  # 60 calls: no more than there are credits for at once
                exchange.step()
                await client.public.get_time()
        await asyncio.sleep(0.1)

        assert len(exchange.ledger.handshakes) == 1, f"seed {seed}: {ears.marks}"
    failed = [record.message for record in caplog.records if record.exc_info or "reader" in record.message]
    strange = [error for error in ears.errors if not isinstance(error, DeribitError)]

    assert not failed and not strange, f"seed {seed}: {failed} {strange}"
    assert len(heard) > FRAMES / 3
    assert book.gaps > 0
