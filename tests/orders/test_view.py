"""The live view of the account: what is open, what is held, and whether that is true."""

import asyncio
from typing import Any

import pytest

from deribit_ws import Client, Credentials
from deribit_ws.errors import CallTimeout, RpcError, SubscriptionRejected, UsageError
from deribit_ws.types import Order
from tests.client.conftest import Ears, Make, ears, memory, remember  # noqa: F401  fixtures
from tests.client.far_end import MemoryExchange, Refused
from tests.orders.account import BTC, KEY, Account

CHANGES = "user.changes.any.any.raw"

pytestmark = pytest.mark.looptime


@pytest.fixture
async def account(memory: MemoryExchange) -> Account:  # noqa: F811  a fixture
    return Account(memory)


@pytest.fixture
async def client(account: Account, remember: Make) -> Client:  # noqa: F811  a fixture
    return remember(credentials=KEY, retry_seconds=1.0)


def changes(account: Account, *orders: Any, **more: Any) -> dict[str, Any]:
    return {"instrument_name": BTC, "orders": list(orders), "trades": [], "positions": []} | more


async def test_asks_nothing_unasked(account: Account, client: Client) -> None:
    """Until it is looked at, the view subscribes nothing and reads nothing."""
    async with client:
        orders = client.orders
        await asyncio.sleep(20)

        assert repr(orders) == "<Orders 0 open, not valid>"
        assert "private/subscribe" not in account.memory.wire.methods
        assert "private/get_open_orders" not in account.memory.wire.methods


async def test_a_position_whose_instrument_ends(account: Account, client: Client) -> None:
    """Soon after an expiry, of which no channel tells, the view is what the exchange lists; others stay."""
    ends = "BTC-22SEP26-60000-C"  # 17 h 46 min after the account's clock begins
    account.began = asyncio.get_running_loop().time()  # the fixture's is not in virtual time
    left = {"instrument_name": BTC, "size": 10.0, "direction": "buy"}
    account.positions = [left, {"instrument_name": ends, "size": 1.0, "direction": "buy"}]
    async with client:
        orders = client.orders
        await orders.wait_valid()
        await asyncio.sleep(64_000 - 20)
        reads = account.memory.wire.methods.count("private/get_positions")
        assert orders.positions.keys() == {BTC, ends} and reads == 1
        await asyncio.sleep(30)
        assert orders.positions.keys() == {BTC, ends} and orders.valid  # as the exchange says itself
        account.positions = [left]
        await asyncio.sleep(11)
        assert orders.positions.keys() == {BTC} and orders.valid
        reads = account.memory.wire.methods.count("private/get_positions")
        await asyncio.sleep(3_600)

        assert account.memory.wire.methods.count("private/get_positions") == reads


async def test_view(account: Account, client: Client) -> None:
    """It has what is open and held when it begins, and follows from there."""
    account.open = [account.order("1", label="a~0123456789ab"), account.order("2", instrument_name="X")]
    account.positions = [{"instrument_name": BTC, "size": 10.0, "direction": "buy"}]
    async with client:
        orders = client.orders
        assert not orders.valid
        await orders.wait_valid()
        assert orders.open.keys() == {"1", "2"}
        assert [o.order_id for o in orders.by_label("a")] == ["1"]
        assert [o.order_id for o in orders.by_label("a~0123456789ab")] == ["1"]
        assert [o.order_id for o in orders.by_instrument("X")] == ["2"]
        assert orders.positions[BTC].size == 10
        await asyncio.sleep(1)
        gone = [{"instrument_name": BTC, "size": 0.0, "direction": "zero"}]
        filled = account.order("1", "filled", filled_amount=10.0)
        account.memory.wire.tell(CHANGES, changes(account, filled, trades=[account.fill(1)], positions=gone))
        await asyncio.sleep(1)

        assert orders.open.keys() == {"2"}
        assert orders.positions == {}
        assert [t.trade_id for t in orders.trades] == ["1"]
        closed = orders.get("1")
        assert closed is not None
        assert closed.order_state == "filled"


