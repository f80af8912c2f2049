"""One request, one answer: the first of the two programs that this project grew from."""

import asyncio
import json
import os

from deribit_ws import TESTNET, ConnectionLost, websocket_generator

URL = os.environ.get("DERIBIT_URL", TESTNET)

request = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "public/get_order_book",
    "params": {"instrument_name": "BTC-PERPETUAL", "depth": 5},
}


async def order_book() -> dict[str, object]:
    async with websocket_generator(URL) as websockets:
        async for websocket in websockets:
            try:
                await websocket.send(request)
                answer: dict[str, object] = json.loads(await websocket.recv())
                return answer
            except ConnectionLost:
                continue  # forget it: the loop gives a new one
    raise RuntimeError("unreachable: the generator never ends by itself")


print(json.dumps(asyncio.run(order_book()), indent=2))
