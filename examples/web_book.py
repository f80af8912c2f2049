"""A live order book in every browser: an aiohttp.web application whose client lives as long as it does."""

import json
import os
from contextlib import suppress

from aiohttp import web

from deribit_ws import TESTNET, Client

PAGE = """<!doctype html><title>BTC-PERPETUAL</title><pre id="ladder"></pre><script>
new EventSource("book").onmessage = (event) => { ladder.textContent = JSON.parse(event.data) }
</script>"""
client = Client(os.environ.get("DERIBIT_URL", TESTNET))


async def page(request: web.Request) -> web.Response:
    return web.Response(text=PAGE, content_type="text/html")


async def book(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    with suppress(ConnectionResetError):  # the browser has left
        await response.prepare(request)
        async with client.order_book("BTC-PERPETUAL") as book:
            async for _ in book:  # a slow browser is given the newest state when it can take it
                rows = [f"{price:10}{size:12}" for price, size in (*book.asks[:10][::-1], *book.bids[:10])]
                shown = json.dumps("\n".join(rows) if book.valid else "no book at the moment")
                await response.write(f"data: {shown}\n\n".encode())
    return response


app = web.Application()
app.add_routes([web.get("/", page), web.get("/book", book)])
app.cleanup_ctx.append(client.cleanup_ctx)
app.on_shutdown.append(lambda _: client.aclose())  # ends the requests, which are waited for before cleanup
if __name__ == "__main__":
    web.run_app(app, host="localhost", port=int(os.environ.get("PORT", "8080")))
