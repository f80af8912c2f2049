"""What a busy user does meanwhile: reads, and now and then orders, whatever the link is like.

Knows the public face of the client, and which ends a call may have. Must not know the far end. Few orders,
as a client rightly remembers each for half an hour, which would pass for a leak.
"""

import asyncio
from collections import Counter

from deribit_ws import CallError, Client, OrderNotPlaced

READ_SECONDS = 0.25  # between two reads: a fifth of the credits
CALL_SECONDS = 30.0  # deadline of a call
LATE_SECONDS = 5.0  # by which a call may end after it, on a busy machine
NAME = "BTC-PERPETUAL"
FAR = 10_000.0  # USD: far from the market, so that it rests


class Desk:
    """One user at work.

    Attributes:
        ends: how calls ended, by name of the error, "result" for the others.
        longest: seconds a read took.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.ends: Counter[str] = Counter()
        self.longest = 0.0

    async def read(self) -> None:
        """Ask for the time, again and again."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._client.call("public/get_time", timeout=CALL_SECONDS)
                self.ends["result"] += 1
            except CallError as error:
                self.ends[type(error).__name__] += 1
            self.longest = max(self.longest, loop.time() - began)
            await asyncio.sleep(READ_SECONDS)

    async def order(self) -> None:
        """Have one order rest and be cancelled, and one be filled; whatever fails is told by its name."""
        orders = self._client.orders
        try:
            resting = await orders.buy(NAME, amount=10, price=FAR, valid_for=2.0)
            self.ends["order rests"] += 1
            await orders.buy(NAME, amount=10, type="market", valid_for=2.0)
            self.ends["order filled"] += 1
            await orders.cancel(resting.order_id)
            self.ends["order cancelled"] += 1
        except OrderNotPlaced:
            self.ends["order not placed"] += 1
        except CallError as error:
            self.ends[f"order {type(error).__name__}"] += 1
