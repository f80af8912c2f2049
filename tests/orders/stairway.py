"""The stairway: the link is cut after N bytes, for every N through a whole dialogue, in each direction.

The idea is aio-pika's. The dialogue is a handshake, a login, a subscription, an order placed, changed and
cancelled; whatever the step, it ends right, as the exchange's ledger has it. `python -m
tests.orders.stairway` takes every step, `test_intents_stairway` some.
"""

import argparse
import os
import sys
from pathlib import Path

from deribit_ws import Client, RequestNotSent
from deribit_ws.errors import OrderNotPlaced
from deribit_ws.testing import SimulatedExchange
from deribit_ws.testing.memory import loop_clock
from deribit_ws.testing.proxy_faults import CutAfter, Ending, Way
from deribit_ws.types import Order
from tests.orders.kills import KEY, Stage

CHANNEL = "user.orders.BTC-PERPETUAL.raw"
FAR = 20_000  # bytes; more than the dialogue takes in either direction


class Stairway:
    """Climbs: one exchange, and for each step a client of its own.

    Attributes:
        steps: how many cuts befell the dialogue.
    """

    def __init__(self, way: Way, how: Ending, stride: int) -> None:
        self.way = way
        self.how = how
        self.stride = stride
        self.steps = 0

    async def climb(self) -> None:
        """Cut after 0 bytes, `stride` bytes, and so on, until the dialogue ends before the cut."""
        exchange = SimulatedExchange(
            listen=False, wall_clock=loop_clock(), autoplay=False, step_seconds=0.1, credits=None
        )
        async with exchange:
            for nbytes in range(0, FAR, self.stride):
                try:
                    was_cut = await self._step(exchange, CutAfter(nbytes, self.way, self.how))
                except BaseException as error:
                    error.add_note(f"{self.way.value}, {self.how.value}, after {nbytes} bytes")
                    raise
                if not was_cut:
                    return
                self.steps += 1
        raise AssertionError(f"the dialogue is longer than {FAR} bytes")

    async def _step(self, exchange: SimulatedExchange, cut: CutAfter) -> bool:
        async with exchange.memory() as network:
            network.inject(cut)
            client = Client(exchange.url, session=network.session, credentials=KEY, retry_seconds=0.05)
            async with client:
                stage = Stage(exchange, network, client, cut.nbytes, valid_for=5.0)
                await talk(stage)
                await stage.connected()
                stage.judge()
            return len(network.links) > 1 or network.links[1].course.ended


async def talk(stage: Stage) -> None:
    """Hold the dialogue to its end, judging each answer."""
    await stage.client.subscribe(CHANNEL)
    order = await _placed(stage)
    order = await _changed(stage, order)
    while True:
        await stage.connected()
        try:
            order = await stage.orders.cancel(order.order_id)
        except RequestNotSent:
            continue
        break
    stage.is_true(order)
    assert order.order_state == "cancelled"


async def _placed(stage: Stage) -> Order:
    while True:
        await stage.connected()
        try:
            order = await stage.orders.buy("BTC-PERPETUAL", label="step", **stage.resting("BTC-PERPETUAL"))
        except OrderNotPlaced as absent:
            stage.absent.append(absent.label)
        else:
            stage.is_true(order)
            return order


async def _changed(stage: Stage, order: Order) -> Order:
    while True:
        await stage.connected()
        try:
            changed = await stage.orders.edit(order.order_id, amount=300, valid_for=stage.valid_for)
        except OrderNotPlaced as unchanged:
            if unchanged.order is not None:
                stage.is_true(unchanged.order)
                assert unchanged.order.amount == order.amount
        else:
            stage.is_true(changed)
            assert changed.amount == 300
            return changed


def main() -> int:
    """Run the test of the stairway, step by step."""
    import pytest

    parser = argparse.ArgumentParser(description="Cut the link after every N bytes of a dialogue.")
    parser.add_argument("--stride", type=int, default=1, help="bytes from one step to the next")
    os.environ["ORDER_STRIDE"] = str(parser.parse_args().stride)
    test = Path(__file__).with_name("test_intents_stairway.py")
    options = ["-q", "-s", "-p", "no:cacheprovider", "--timeout", "7200", "--durations", "0"]
    return int(pytest.main([str(test), *options]))


if __name__ == "__main__":
    sys.exit(main())
