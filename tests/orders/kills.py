"""The link is killed at a moment of an order's call, again and again, and the exchange's ledger is the judge.

`python -m tests.orders.kills --times 200` does it 200 times for each act and moment in virtual time,
`--sockets` over real ones. Knows what each moment lets happen at the exchange. Must not know how the
client finds out. `test_intents_kills` runs a small share of it.
"""

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from deribit_ws import Client, Credentials, State
from deribit_ws.errors import DuplicateOrder, OrderNotPlaced
from deribit_ws.testing import SimulatedExchange
from deribit_ws.testing.memory import loop_clock
from deribit_ws.testing.proxy import ChaosProxy
from deribit_ws.testing.proxy_faults import CutRequest, Ending, Moment
from deribit_ws.testing.proxy_links import Links
from deribit_ws.types import Order
from tests.client.conftest import Ears, until

KEY = Credentials("simulated", "secret")
INSTRUMENTS = ("BTC-PERPETUAL", "ETH-PERPETUAL", "BTC_USDC-PERPETUAL")
ACTS = ("buy", "edit", "cancel")
ARRIVES = (Moment.UNANSWERED, Moment.HALF_ANSWERED)  # at these the exchange does what it was asked
METHODS = {"private/buy", "private/edit", "private/cancel", "private/get_order_state"}
LONGEST = 300.0  # seconds for one act, with all it takes to find out


class Stage:
    """A client with its intents, the links it talks over, and the exchange they lead to."""

    def __init__(
        self, exchange: SimulatedExchange, links: Links, client: Client, seed: int, valid_for: float
    ) -> None:
        self.exchange = exchange
        self.links = links
        self.client = client
        self.rng = Random(seed)
        self.valid_for = valid_for
        self.orders = client.orders
        self.ears = Ears()
        client.add_handler(self.ears)
        self.endings = [Ending.RST, Ending.FIN]
        self.seen: Counter[str] = Counter()
        self.absent: list[str] = []  # labels of orders said not to exist

    async def kill(self, act: str, moment: Moment) -> None:
        """Do one thing to orders, the link killed at that moment of it, and judge the outcome."""
        await self.connected()
        cuts = len(self.links.links)
        async with asyncio.timeout(LONGEST):
            await {"buy": self._buy, "edit": self._edit, "cancel": self._cancel}[act](moment)
            await self.connected()
        assert len(self.links.links) > cuts, "the link was not killed"

    async def connected(self) -> None:
        """Wait for a link that nobody has cut."""
        newest = self.links.links
        await until(lambda: self.client.state is State.CONNECTED and not newest[max(newest)].course.ended, 60)

    async def _buy(self, moment: Moment) -> None:
        name = self.rng.choice(INSTRUMENTS)
        terms = self.rng.choice([self.resting, self._taking])(name)
        self._arm("private/buy", moment)
        try:
            order = await self.orders.buy(name, label="kill", valid_for=self.valid_for, **terms)
        except OrderNotPlaced as absent:
            assert moment not in ARRIVES
            self.absent.append(absent.label)
        else:
            assert moment in ARRIVES
            self.is_true(order)
            assert self._ids(str(order.label)) == [order.order_id]
        self.seen[moment.value] += 1

    async def _edit(self, moment: Moment) -> None:
        before = await self._placed()
        amount, price = float(before.amount or 0), float(before.price or 0)
        tick = self._line(before.instrument_name).instrument.tick_size
        self._arm("private/edit", moment)
        try:
            order = await self.orders.edit(
                before.order_id, amount=amount * 2, price=price - 10 * tick, valid_for=self.valid_for
            )
        except OrderNotPlaced as unchanged:
            assert moment not in ARRIVES
            order = unchanged.order or before  # where nothing was sent it is not read
            assert (order.amount, order.price) == (amount, price)
        else:
            assert moment in ARRIVES
            assert order.amount == amount * 2
        self.is_true(order)
        self.seen[moment.value] += 1

    async def _cancel(self, moment: Moment) -> None:
        before = await self._placed()
        self._arm("private/cancel", moment)
        if moment is Moment.UNSENT:
            try:
                order = await self.orders.cancel(before.order_id)
            except Exception as error:
                assert type(error).__name__ == "RequestNotSent", error
                order = before
        else:
            order = await self.orders.cancel(before.order_id)
            assert order.order_state == "cancelled"
        self.is_true(order)
        self.seen[moment.value] += 1

    async def _placed(self) -> Order:
        name = self.rng.choice(INSTRUMENTS)
        return await self.orders.buy(name, label="kill", **self.resting(name))

    def _arm(self, method: str, moment: Moment) -> None:
        self.links.inject(CutRequest(method, moment, self.rng.choice(self.endings)))

    # --- terms

    def _line(self, name: str) -> Any:
        return self.exchange.market.lines[name]

    def resting(self, name: str) -> dict[str, Any]:
        line = self._line(name)
        ticks = int(line.mark_price * 0.9 / line.instrument.tick_size) - self.rng.randrange(100)
        least = line.instrument.min_trade_amount
        return {"amount": least * 10, "price": line.instrument.price(ticks)}

    def _taking(self, name: str) -> dict[str, Any]:
        line = self._line(name)
        return {"amount": line.instrument.min_trade_amount, "type": "market"}

    # --- the judge

    def is_true(self, order: Order) -> None:
        """An order told to the user is as the ledger has it."""
        real = self.exchange.ledger.versions(order.order_id)[-1]
        told = (order.order_state, order.amount, order.filled_amount, order.label)
        assert told == (real["order_state"], real["amount"], real["filled_amount"], real["label"])

    def _ids(self, label: str) -> list[str]:
        return [order["order_id"] for order in self.exchange.ledger.labelled(label)]

    def judge(self) -> None:
        """When all is done: no order that was said not to be, none twice, nothing pending."""
        orders = self.exchange.ledger.last_versions()
        labels = Counter(order["label"] for order in orders.values())
        assert not labels.keys() & set(self.absent)
        assert max(labels.values(), default=1) == 1
        sent = Counter(request.params["label"] for request in self.exchange.ledger.requests_of("private/buy"))
        assert max(sent.values(), default=1) == 1
        assert not [error for error in self.ears.errors if isinstance(error, DuplicateOrder)]
        assert not self.client.limits.in_flight
        pending = [call.method for call in _pending(self.client) if call.method in METHODS]
        assert pending == [], pending


