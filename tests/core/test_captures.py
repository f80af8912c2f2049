"""Real traffic, recorded by others, through the protocol: nothing in it is garbage."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deribit_ws.router import Form
from deribit_ws.wire.channels import family_of
from deribit_ws.wire.instruments import Combo, Instrument
from deribit_ws.wire.trading import Order
from tests.core.recording import Ear, listen, live


@pytest.fixture(scope="module")
def recorded(captures: Path) -> list[bytes]:
    """The messages of cryptofeed's recording, as received."""
    lines = (captures / "cryptofeed" / "DERIBIT.ws.1.0").read_bytes().splitlines()
    received = (line.partition(b": ")[2] for line in lines if not line.startswith(b"wss://"))
    return [frame for frame in received if frame]


def nautilus(captures: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted((captures / "nautilus").glob("ws_*.json")):
        yield path.name, path.read_bytes()


def test_cryptofeed(recorded: list[bytes]) -> None:
    """Each of the recorded messages is understood, and its typed payload says all that a plain parse says."""
    typed, plain, raw = Ear(Form.TYPED), Ear(Form.PLAIN), Ear(Form.BYTES)
    protocol, told = live(listen(typed, plain, raw)[0].notify)
    for frame in recorded:
        protocol.receive(frame)
    notes = [
        (m["params"]["channel"], m["params"]["data"]) for m in map(json.loads, recorded) if "params" in m
    ]

    assert Counter(channel.partition(".")[0] for channel, _ in notes) == {"ticker": 89, "book": 46}
    assert told.events == []  # the acknowledgement is no answer to a call of ours
    assert plain.heard == notes
    assert [(channel, json.loads(data)) for channel, data in raw.heard] == notes
    assert [channel for channel, _ in typed.heard] == [channel for channel, _ in notes]
    for (channel, payload), (_, data) in zip(typed.heard, notes, strict=True):
        assert isinstance(payload, family_of(channel).payload)
        assert back(payload) == data, channel


def test_books_chain(recorded: list[bytes]) -> None:
    """The recorded books each begin with a snapshot and go on without a gap."""
    typed = Ear(Form.TYPED)
    protocol, _ = live(listen(typed, to="book.>")[0].notify)
    for frame in recorded:
        protocol.receive(frame)
    last: dict[str, int] = {}
    for channel, book in typed.heard:
        assert book.is_snapshot is (channel not in last)
        assert book.prev_change_id == last.get(channel, msgspec.UNSET)
        last[channel] = book.change_id

    assert len(last) == 10


def test_nautilus_notifications(captures: Path) -> None:
    """Each notification in nautilus' folder is understood, typed, and says all that a plain parse says."""
    typed = Ear(Form.TYPED)
    protocol, told = live(listen(typed)[0].notify)
    expected: list[tuple[str, Any]] = []
    for _, frame in nautilus(captures):
        message = json.loads(frame)
        if message.get("method") == "subscription":
            protocol.receive(frame)
            expected.append((message["params"]["channel"], message["params"]["data"]))

    assert told.events == []
    assert len(expected) >= 9
    assert [channel for channel, _ in typed.heard] == [channel for channel, _ in expected]
    for (channel, payload), (_, data) in zip(typed.heard, expected, strict=True):
        assert isinstance(payload, msgspec.Struct | list), channel
        assert back(payload) == data, channel


def test_nautilus_answers(captures: Path) -> None:
    """Each answer in nautilus' folder ends the call of its id, with the very result or error."""
    seen = Counter[str]()
    for name, frame in nautilus(captures):
        message = json.loads(frame)
        if "id" not in message:
            continue
        protocol, told = live(listen()[0].notify)
        for _ in range(message["id"]):
            protocol.call("private/buy", {})
        protocol.receive(frame)
        event: tuple[Any, ...]
        if "error" in message:
            event = ("failed", message["id"], "RateLimited", message["error"]["code"])
        else:
            event = ("result", message["id"], message["result"])
        seen[event[0]] += 1

        assert told.events == [event], name
    assert seen["result"] >= 7
    assert seen["failed"] >= 1


def test_nautilus_test_request(captures: Path) -> None:
    """The recorded test_request is one."""
    protocol, told = live(listen()[0].notify)
    protocol.receive((captures / "nautilus" / "ws_test_request.json").read_bytes())

    assert told.events == [("test_request",)]


def test_combo_trades(captures: Path) -> None:
    """Trades of combos, by request or by channel, are trades with legs that are trades."""
    ear = Ear(Form.TYPED)
    protocol, told = live(listen(ear)[0].notify)
    paths = sorted((captures / "nautilus").glob("http_get_last_trades*.json"))
    batches = [json.loads(path.read_bytes())["result"]["trades"] for path in paths]
    for batch in batches:
        frame = {
            "jsonrpc": "2.0",
            "method": "subscription",
            "params": {"channel": "trades.X.raw", "data": batch},
        }
        protocol.receive(json.dumps(frame, separators=(",", ":")).encode())

    assert told.events == []
    for (_, trades), batch in zip(ear.heard, batches, strict=True):
        assert back(trades) == batch


def test_orders(captures: Path) -> None:
    """Each recorded order, one that waits for its trigger included, is an order with nothing lost."""
    paths = sorted((captures / "nautilus").glob("ws_order_*.json"))
    results = [json.loads(path.read_bytes())["result"] for path in paths]
    orders = [result.get("order", result) for result in results]

    assert len(orders) == 6
    for order in orders:
        assert back(msgspec.convert(order, Order)) == order
        assert back(family_of("user.orders.any.any.raw").decoder()(json.dumps(order).encode())) == order
    assert [order["price"] for order in orders].count("market_price") == 2


def test_instruments(captures: Path) -> None:
    """Each recorded instrument of 2021 to 2026, combos included, is an instrument with nothing lost."""
    paths = sorted((captures / "nautilus").glob("http_get_instrument*.json"))
    found = [json.loads(path.read_bytes())["result"] for path in paths]
    instruments = [one for result in found for one in (result if isinstance(result, list) else [result])]
    for line in (captures / "cryptofeed" / "DERIBIT.0.4b675c94").read_text().splitlines():
        if "public/get_instruments" in line:
            instruments += json.loads(line[line.index("{") :])["result"]

    assert {one["kind"] for one in instruments} == {"future", "option", "future_combo", "option_combo"}
    assert len(instruments) > 100
    for one in instruments:
        assert back(msgspec.convert(one, Instrument)) == one


def test_combos(captures: Path) -> None:
    """Each recorded combo is one with its legs, with nothing lost."""
    combos = json.loads((captures / "nautilus" / "http_get_combos.json").read_bytes())["result"]

    assert len(combos) >= 6
    assert back(msgspec.convert(combos, list[Combo])) == combos


def back(payload: Any) -> Any:
    """What a payload says as JSON."""
    return json.loads(msgspec.json.encode(payload))
