"""What tests of orders share: an exchange's side of orders, by hand and by literal answers.

Knows the parameters and answers of a few methods. Must not know how the client makes sure.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from deribit_ws import Client, ConnectFailed
from deribit_ws.errors import Retry
from deribit_ws.orders import Orders
from deribit_ws.types import Order
from tests.client.desk import KEY, Desk
from tests.client.far_end import MUTE, MemoryExchange, Message, Refused, Wire

BTC = "BTC-PERPETUAL"
EPOCH_MS = 1_790_000_000_000
BY_LABEL = "private/get_order_state_by_label"
OPEN_BY_LABEL = "private/get_open_orders_by_label"
ARCHIVE = "private/get_order_history_by_currency"


def an_order(label: str, id: str = "77", state: str = "open", **more: Any) -> dict[str, Any]:
    """An order as the exchange writes it."""
    order = {"label": label, "order_id": id, "order_state": state, "instrument_name": BTC}
    return order | {"direction": "buy", "price": 50_000.0, "amount": 10.0, "filled_amount": 0.0} | more


class Room:
    """The exchange's side of orders: what it has, and what becomes of a call, by hand."""

    def __init__(self, far_end: MemoryExchange, make: Callable[..., Client]) -> None:
        self.memory = far_end
        self.make = make
        self.retry_seconds = 1.0
        self.learned: list[str] = []  # the ids of orders told to the view
        self.orders: list[dict[str, Any]] = []  # what reads find
        self.archive: list[dict[str, Any]] = []
        self.takes = True  # whether a buy makes an order
        self.end: Callable[[Wire, Message], Any] = lambda wire, request: MUTE  # how its call ends
        self.began = 0.0
        Desk(far_end, 100_000)
        far_end.answers |= {
            "public/get_time": lambda *_: self.now_ms,
            "private/buy": self.place,
            "private/sell": self.place,
            BY_LABEL: self.labelled,
            OPEN_BY_LABEL: self.labelled,
            ARCHIVE: lambda *_: {"orders": self.archive, "continuation": None},
        }

    async def __aenter__(self) -> Orders:
        """Open a client in the test's own time, on a machine an hour fast, and give its orders."""
        self.client = self.make(credentials=KEY, retry_seconds=self.retry_seconds)
        await self.client.__aenter__()
        self.began = asyncio.get_running_loop().time()
        self.client._clock._wall = lambda: self.now_ms / 1000 + 3600
        orders, learned = self.client.orders, self.client.orders._learned

        def learn(order: Order, trades: Any) -> None:
            self.learned.append(order.order_id)
            learned(order, trades)

        vars(orders)["_learned"] = learn
        return orders

    async def __aexit__(self, *exc: object) -> None:
        await self.client.__aexit__(*exc)

    @property
    def elapsed(self) -> float:
        """The seconds since the test began."""
        return asyncio.get_running_loop().time() - self.began

    @property
    def now_ms(self) -> int:
        return EPOCH_MS + round(self.elapsed * 1000)

    def place(self, wire: Wire, request: Message) -> Any:
        if self.takes:
            self.orders.append(an_order(request["params"]["label"]))
        return self.end(wire, request)

    def labelled(self, _: Wire, request: Message) -> Any:
        return [order for order in self.orders if order["label"] == request["params"]["label"]]

    def asked(self, method: str) -> list[tuple[float, Message]]:
        """When a method was called on any link, and its parameters."""
        return [
            (time - self.began, message["params"])
            for wire in self.memory.wires
            for time, message in wire.requests
            if message["method"] == method
        ]

    @property
    def order_calls(self) -> list[Message]:
        return [params for method in ("private/buy", "private/sell") for _, params in self.asked(method)]

    async def refuse(self, seconds: float) -> None:
        """Let nobody in for a while, and drop who is."""
        self.memory.refusals = deque(ConnectFailed("closed", retry=Retry.YES) for _ in range(10_000))
        self.memory.wire.drop()
        await asyncio.sleep(seconds)
        self.memory.refusals.clear()


def dropped(wire: Wire, _: Message) -> Any:
    """The link goes, and the answer with it."""
    wire.drop()
    return MUTE


def answered(code: int) -> Callable[[Wire, Message], Any]:
    def answer(_: Wire, __: Message) -> Any:
        raise Refused(code)

    return answer


def unreadable(_: Wire, __: Message) -> Any:
    return {"order": 5}


@pytest.fixture
def room(memory: MemoryExchange, remember: Callable[..., Client]) -> Room:
    return Room(memory, remember)
