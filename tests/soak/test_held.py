"""What the gates before private channels hold, counted over many drops."""

import json

import pytest

from deribit_ws.handlers.registry import Registry
from deribit_ws.orders import gates as gates_module
from deribit_ws.orders.gates import Gates
from deribit_ws.orders.view import View

FILLS, OTHERS = "user.trades.BTC-PERPETUAL.raw", "user.trades.ETH-PERPETUAL.raw"


def fill(number: int) -> bytes:
    """Give a message with one fill."""
    fill = {"trade_id": f"{number}", "instrument_name": "BTC-PERPETUAL", "timestamp": number}
    return json.dumps([fill]).encode()


async def test_what_went_out_is_held_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many drops there are, only what is held at the time counts, though a channel stays refused."""
    registry = Registry()
    errors: list[Exception] = []
    monkeypatch.setattr(registry.events, "report", errors.append)
    monkeypatch.setattr(gates_module, "HOLD_BYTES", 3 * len(fill(100)))
    gates = Gates(registry, View(registry))
    registry.subscriptions.hold([FILLS, OTHERS])
    gates._confirmed([FILLS, OTHERS])
    gates.settle_beginnings(lambda _: 1)

    for number in range(100, 120):
        gates.disconnected()
        gates.prepare()
        gates.live()
        gates._confirmed([FILLS])  # the other one is refused from now on
        registry.router.notify(FILLS.encode(), fill(number))
        await gates.join(gates.feeds[FILLS], [], number, gates.due[FILLS])

    assert errors == []
    gates.end()
    gates._end_hold()
