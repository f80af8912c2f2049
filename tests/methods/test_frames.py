"""Every method of Deribit's puts exactly the frame on the wire that the exchange's reference wants.

The path is a user's: generated method, its checks, the bytes of the codec. What makes the call is a
recorder in the client's place. What a slip costs is here too: a UsageError, and no bytes at all.
"""

import inspect
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from deribit_ws.errors import UsageError
from deribit_ws.methods import PrivateMethods, PublicMethods
from deribit_ws.wire.codec import encode_request
from tests.methods.frames import Row, read_rows

ROWS = read_rows()
METHODS = 182  # as the exchange's reference counts them: 47 public, 135 private
CLASSES = {"public": PublicMethods, "private": PrivateMethods}
ORDER: dict[str, Any] = {"instrument_name": "BTC-PERPETUAL", "amount": 10}


class Wire:
    """Stands where the client does: writes each call down as the frame it becomes."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.asked: list[tuple[Any, float | None]] = []
        self.public = PublicMethods(self.call)
        self.private = PrivateMethods(self.call)

    async def call(self, method: str, params: Mapping[str, Any], result: Any, timeout: float | None) -> Any:
        self.frames.append(encode_request(1, method, params))
        self.asked.append((result, timeout))

    async def make(self, scope: str, name: str, arguments: Mapping[str, Any]) -> None:
        await getattr(getattr(self, scope), name)(**arguments)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def parsed(frame: bytes) -> Any:
    """A frame read so that 10, 10.0 and 1e1 are three things."""
    return json.loads(frame, parse_int=lambda text: ("int", text), parse_float=lambda text: ("float", text))


def sent_params() -> dict[str, list[dict[str, Any]]]:
    """The params of every literal frame, by method."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in ROWS:
        frame = json.loads(row.frame)
        found.setdefault(frame["method"], []).append(frame["params"])
    return found


def row_id(row: Row) -> str:
    return f"{row.scope}.{row.name}"


@pytest.mark.parametrize("row", ROWS, ids=row_id)
async def test_frame(row: Row, wire: Wire) -> None:
    """A call puts one frame on the wire: these keys, these values, each number written so, no blanks."""
    await wire.make(row.scope, row.name, row.arguments)

    assert [parsed(frame) for frame in wire.frames] == [parsed(row.frame)]
    assert len(wire.frames[0]) == len(row.frame)


def test_every_method() -> None:
    """Each method of both classes has a frame here, and nothing else has: all of the exchange's."""
    offered = {
        f"{scope}.{name}" for scope, methods in CLASSES.items() for name in vars(methods) if name[0] != "_"
    }

    assert {row_id(row) for row in ROWS} == offered
    assert len(offered) == len(sent_params()) == METHODS


def test_every_parameter() -> None:
    """Each parameter that a method offers stands in one of its frames."""
    offered = {
        f"{scope}.{name}": set(inspect.signature(function).parameters) - {"self", "timeout"}
        for scope, methods in CLASSES.items()
        for name, function in vars(methods).items()
        if name[0] != "_"
    }
    shown: dict[str, set[str]] = {name: set() for name in offered}
    for row in ROWS:
        shown[row_id(row)] |= json.loads(row.frame)["params"].keys()

    assert shown == offered


def test_reference_names(reference: Mapping[str, Mapping[str, Any]]) -> None:
    """The frames show the reference's methods, all of them, with all of their parameters and no other."""
    wanted = {name: {parameter["name"] for parameter in row["params"]} for name, row in reference.items()}

    assert {name: set().union(*rows) for name, rows in sent_params().items()} == wanted


def test_reference_values(reference: Mapping[str, Mapping[str, Any]]) -> None:
    """Each frame has what the reference requires, and no word that the reference does not list."""
    faults = [
        (name, parameter["name"])
        for name, rows in sent_params().items()
        for parameter in reference[name]["params"]
        for params in rows
        if not is_valid(parameter, params)
    ]

    assert faults == []


