"""The JSON-RPC envelope as Deribit wraps it.

Knows: requests in, answers and errors out, with usIn, usOut, usDiff and testnet. Must not know:
what any method does, or sockets. `session` (websocket) and `http` speak with it. Source: JSON-RPC
overview of docs.deribit.com, and captured answers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from deribit_ws.wire.errors import NAMES

MAX_REQUEST = 32 * 1024  # bytes of a frame or body
BAD_REQUEST = 11050
TOO_LARGE = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
UNAUTHORIZED = 13009
# The JSON-RPC codes say their message in words, all others by name.
MESSAGES = {
    TOO_LARGE: "request entity too large",
    METHOD_NOT_FOUND: "Method not found",
    INVALID_PARAMS: "Invalid params",
}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Refusal(Exception):
    """A request ends as an error answer with this code and data; `message` None: the code's own name."""

    def __init__(self, code: int, data: Any = None, message: str | None = None) -> None:
        super().__init__(code, data)
        self.code = code
        self.data = data
        self.message = message or MESSAGES.get(code) or NAMES.get(code, "error")

    @classmethod
    def param(cls, name: str, reason: str) -> "Refusal":
        """A parameter is missing or wrong."""
        return cls(INVALID_PARAMS, {"param": name, "reason": reason})


@dataclass(frozen=True, slots=True)
class RpcRequest:
    """A request that could be read; `id` None when it had none, or none of a legal type."""

    method: str
    params: dict[str, Any] = field(default_factory=dict)
    id: int | str | None = None


def read(payload: bytes | str) -> RpcRequest:
    """Read a request; raises Refusal for what is none."""
    if len(payload) > MAX_REQUEST:
        raise Refusal(TOO_LARGE)
    try:
        message = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refusal(BAD_REQUEST, "invalid json") from None
    match message:
        case {"method": str(method)}:
            params = message.get("params", {})
            if not isinstance(params, dict):
                raise Refusal.param("params", "must be an object")
            return RpcRequest(method, params, _legal_id(message.get("id")))
        case _:
            raise Refusal(BAD_REQUEST, "invalid request")


def _legal_id(value: object) -> int | str | None:
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


class Stamp:
    """When a request came in; `wall_clock` in seconds since the epoch."""

    __slots__ = ("_arrived", "_wall_clock")

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._arrived = int(wall_clock() * 1_000_000)

    def result(self, request_id: int | str | None, result: Any) -> bytes:
        """A successful answer."""
        return self._seal(request_id, {"result": result})

    def error(self, request_id: int | str | None, refusal: Refusal) -> bytes:
        """An error answer."""
        error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
        if refusal.data is not None:
            error["data"] = refusal.data
        return self._seal(request_id, {"error": error})

    def _seal(self, request_id: int | str | None, outcome: dict[str, Any]) -> bytes:
        left = int(self._wall_clock() * 1_000_000)
        return _encode(
            {
                "jsonrpc": "2.0",
                **({} if request_id is None else {"id": request_id}),
                **outcome,
                "usIn": self._arrived,
                "usOut": left,
                "usDiff": left - self._arrived,
                "testnet": True,
            }
        )
