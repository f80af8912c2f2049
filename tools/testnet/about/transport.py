"""Checks of the handshake: compression.

Knows: aiohttp, since what is negotiated is hidden from everyone above it. Must not know: JSON-RPC but
for one request that shows the link works.
"""

import aiohttp

from deribit_ws.aiohttp_transport.resolver import DaemonResolver
from tools.testnet.bench import Bench
from tools.testnet.checks import check
from tools.testnet.verdicts import Findings, Undecided, judged

_REQUEST = '{"jsonrpc": "2.0", "id": 1, "method": "public/get_time", "params": {}}'
_WINDOW_BITS = 15  # of deflate: what we offer, and what is believed to be answered
_SECONDS = 15.0


@check("§1")
async def compression_not_offered(bench: Bench) -> Findings:
    """A client that offers no compression is given none."""
    bits, works = await _negotiated(bench.url, 0)
    return judged(bits == 0 and works, f"window bits {bits}, answered: {works}")


@check("§1")
async def compression_offered(bench: Bench) -> Findings:
    """A client that offers permessage-deflate is given it, with a window of 15 bits, and can read it."""
    bits, works = await _negotiated(bench.url, _WINDOW_BITS)
    return judged(bits == _WINDOW_BITS and works, f"window bits {bits}, answered: {works}")


async def _negotiated(url: str, offer: int) -> tuple[int, bool]:
    """The window bits agreed on (0: no compression), and whether an answer could be read."""
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    connector = aiohttp.TCPConnector(resolver=DaemonResolver(), force_close=True)
    patience = aiohttp.ClientWSTimeout(ws_receive=_SECONDS, ws_close=1.0)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.ws_connect(url, compress=offer, timeout=patience) as websocket,
        ):
            await websocket.send_str(_REQUEST)
            answer = await websocket.receive()
            return websocket.compress, answer.type is aiohttp.WSMsgType.TEXT and "result" in answer.json()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Undecided(f"no handshake: {type(error).__name__}: {error}") from None
