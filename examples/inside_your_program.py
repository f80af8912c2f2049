"""Calls and streams inside an asyncio program of your own, on its own ClientSession."""

import asyncio
import os

import aiohttp

from deribit_ws import TESTNET, Client, SubscriptionRejected

URL = os.environ.get("DERIBIT_URL", TESTNET)


async def follow(client: Client, channel: str, messages: int) -> None:
    async with client.stream(channel) as stream:
        async for notification in stream:
            print(notification.channel, notification.data, flush=True)
            messages -= 1
            if not messages:
                return


async def main() -> None:
    async with aiohttp.ClientSession() as session, Client(URL, session=session) as client:
        print("exchange time", await client.call("public/get_time"), "ms")
        async with asyncio.TaskGroup() as group:
            group.create_task(follow(client, "ticker.BTC-PERPETUAL.100ms", 5))
            group.create_task(follow(client, "deribit_price_index.btc_usd", 2))
        try:
            await client.subscribe("ticker.NO-SUCH-THING.100ms")
        except SubscriptionRejected as rejected:
            print("rejected:", *rejected.channels)


asyncio.run(main())
