"""What requests look like on the wire, byte for byte, what is never sent, and what answers are read as."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from deribit_ws.errors import UsageError
from deribit_ws.wire.codec import MAX_FRAME, decode_envelope, decoder_of, encode_request
from tests.core.recording import listen, live


def test_request() -> None:
    """A request is compact JSON in Deribit's envelope."""
    frame = encode_request(7, "public/ticker", {"instrument_name": "BTC-PERPETUAL"})

    assert frame == (
        b'{"jsonrpc":"2.0","id":7,"method":"public/ticker","params":{"instrument_name":"BTC-PERPETUAL"}}'
    )


def test_no_params() -> None:
    """A call without parameters carries an empty object."""
    assert (
        encode_request(1, "public/test", {}) == b'{"jsonrpc":"2.0","id":1,"method":"public/test","params":{}}'
    )


def test_none_is_left_out() -> None:
    """A parameter that is None is left out; false, 0 and the empty string are not."""
    frame = encode_request(1, "m", {"a": None, "b": False, "c": 0, "d": "", "e": []})

    assert frame == b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"b":false,"c":0,"d":"","e":[]}}'


@pytest.mark.parametrize(
    ("price", "written"),
    [(0.5, b"0.5"), (50_000, b"50000"), (Decimal("50000.10"), b"50000.10"), (Decimal("1E+3"), b"1E+3")],
)
def test_numbers(price: Any, written: bytes) -> None:
    """A Decimal is sent as the number it is, never as a string, with the digits it has."""
    assert encode_request(1, "m", {"price": price}) == (
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"price":' + written + b"}}"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")], ids=str)
@pytest.mark.parametrize("nest", [lambda v: v, lambda v: [v], lambda v: [{"price": v}], lambda v: (1, (v,))])
def test_not_finite(value: Any, nest: Any) -> None:
    """A number that JSON can't write is refused by name, since null would mean no price at all."""
    with pytest.raises(UsageError, match="private/buy: price"):
        encode_request(1, "private/buy", {"amount": 1, "price": nest(value)})


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value", [object(), "\ud800", endless(), {(1, 2): 3}], ids=lambda v: type(v).__name__
)
def test_no_json(value: Any) -> None:
    """A parameter that is no JSON is a mistake of the caller's, and told as one."""
    with pytest.raises(UsageError, match=r"^private/buy: "):
        encode_request(1, "private/buy", {"label": value})


def test_size() -> None:
    """A frame of just 32 kB is sent; one byte more is refused before Deribit would."""
    empty = len(encode_request(1, "m", {"label": ""}))

    assert len(encode_request(1, "m", {"label": "x" * (MAX_FRAME - empty)})) == MAX_FRAME
    with pytest.raises(UsageError, match="32000"):
        encode_request(1, "m", {"label": "x" * (MAX_FRAME - empty + 1)})


def test_answer() -> None:
    """An answer's result stays undecoded until somebody is known to wait for it."""
    envelope = decode_envelope(
        b'{"usDiff":9,"testnet":true,"result":{"a":[1]},"id":3,"jsonrpc":"2.0","usIn":"x"}'
    )

    assert (envelope.id, bytes(envelope.result)) == (3, b'{"a":[1]}')  # type: ignore[arg-type]  # Raw is a buffer
    assert (envelope.error, envelope.method, envelope.params) == (None, None, None)


def test_null_is_a_value() -> None:
    """A result or data of null is there; a missing one is not."""
    answer = decode_envelope(b'{"id":1,"result":null}')
    note = decode_envelope(b'{"method":"subscription","params":{"channel":"a.b","data":null}}')

    assert bytes(answer.result) == b"null"  # type: ignore[arg-type]  # Raw is a buffer
    assert note.params is not None
    assert bytes(note.params.data) == b"null"  # type: ignore[arg-type]  # Raw is a buffer
    assert decode_envelope(b'{"id":1}').result is msgspec.UNSET


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ('{"code":10009,"message":null}', 10009, ""),
        ('{"code":"10009","message":"not_enough_funds"}', 10009, "not_enough_funds"),
        ('{"code":10009.0,"message":"not_enough_funds"}', 10009, "not_enough_funds"),
        ('{"code":1.0009e4}', 10009, ""),
        ('{"code":-32602,"message":{"reason":"x"},"data":null}', -32602, "{'reason': 'x'}"),
    ],
)
def test_odd_error(error: str, code: int, message: str) -> None:
    """An error ends its call by its code, however the code is written and whatever stands beside it."""
    protocol, told = live(listen()[0].notify)
    id, _ = protocol.call("private/buy", {})
    frame = f'{{"id":{id},"error":{error}}}'.encode()
    body = decode_envelope(frame).error
    protocol.receive(frame)

    assert told.events == [("failed", id, "RpcError", code)]
    assert protocol.pending == {}
    assert body is not None
    assert (body.code, body.message) == (code, message)


def test_whole_id() -> None:
    """An id that comes back as 3.0 is 3."""
    assert decode_envelope(b'{"id":3.0,"result":1}').id == 3


@pytest.mark.parametrize(
    ("type", "data", "value"),
    [
        (int, b"3.0", 3),
        (int | list[int], b"3.0", 3),
        (float, b"3", 3.0),
        (float | str, b'"market_price"', "market_price"),
        (float | str, b'"1.5"', "1.5"),
        (bool | str, b'"partial"', "partial"),
        (bool | str, b'"true"', "true"),
        (bool | str, b"true", True),
        (str | int, b"43", 43),
        (str | int, b'"43"', "43"),
        (str | int, b"43.0", 43),
        (str | int | float, b"43.0", 43.0),
        (str | None, b'"null"', "null"),
        (Any, b'{"a":[1,1.0,"1",null]}', {"a": [1, 1.0, "1", None]}),
    ],
)
def test_what_a_type_reads(type: Any, data: bytes, value: Any) -> None:
    """Where a word may stand a word stays a word; elsewhere a number is read however it is written."""
    read = decoder_of(type)(data)

    assert (read, read.__class__) == (value, value.__class__)


@pytest.mark.parametrize(
    ("type", "data"),
    [
        (int, b"3.5"),
        (int, b"true"),
        (int, b'"three"'),
        (float, b'"market_price"'),
        (float, b"null"),
        (str, b"5"),
        (bool, b'"partial"'),
        (list[int], b"{}"),
    ],
)
def test_what_no_type_reads(type: Any, data: bytes) -> None:
    """What means nothing of the type is no such thing."""
    with pytest.raises(msgspec.ValidationError):
        decoder_of(type)(data)
