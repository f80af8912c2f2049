"""The demo's own orders: small ones, placed and cancelled without regard to the state of the link.

Knows: `client.orders`, and what each intent was told. Must not know: what is at the exchange; `evidence`
looks there. `show` runs it as a task, and asks for an order where one is to be cut in mid-air.
"""

import asyncio
import itertools
from typing import Literal

from deribit_ws.cli.demo.board import Board, Wanted
from deribit_ws.cli.demo.order_account import Ending
from deribit_ws.client import Client
from deribit_ws.errors import DeribitError, OrderNotPlaced, RequestNotSent, RpcError
from deribit_ws.wire.trading import Order

Side = Literal["buy", "sell"]
Manner = Literal["limit", "market"]

INSTRUMENT = "BTC-PERPETUAL"
AMOUNT = 10  # USD: the smallest
AWAY = 0.02  # of the price: far enough to rest until cancelled
TICK = 0.5  # USD
PACE_SECONDS = 0.9  # between two orders: a few dozen in a demo, some of them while no link is up
VALID_SECONDS = 1.0  # an order's absence can be proved only after that, and the demo is short
_TURN: tuple[tuple[Side, Manner], ...] = (
    ("buy", "limit"),
    ("sell", "market"),
    ("sell", "limit"),
    ("buy", "market"),
)


class Trader:
    """Places orders, each in a task of its own, until told to stop."""

    def __init__(self, client: Client, board: Board) -> None:
        self._client = client
        self._board = board
        self._group = asyncio.TaskGroup()
        self._stopped = asyncio.Event()
        self._under_way = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is under way."""
        return not self._under_way

    async def run(self) -> None:
        """Place an order every now and then; ends only by being cancelled."""
        async with self._group:
            for side, manner in itertools.cycle(_TURN):
                await asyncio.sleep(PACE_SECONDS)
                if self._stopped.is_set():
                    await asyncio.Event().wait()
                self.order(side, manner)

    def stop(self) -> None:
        """Place no more; what is under way goes on."""
        self._stopped.set()

    def order(self, side: Side, manner: Manner = "limit") -> None:
        """Place one now."""
        mark = self._board.rows[INSTRUMENT].mark
        if mark is None:
            return  # no price was heard yet
        wanted = Wanted(f"demo-{len(self._board.wanted) + 1}")
        self._board.wanted.append(wanted)
        self._under_way += 1
        name = f"deribit-ws demo order {wanted.label}"
        self._group.create_task(self._seen_through(wanted, side, manner, mark), name=name)

    async def _seen_through(self, wanted: Wanted, side: Side, manner: Manner, mark: float) -> None:
        links = self._board.links_lost
        try:
            order = await self._placed(wanted.label, side, manner, mark)
            wanted.ending = Ending.PLACED
            wanted.state = await self._over(order)
        except OrderNotPlaced:
            wanted.ending = Ending.NOT_PLACED
        except DeribitError as error:
            wanted.ending, wanted.error = Ending.FAILED, f"{type(error).__name__}: {error}"
        wanted.cut = self._board.links_lost > links
        self._under_way -= 1

    async def _placed(self, label: str, side: Side, manner: Manner, mark: float) -> Order:
        orders = self._client.orders
        place = orders.buy if side == "buy" else orders.sell
        away = 0.0 if manner == "market" else -AWAY if side == "buy" else AWAY
        price = None if manner == "market" else round(mark * (1 + away) / TICK) * TICK
        return await place(
            INSTRUMENT, amount=AMOUNT, price=price, type=manner, label=label, valid_for=VALID_SECONDS
        )

    async def _over(self, order: Order) -> str | None:
        """Cancel what rests, and give the state it ended in; None where it ended in another way."""
        while order.order_state == "open":
            try:
                order = await self._client.orders.cancel(order.order_id)
            except RequestNotSent:
                await self._client.wait_connected()
            except RpcError:
                return None  # it was filled meanwhile
        return order.order_state