def _pending(client: Client) -> list[Any]:
    connection = client._lifecycle.connection
    return list(connection._protocol.pending.values()) if connection is not None else []


@asynccontextmanager
async def in_memory(seed: int, *, latency: tuple[float, float] = (0.001, 0.02)) -> AsyncIterator[Stage]:
    """A stage in virtual time."""
    exchange = SimulatedExchange(
        listen=False, wall_clock=loop_clock(), seed=seed, step_seconds=1.0, credits=None
    )
    async with exchange, exchange.memory(seed=seed, latency=latency) as network:
        client = Client(exchange.url, session=network.session, credentials=KEY, retry_seconds=0.05)
        async with client:
            stage = Stage(exchange, network, client, seed, valid_for=5.0)
            stage.endings += [Ending.HALF_OPEN]
            yield stage


@asynccontextmanager
async def over_sockets(exchange: SimulatedExchange, seed: int) -> AsyncIterator[Stage]:
    """A stage over TCP, with a proxy of its own before an exchange it shares with others."""
    async with (
        ChaosProxy(exchange.url, seed=seed) as proxy,
        Client(proxy.url, credentials=KEY, retry_seconds=0.05) as client,
    ):
        yield Stage(exchange, proxy, client, seed, valid_for=2.0)  # a loaded machine is late


async def repeat(stage: Stage, act: str, moment: Moment, times: int) -> None:
    """Kill the link at a moment of an act, so many times, and judge all of it."""
    for number in range(times):
        try:
            await stage.kill(act, moment)
        except BaseException as error:
            error.add_note(f"{act}, {moment.value}, number {number}")
            raise
    await asyncio.sleep(stage.valid_for + 1)  # what was said not to happen does not happen now
    stage.judge()


async def all_over_sockets(times: int, seed: int) -> None:
    """Every act and moment over TCP, side by side, each with a client and a proxy of its own."""
    kinds = [(act, moment) for act in ACTS for moment in Moment]
    async with SimulatedExchange(seed=seed, step_seconds=0.5, credits=None) as exchange:

        async def one(number: int, act: str, moment: Moment) -> None:
            async with over_sockets(exchange, seed + number) as stage:
                await repeat(stage, act, moment if moment is not Moment.UNSENT else Moment.UNRECEIVED, times)

        jobs: list[Awaitable[None]] = [one(number, *kind) for number, kind in enumerate(kinds)]
        await asyncio.gather(*jobs)


def main() -> int:
    """Run the tests of kills, as often as asked."""
    import pytest

    parser = argparse.ArgumentParser(description="Kill the link at each moment of an order's call.")
    parser.add_argument("--times", type=int, default=200, help="for each act and moment")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sockets", action="store_true", help="over TCP, in real time")
    given = parser.parse_args()
    os.environ |= {"ORDER_KILLS": str(given.times), "ORDER_KILLS_SEED": str(given.seed)}
    tests = Path(__file__).with_name("test_intents_kills.py")
    chosen = "over_sockets" if given.sockets else "in_memory"
    options = ["-q", "-p", "no:cacheprovider", "--timeout", "7200", "--durations", "0", "-k", chosen]
    return int(pytest.main([str(tests), *options]))


if __name__ == "__main__":
    sys.exit(main())
