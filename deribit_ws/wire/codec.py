"""The JSON-RPC envelope: requests to bytes, frames to what they are.

Knows: Deribit's envelope and nothing inside it. Must not know: which calls are pending, or who
listens. `protocol` is the only caller. Source: docs.deribit.com, JSON-RPC overview; facts seen on
the wire: key order varies, an error may come without an id, numbers may be in exponent form.
"""

import functools
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from deribit_ws.errors import UsageError

MAX_FRAME = 32_000  # bytes; Deribit refuses a frame over 32 kB with -32600

# How nearly every notification begins; the channel's name follows, then its closing quote.
NOTIFICATION_HEAD = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"'
NOTIFICATION_DATA = b'","data":'
NOTIFICATION_TAIL = b"}}"


class ErrorBody(msgspec.Struct):
    """`error` of an answer."""

    code: int
    message: Any = ""  # a str once read: null, or whatever else, must not keep an error from its call
    data: Any = None

    def __post_init__(self) -> None:
        self.message = "" if self.message is None else str(self.message)


class Params(msgspec.Struct):
    """`params` of what the server sends unasked: of a notification, or of a heartbeat."""

    channel: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    type: str | None = None


class Envelope(msgspec.Struct):
    """Any message from the server; what stands beside these fields is not looked at."""

    id: int | str | None = None
    method: str | None = None
    params: Params | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: ErrorBody | None = None
    usOut: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # noqa: N815  the exchange's clock as it answered, µs


# Nothing typed is read strictly: a field has been seen both as 4 and as 4.0, and costs no more so.
_envelope = msgspec.json.Decoder(Envelope, strict=False)
_encode = msgspec.json.Encoder(decimal_format="number").encode


Decode = Callable[[bytes | msgspec.Raw], Any]  # raises `msgspec.ValidationError` when it is another shape


@functools.lru_cache(maxsize=1024)  # some two hundred types are asked for; one that makes up more is bounded
def decoder_of(type: Any) -> Decode:
    """Give what decodes JSON into a type; made once for each.

    Numbers and bools are read from what means them, 4.0 or "4" as 4. Where null came for what can't be
    null, all nulls of that answer count as left out: a call that acted must not be lost over one.
    """
    decode = msgspec.json.Decoder(type, strict=False).decode

    def forgiving(data: bytes | msgspec.Raw) -> Any:
        try:
            return decode(data)
        except msgspec.ValidationError as misfit:
            try:
                return msgspec.convert(_without_nulls(decode_plain(data)), type, strict=False)
            except (msgspec.DecodeError, RecursionError):
                raise misfit from None

    return forgiving


def _without_nulls(value: Any) -> Any:
    match value:
        case dict():
            return {name: _without_nulls(item) for name, item in value.items() if item is not None}
        case list():
            return [_without_nulls(item) for item in value]
        case _:
            return value


decode_plain: Decode = msgspec.json.Decoder().decode  # into dicts, lists and words


def decode_envelope(frame: bytes) -> Envelope:
    """Read a frame's envelope; raise `msgspec.DecodeError` when it is none."""
    return _envelope.decode(frame)


def encode_request(id: int, method: str, params: Mapping[str, Any]) -> bytes:
    """Write a request; parameters that are None are left out, as Deribit wants.

    Raises:
        UsageError: a parameter is no JSON, or the frame would pass Deribit's 32 kB.
    """
    present = {name: value for name, value in params.items() if value is not None}
    try:
        frame = _encode({"jsonrpc": "2.0", "id": id, "method": method, "params": present})
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{method}: {error}") from error
    for name, value in present.items():
        if fault := _fault_of(value):
            raise UsageError(f"{method}: {name} {fault}")
    if len(frame) > MAX_FRAME:
        raise UsageError(f"{method}: {len(frame)} bytes, and Deribit takes {MAX_FRAME} at most")
    return frame


def _fault_of(value: Any) -> str | None:
    """Say what JSON has no word for; the encoder would write something else without a word."""
    match value:
        case float() if not math.isfinite(value):  # as null: an order's price would be none at all
            return "is not finite, and JSON has no word for that"
        case Decimal() if not value.is_finite():
            return "is not finite, and JSON has no word for that"
        case bytes() | bytearray() | memoryview():  # as base64
            return "is bytes, where only text can be sent"
        case Mapping():
            return next(filter(None, map(_fault_of, value.values())), None)
        case list() | tuple() | set() | frozenset():
            return next(filter(None, map(_fault_of, value)), None)
        case _:
            return None