async def test_not_valid_from_drop_to_join(account: Account, client: Client) -> None:
    """From a drop it is not valid, until what was missed has been joined and all is read again."""
    account.open = [account.order("1")]
    async with client:
        orders = client.orders
        await orders.wait_valid()
        await asyncio.sleep(20)
        account.open, account.closed = [account.order("2")], [account.order("1", "cancelled")]
        seen = []
        account.memory.wire.drop()
        await asyncio.sleep(0)
        for _ in range(200):
            await asyncio.sleep(0.01)
            seen.append((orders.valid, frozenset(orders.open)))
        await asyncio.sleep(2)

        assert (True, frozenset({"1"})) not in seen
        assert orders.valid
        assert orders.open.keys() == {"2"}
        closed = orders.get("1")
        assert closed is not None
        assert closed.order_state == "cancelled"


async def test_doubt_while_reading(account: Account, client: Client) -> None:
    """A read that a doubt overtakes makes nothing valid: all is read again."""
    answer = account.memory.answers["private/get_open_orders"]
    account.memory.mute("private/get_open_orders")
    async with client:
        orders = client.orders
        assert not orders.valid
        await asyncio.sleep(1)
        account.memory.wire.write(b'{"jsonrpc":"2.0","method":"subscr')
        id = account.memory.wire.requests[-1][1]["id"]
        await asyncio.sleep(0.01)
        account.memory.answers["private/get_open_orders"] = answer
        account.memory.mute("public/get_time")
        account.memory.wire.say(id=id, result=[account.order("1")])
        await asyncio.sleep(1)
        assert not orders.valid
        account.memory.answers["public/get_time"] = lambda *_: account.now
        await asyncio.sleep(30)

        assert orders.valid


async def test_learns_from_answers(account: Account, client: Client) -> None:
    """The answer to a call updates it, and never takes it back to an older version."""
    async with client:
        orders = client.orders
        await orders.wait_valid()
        early = account.order("1")
        await asyncio.sleep(1)
        account.memory.wire.tell(CHANGES, changes(account, account.order("1", "filled")))
        await asyncio.sleep(1)
        orders._learned(Order(**early), [])
        orders._learned(Order(**account.order("2")), [])

        assert orders.open.keys() == {"2"}


async def test_refused(account: Account, client: Client, ears: Ears) -> None:  # noqa: F811  a fixture
    """Who may not read orders is told so, and the view is never valid."""

    def refuse(*_: Any) -> Any:
        raise Refused(13021)

    account.memory.answers["private/get_open_orders"] = refuse
    async with client:
        with pytest.raises(RpcError, match="13021"):
            await client.orders.wait_valid()

        assert not client.orders.valid
        assert len(ears.errors) == 1


async def test_left_out(account: Account, client: Client) -> None:
    """Where the exchange does not give the channel, waiting for the view says so."""
    account.memory.answers["private/subscribe"] = lambda *_: []
    async with client:
        with pytest.raises(SubscriptionRejected):
            await client.orders.wait_valid()


async def test_waits_no_longer(account: Account, client: Client) -> None:
    """Waiting ends at its deadline, and with the client."""
    account.memory.mute("private/get_open_orders")
    async with client:
        with pytest.raises(CallTimeout):
            await client.orders.wait_valid(timeout=3)
        waiting = asyncio.create_task(client.orders.wait_valid(timeout=300))
        await asyncio.sleep(1)
    with pytest.raises(UsageError):
        await waiting


def test_needs_credentials(remember: Make) -> None:  # noqa: F811  a fixture
    """A public client has no orders."""
    with pytest.raises(UsageError):
        remember().orders  # noqa: B018  a property that raises


async def test_waiting_on_a_client_that_is_not_open() -> None:
    """A view of a client that was never opened is refused at once, as is a time that is none."""
    orders = Client("ws://localhost:1", credentials=Credentials("key", "secret")).orders
    with pytest.raises(UsageError, match="not open"):
        await orders.wait_valid()
    with pytest.raises(UsageError, match="timeout"):
        await orders.wait_valid(0)
