"""An account on the exchange in memory: orders, fills and positions, read and told by hand.

Knows the methods that read them, and literal shapes. Must not know how the client recovers.
"""

import asyncio
from typing import Any

from deribit_ws import Client, Notification
from tests.client.conftest import until
from tests.client.desk import KEY, Desk
from tests.client.far_end import MemoryExchange, Message, Wire

EPOCH_MS = 1_790_000_000_000
BTC = "BTC-PERPETUAL"
OPEN = "private/get_open_orders_by_currency"
CLOSED = "private/get_order_history_by_currency"
FILLS = "private/get_user_trades_by_currency_and_time"


class Account:
    """What the reads find; everything is of BTC."""

    def __init__(self, memory: MemoryExchange) -> None:
        self.memory = memory
        Desk(memory, 1_000_000)
        self.began = asyncio.get_running_loop().time()
        self.open: list[Any] = []
        self.closed: list[Any] = []
        self.fills: list[Any] = []
        self.positions: list[Any] = []
        self.heard: list[tuple[str, Any, bool]] = []
        memory.answers |= {
            "public/get_time": lambda *_: self.now,
            OPEN: lambda _, request: self.open if of_btc(request) else [],
            "private/get_open_orders": lambda *_: self.open,
            CLOSED: lambda _, request: self.closed if of_btc(request) and not old(request) else [],
            FILLS: self.fills_of,
            "private/get_positions": lambda *_: self.positions,
            "private/get_order_state": lambda *_: self.order("silent", state="cancelled"),
        }

    @property
    def now(self) -> int:
        return EPOCH_MS + round((asyncio.get_running_loop().time() - self.began) * 1000)

    def order(self, id: str, state: str = "open", **more: Any) -> dict[str, Any]:
        order = {"order_id": id, "order_state": state, "instrument_name": BTC, "direction": "buy"}
        return order | {"last_update_timestamp": self.now, "amount": 10.0, "filled_amount": 0.0} | more

    def fill(self, number: int) -> dict[str, Any]:
        fill = {"trade_id": str(number), "timestamp": self.now, "instrument_name": BTC, "order_id": "1"}
        return fill | {"price": 50_000.0, "amount": 10.0, "direction": "buy"}

    def fills_of(self, _: Wire, request: Message) -> Any:
        params = request["params"]
        found = [fill for fill in self.fills if fill["timestamp"] >= params["start_timestamp"]]
        return {"trades": found if of_btc(request) and not old(request) else [], "has_more": False}

    def listen(self, client: Client, *channels: str) -> None:
        def hear(notification: Notification[Any]) -> None:
            self.heard.append((notification.channel, notification.data, notification.recovered))

        for channel in channels:
            client.register(channel, hear)

    async def lose_link(self) -> None:
        """Drop the link, and wait until there is another."""
        number = len(self.memory.wires)
        self.memory.wire.drop()
        await until(lambda: len(self.memory.wires) > number, 60)

    def ids(self) -> list[tuple[str, bool]]:
        """What was heard: the id of each order or fill, and whether it was recovered."""
        return [
            (item.order_id if channel.startswith("user.orders") else item.trade_id, recovered)
            for channel, data, recovered in self.heard
            for item in (data if isinstance(data, list) else [data])
        ]


def of_btc(request: Message) -> bool:
    return bool(request["params"]["currency"] == "BTC")


def old(request: Message) -> bool:
    return bool(request["params"].get("historical"))


__all__ = ["BTC", "CLOSED", "EPOCH_MS", "FILLS", "KEY", "OPEN", "Account"]