def is_valid(parameter: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    if parameter["name"] not in params:
        return not parameter["required"]
    value = params[parameter["name"]]
    known = {str(word) for word in parameter.get("enum", ())}
    words = value if isinstance(value, list) else [value]
    return not known or {str(word) for word in words} <= known


async def test_exact_numbers(wire: Wire) -> None:
    """A Decimal goes out digit for digit, as a number."""
    await wire.private.buy(instrument_name="BTC-PERPETUAL", amount=Decimal("10"), price=Decimal("50000.10"))

    assert b'"amount":10,' in wire.frames[0]
    assert b'"price":50000.10' in wire.frames[0]


async def test_tuples(wire: Wire) -> None:
    """A tuple serves for a list."""
    await wire.public.subscribe(channels=("platform_state",))

    assert parsed(wire.frames[0])["params"] == {"channels": ["platform_state"]}


async def test_result_and_timeout(wire: Wire) -> None:
    """What the result is read as, and how long it may take, go to the caller and not to the exchange."""
    await wire.public.get_time(timeout=2.5)
    await wire.public.get_combo_ids(currency="BTC")

    assert wire.asked == [(int, 2.5), (list[str], None)]


async def test_result_types(wire: Wire) -> None:
    """Each method's result is a type that an answer can be read as."""
    for row in ROWS:
        await wire.make(row.scope, row.name, row.arguments)
    readable = [msgspec.json.Decoder(result) for result, _ in wire.asked]

    assert len(readable) == len(ROWS)


BAD: list[tuple[str, str, dict[str, Any], str]] = [
    # an unknown word
    ("private", "buy", ORDER | {"type": "limti"}, "type"),
    ("private", "sell", ORDER | {"time_in_force": "gtc"}, "time_in_force"),
    ("public", "get_order_book", {"instrument_name": "BTC-PERPETUAL", "depth": 7}, "depth"),
    ("public", "get_instruments", {"currency": "btc"}, "currency"),
    ("public", "get_volatility_index_data", {
        "currency": "BTC", "start_timestamp": 0, "end_timestamp": 1, "resolution": "2"}, "resolution"),
    ("private", "set_disabled_trading_products", {"user_id": 7, "trading_products": ["option"]}, "option"),
    ("private", "get_block_rfqs", {"role": "both"}, "role"),
    ("private", "withdraw", {"currency": "BTC", "address": "a", "amount": 1, "priority": "asap"}, "priority"),
    # something required is missing, or is None, which is the same
    ("private", "buy", {"amount": 10}, "instrument_name"),
    ("private", "cancel", {}, "order_id"),
    ("private", "cancel", {"order_id": None}, "order_id"),
    ("private", "withdraw", {"currency": "BTC", "address": "a"}, "amount"),
    ("private", "create_block_rfq", {"label": "a"}, "legs"),
    ("private", "set_member", {"member_id": 195}, "name"),
    ("public", "auth", {"grant_type": "refresh_token"}, "refresh_token"),
    ("public", "auth", {"grant_type": "client_credentials", "client_id": "a"}, "client_secret"),
    ("public", "auth", {"grant_type": "client_signature", "client_id": "a", "timestamp": 1}, "signature"),
    # one of several is required
    ("private", "buy", {"instrument_name": "BTC-PERPETUAL"}, "amount or contracts"),
    ("private", "sell", {"instrument_name": "BTC-PERPETUAL", "amount": None}, "amount or contracts"),
    ("private", "edit", {"order_id": "1", "price": 5}, "amount or contracts"),
    ("private", "cancel_block_rfq_quote", {"block_rfq_id": 3}, "block_rfq_quote_id or label"),
    # too long, too many, out of bounds
    ("private", "buy", ORDER | {"label": "x" * 65}, "label"),
    ("private", "cancel_by_label", {"label": "x" * 65}, "label"),
    ("private", "add_block_rfq_quote", {
        "block_rfq_id": 3, "amount": 1, "direction": "buy", "legs": [], "label": "x" * 65}, "label"),
    ("private", "subscribe", {"channels": [], "label": "x" * 17}, "label"),
    ("public", "subscribe", {"channels": ["a"] * 501}, "channels"),
    ("private", "mass_quote", {"quote_id": "1", "mmp_group": "a", "quotes": [{}] * 101}, "quotes"),
    ("private", "get_block_trades", {"count": 102}, "count"),
    ("private", "get_transaction_log", {
        "currency": "BTC", "start_timestamp": 0, "end_timestamp": 1, "count": 251}, "count"),
    ("public", "get_announcements", {"count": 51}, "count"),
    ("public", "set_heartbeat", {"interval": 9}, "interval"),
    # of another kind than the exchange takes
    ("private", "buy", ORDER | {"amount": "10"}, "amount"),
    ("private", "buy", ORDER | {"price": True}, "price"),
    ("private", "buy", ORDER | {"post_only": 1}, "post_only"),
    ("private", "buy", ORDER | {"valid_until": 1.5}, "valid_until"),
    ("private", "cancel", {"order_id": 438994}, "order_id"),
    ("public", "subscribe", {"channels": "platform_state"}, "channels"),
    ("private", "simulate_portfolio", {"currency": "BTC", "simulated_positions": "{}"}, "a mapping"),
    ("private", "create_block_rfq", {"legs": {"instrument_name": "BTC-PERPETUAL"}}, "legs"),
    ("private", "set_member", {"name": "a", "accounts": ["85867"]}, "accounts"),
    ("private", "submit_transfer_to_subaccount", {
        "currency": "ETH", "amount": 1, "destination": "20"}, "destination"),
    # a name that the method does not know
    ("private", "buy", ORDER | {"instrument": "BTC-PERPETUAL"}, "instrument"),
    ("public", "get_time", {"currency": "BTC"}, "currency"),
    # no number that JSON can write
    ("private", "buy", ORDER | {"price": float("nan")}, "price"),
    ("private", "withdraw", {"currency": "BTC", "address": "a", "amount": Decimal("Infinity")}, "amount"),
]  # fmt: skip


@pytest.mark.parametrize(("scope", "name", "arguments", "words"), BAD)
async def test_bad_value(scope: str, name: str, arguments: dict[str, Any], words: str, wire: Wire) -> None:
    """What the exchange would refuse is a UsageError that names method and parameter; nothing is sent."""
    with pytest.raises(UsageError, match=rf"{scope}/{name}\b.*{words}"):
        await wire.make(scope, name, arguments)

    assert wire.frames == []


async def test_positional(wire: Wire) -> None:
    """An argument without its name is a UsageError: which parameter it meant is anybody's guess."""
    cancel: Any = wire.private.cancel
    with pytest.raises(UsageError, match="private/cancel"):
        await cancel("ETH-1")

    assert wire.frames == []
