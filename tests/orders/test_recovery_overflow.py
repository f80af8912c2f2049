"""What a consumer of private channels could not take, by literal answers in virtual time."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from deribit_ws import Client, Notification
from deribit_ws.errors import SlowConsumer
from tests.client.conftest import Ears, Make, ears, memory, remember  # noqa: F401  fixtures
from tests.client.far_end import MemoryExchange
from tests.orders.account import BTC, FILLS, KEY, Account

ORDERS = f"user.orders.{BTC}.raw"
TRADES = f"user.trades.{BTC}.raw"

pytestmark = pytest.mark.looptime


@pytest.fixture(autouse=True)
def _small_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deribit_ws.handlers.queues.BoundedQueue.__init__.__defaults__", (1024, 2000))


@pytest.fixture
async def account(memory: MemoryExchange) -> Account:  # noqa: F811  a fixture
    return Account(memory)


@pytest.fixture
async def client(account: Account, remember: Make) -> Client:  # noqa: F811  a fixture
    return remember(credentials=KEY, retry_seconds=1.0)


class SlowEar:
    """Hears a channel in a coroutine that takes its time."""

    def __init__(self, client: Client, channel: str) -> None:
        self.heard: list[tuple[str, bool]] = []
        self.free = asyncio.Event()
        client.register(channel, self.hear)

    async def hear(self, notification: Notification[Any]) -> None:
        await self.free.wait()
        data = notification.data
        for item in data if isinstance(data, list) else [data]:
            self.heard.append((getattr(item, "trade_id", None) or item.order_id, notification.recovered))

    @property
    def ids(self) -> list[int]:
        return [int(id) for id, _ in self.heard]


def make_fills(account: Account, numbers: Iterable[int]) -> None:
    """Make fills, and tell each as it is made."""
    for number in numbers:
        account.fills.append(account.fill(number))
        account.memory.wire.tell(TRADES, account.fills[-1:])


async def test_caught_up_in_time(account: Account, client: Client, ears: Ears) -> None:  # noqa: F811
    """What one could not take is read on the next link and given to it alone, in its place; others go on."""
    account.listen(client, TRADES)
    slow = SlowEar(client, TRADES)
    async with client:
        await asyncio.sleep(20)
        make_fills(account, range(1, 41))
        await asyncio.sleep(0)
        slow.free.set()
        await asyncio.sleep(10)
        make_fills(account, range(41, 43))
        await asyncio.sleep(1)

        assert len(account.memory.wires) == 2
        assert slow.ids == list(range(1, 43))
        assert {recovered for id, recovered in slow.heard if int(id) <= 5} == {False}
        assert {recovered for id, recovered in slow.heard if 30 <= int(id) <= 40} == {True}
    assert account.ids() == [(str(number), False) for number in range(1, 43)]
    assert [type(error) for error in ears.errors] == [SlowConsumer]


async def test_still_behind(account: Account, client: Client, ears: Ears) -> None:  # noqa: F811  a fixture
    """One that is still behind on the next link gets all of it there, in order, when it has caught up."""
    account.listen(client, TRADES)
    slow = SlowEar(client, TRADES)
    async with client:
        await asyncio.sleep(20)
        make_fills(account, range(1, 41))
        await asyncio.sleep(15)
        make_fills(account, range(41, 61))
        await asyncio.sleep(60)
        assert len(account.memory.wires) == 2
        slow.free.set()
        await asyncio.sleep(10)

        assert len(account.memory.wires) == 2
        assert slow.ids == list(range(1, 61))
    assert account.ids() == [(str(number), False) for number in range(1, 61)]
    assert [type(error) for error in ears.errors] == [SlowConsumer]


async def test_more_than_a_queue_holds(account: Account, client: Client) -> None:
    """Where what is owed fits no queue, each reading gives a part, and all comes in the end, once."""
    account.listen(client, TRADES)
    slow = SlowEar(client, TRADES)
    async with client:
        await asyncio.sleep(20)
        make_fills(account, range(1, 1001))
        await asyncio.sleep(5)
        slow.free.set()
        await asyncio.sleep(100)

        assert slow.ids == list(range(1, 1001))
        assert len(account.memory.wires) == 2
    assert account.ids() == [(str(number), False) for number in range(1, 1001)]


async def test_orders(account: Account, client: Client) -> None:
    """Of an order whose versions did not fit, one that was slow hears the last; a fast one nothing again."""
    account.listen(client, ORDERS)
    slow = SlowEar(client, ORDERS)
    async with client:
        await asyncio.sleep(20)
        account.open = [account.order(str(number)) for number in range(1, 31)]
        for order in account.open:
            account.memory.wire.tell(ORDERS, order)
        await asyncio.sleep(0.01)
        account.open[-1] = account.order("30", price=1.0)
        account.memory.wire.tell(ORDERS, account.open[-1])
        await asyncio.sleep(15)
        slow.free.set()
        await asyncio.sleep(10)

        assert slow.ids == list(range(1, 31))
    fast = [int(id) for id, _ in account.ids()]
    assert fast == [*range(1, 31), 30]


async def test_a_stream(account: Account, client: Client) -> None:
    """A stream that is read late gives all of it, too, and no other stream anything twice."""
    async with client, client.stream(TRADES) as late, client.stream(TRADES) as early:

        async def read(stream: Any, heard: list[str]) -> None:
            async for notification in stream:
                heard += [trade.trade_id for trade in notification.data]

        heard: tuple[list[str], list[str]] = [], []
        tasks = [asyncio.create_task(read(early, heard[0]))]
        await asyncio.sleep(20)
        for number in range(1, 61):
            make_fills(account, [number])
            await asyncio.sleep(0.01)
        await asyncio.sleep(10)
        tasks.append(asyncio.create_task(read(late, heard[1])))
        await asyncio.sleep(20)

        assert heard[0] == heard[1] == [str(number) for number in range(1, 61)]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_not_found_again(account: Account, client: Client, ears: Ears) -> None:  # noqa: F811  a fixture
    """What was owed, and no read finds any more, is told as not delivered."""
    slow = SlowEar(client, TRADES)
    async with client:
        await asyncio.sleep(20)
        make_fills(account, range(1, 41))
        await asyncio.sleep(0)
        account.fills = [fill for fill in account.fills if fill["trade_id"] != "40"]
        slow.free.set()
        await asyncio.sleep(10)

        assert slow.ids == list(range(1, 40))
    assert [(error.channel, error.dropped) for error in ears.errors if isinstance(error, SlowConsumer)][
        1:
    ] == [(TRADES, 1)]


async def test_gone_meanwhile(account: Account, client: Client, ears: Ears) -> None:  # noqa: F811  a fixture
    """What is owed to a callback that was cancelled is given to nobody, and not told as lost."""
    account.listen(client, TRADES)
    free, heard = asyncio.Event(), []

    async def slow(notification: Notification[Any]) -> None:
        await free.wait()
        heard.append(notification)

    registration = client.register(TRADES, slow)
    async with client:
        await asyncio.sleep(20)
        make_fills(account, range(1, 41))
        await asyncio.sleep(0)
        registration.cancel()
        await asyncio.sleep(10)

        assert account.memory.wire.methods.count(FILLS) > 0
    assert account.ids() == [(str(number), False) for number in range(1, 41)]
    assert len(ears.errors) <= 1
