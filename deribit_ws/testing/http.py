"""The same methods over plain HTTP.

Knows: GET with query parameters, POST with a JSON-RPC body, errors as HTTP 400. Must not know:
websockets. `door` hands it every request that is not for the websocket's address.
"""

import asyncio

from aiohttp import web

from deribit_ws.testing import methods
from deribit_ws.testing.calls import Call, Venue
from deribit_ws.testing.envelope import MAX_REQUEST, TOO_LARGE, Refusal, RpcRequest, Stamp, read
from deribit_ws.testing.faults import FailRequest
from deribit_ws.testing.ledger import Refused, Request
from deribit_ws.testing.params import Params

PREFIX = "/api/v2/"


async def answer(request: web.BaseRequest, venue: Venue) -> web.Response:
    """The answer to one HTTP request: 200 with a result, 400 with an error, 404 off the methods' path."""
    if not request.path.startswith(PREFIX):
        return web.Response(status=404)
    stamp = Stamp(venue.clock)
    now = asyncio.get_running_loop().time()
    method = request_id = None
    try:
        rpc = await _read(request)
        method, request_id = rpc.method, rpc.id
        venue.ledger.note(Request.made(now, None, method, request_id, rpc.params))
        call = Call(venue, Params(rpc.params), None, request.remote or "")
        methods.charge(method, call)
        if failure := venue.standing.take(FailRequest, method):
            raise Refusal(failure.code, failure.data, failure.message)
        return _response(200, stamp.result(request_id, methods.run(method, call)))
    except Refusal as refusal:
        venue.ledger.note(Refused(now, None, method, request_id, refusal.code))
        return _response(400, stamp.error(request_id, refusal))


async def _read(request: web.BaseRequest) -> RpcRequest:
    if request.method == "POST":
        if (request.content_length or 0) > MAX_REQUEST:
            raise Refusal(TOO_LARGE)
        return read(await request.read())
    return RpcRequest(request.path.removeprefix(PREFIX), dict(request.query))


def _response(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")
