"""A stream that outlives every drop: the second of the two programs that this project grew from."""

import asyncio
import contextlib
import json
import logging
import os

from deribit_ws import TESTNET, websocket_generator

URL = os.environ.get("DERIBIT_URL", TESTNET)

subscribe = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "public/subscribe",
    "params": {"channels": ["ticker.BTC-PERPETUAL.100ms"]},
}


async def print_btc_ticker() -> None:
    async for websocket in websocket_generator(URL):
        try:
            await websocket.send(json.dumps(subscribe))
            while websocket.open:
                print(await websocket.recv(), flush=True)
        except Exception as e:
            logging.error(f"Error in print_btc_ticker: {e}")
            continue


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(print_btc_ticker())
