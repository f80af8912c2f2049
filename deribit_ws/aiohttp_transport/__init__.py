"""The one room that sees aiohttp: it dials, and wraps what it gets as a `Transport`.

Knows: `ClientSession.ws_connect`, and every way such a socket can fail to open or can end. Must not
know: JSON, Deribit, retries. All of aiohttp's exceptions and message types are turned into
`ConnectFailed` and `ConnectionLost` here, since `async for` on an aiohttp websocket ends in silence
for FIN, RST and any close code. `websockets` and `client` dial through a `Dialer`.
"""

from deribit_ws.aiohttp_transport.dial import MAX_MESSAGE, Dialer
from deribit_ws.aiohttp_transport.link import AiohttpTransport

__all__ = ["MAX_MESSAGE", "AiohttpTransport", "Dialer"]
