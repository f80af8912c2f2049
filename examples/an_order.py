"""An order that is never in doubt: placed, or proved not to be; then cancelled."""

import asyncio
import os

from deribit_ws import TESTNET, Client, Credentials, OrderNotPlaced, RpcError

URL = os.environ.get("DERIBIT_URL", TESTNET)
KEY = Credentials(os.environ["DERIBIT_CLIENT_ID"], os.environ["DERIBIT_CLIENT_SECRET"])
NAME = "BTC-PERPETUAL"


async def main() -> None:
    async with Client(URL, credentials=KEY) as client:
        ticker = await client.public.ticker(instrument_name=NAME)
        price = round(ticker.mark_price * 0.99)  # below the market: it will rest
        try:
            order = await client.orders.buy(NAME, amount=10, price=price, label="example", post_only=True)
        except (OrderNotPlaced, RpcError) as error:
            print("there is no order:", error)
            return
        await client.orders.wait_valid()
        print("open:", [o.order_id for o in client.orders.by_label("example")])
        order = await client.orders.cancel(order.order_id)
        print("ended as", order.order_state, "with", order.filled_amount, "filled")


asyncio.run(main())
