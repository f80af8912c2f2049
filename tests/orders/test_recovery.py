"""What private channels missed while there was no link, by literal answers in virtual time."""

import asyncio
from typing import Any

import pytest

from deribit_ws import Client
from deribit_ws.errors import RpcError
from deribit_ws.types import Portfolio, UserChanges
from tests.client.conftest import Ears, Make, ears, memory, remember  # noqa: F401  fixtures
from tests.client.far_end import MemoryExchange, Message, Refused, Wire
from tests.orders.account import BTC, CLOSED, FILLS, KEY, OPEN, Account

ORDERS = f"user.orders.{BTC}.raw"
TRADES = f"user.trades.{BTC}.raw"
CHANGES = "user.changes.any.BTC.raw"

pytestmark = pytest.mark.looptime


@pytest.fixture
async def account(memory: MemoryExchange) -> Account:  # noqa: F811  a fixture
    return Account(memory)


@pytest.fixture
async def client(account: Account, remember: Make) -> Client:  # noqa: F811  a fixture
    return remember(credentials=KEY, retry_seconds=1.0)


async def test_missed_first(account: Account, client: Client) -> None:
    """What was missed goes out before what is live, in its order and marked; then all is as before."""
    account.listen(client, ORDERS, TRADES)
    async with client:
        await asyncio.sleep(20)
        account.memory.wire.tell(ORDERS, account.order("1"))
        account.memory.wire.tell(TRADES, [account.fill(1)])
        await asyncio.sleep(20)
        account.fills = [account.fill(3), account.fill(2), account.fill(1)]
        account.closed = [account.order("2", "cancelled"), account.order("1", "filled", filled_amount=10.0)]
        await account.lose_link()
        await client.wait_connected()
        account.memory.wire.tell(TRADES, [account.fill(4)])
        account.memory.wire.tell(TRADES, [account.fill(3)])
        await asyncio.sleep(2)
        account.memory.wire.tell(TRADES, [account.fill(5)])
        await asyncio.sleep(1)

        orders = [
            (data.order_id, data.order_state, late) for name, data, late in account.heard if name == ORDERS
        ]
        trades = [([t.trade_id for t in data], late) for name, data, late in account.heard if name == TRADES]
        assert orders == [("1", "open", False), ("2", "cancelled", True), ("1", "filled", True)]
        assert trades == [(["1"], False), (["2", "3"], True), (["4"], False), (["5"], False)]


@pytest.mark.parametrize("drops_again", [False, True], ids=["one drop", "two"])
async def test_a_fill_that_reads_show_late(account: Account, client: Client, drops_again: bool) -> None:
    """A fill of a drop, that is in no read for two seconds, goes out once; on the next link, if need be."""
    account.listen(client, TRADES)
    async with client:
        await asyncio.sleep(20)
        account.memory.wire.drop()
        late = account.fill(1)
        await client.wait_connected()
        await asyncio.sleep(1)
        account.memory.wire.tell(TRADES, [account.fill(2)])
        await asyncio.sleep(1)
        account.fills = [late]
        if drops_again:
            await account.lose_link()
        await asyncio.sleep(30)
        account.memory.wire.tell(TRADES, [account.fill(3)])
        await account.lose_link()
        await asyncio.sleep(30)

        assert account.ids() == [("2", False), ("1", True), ("3", False)]


async def test_read_twice_and_no_more(account: Account, client: Client) -> None:
    """On each new link fills are read twice, and then no more; orders alone are read once."""
    account.listen(client, ORDERS, TRADES)
    async with client:
        await asyncio.sleep(20)
        await account.lose_link()
        await asyncio.sleep(60)

        assert (
            account.memory.wire.methods.count(FILLS) == 2 * account.memory.wires[0].methods.count(FILLS) + 2
        )
        assert account.memory.wire.methods.count(OPEN) == 1


async def test_nothing_to_recover(account: Account, client: Client) -> None:
    """A client that wants no such channel asks nothing for them, whatever happens to its link."""
    async with client:
        await account.lose_link()
        await client.wait_connected()
        await asyncio.sleep(10)

        assert {"public/get_time", OPEN, CLOSED, FILLS}.isdisjoint(account.memory.wire.methods)


async def test_shapes(account: Account, client: Client) -> None:
    """Changes come by instrument with the position now, a portfolio as the sums are now."""
    account.listen(client, CHANGES, "user.portfolio.btc")
    summary = {"currency": "BTC", "balance": 1.0, "equity": 2.0, "email": "who@example.org"}
    account.memory.answers["private/get_account_summary"] = lambda *_: summary
    async with client:
        await asyncio.sleep(20)
        account.closed = [account.order("1", "filled")]
        account.fills = [account.fill(1)]
        account.positions = [{"instrument_name": BTC, "size": 10.0, "direction": "buy"}]
        await account.lose_link()
        await asyncio.sleep(3)

    changes, sums = sorted(
        (data for _, data, _ in account.heard), key=lambda data: type(data).__name__, reverse=True
    )
    assert isinstance(changes, UserChanges)
    assert isinstance(sums, Portfolio)
    assert (sums.currency, sums.balance, sums.equity) == ("BTC", 1.0, 2.0)
    assert [[o.order_id for o in changes.orders or ()], [t.trade_id for t in changes.trades or ()]] == [
        ["1"],
        ["1"],
    ]
    assert [p.size for p in changes.positions or ()] == [10.0]
    assert all(recovered for _, _, recovered in account.heard)


async def test_silent_order(account: Account, client: Client) -> None:
    """An order that was open, and is in no list any more, is asked for by its id."""
    account.listen(client, ORDERS)
    async with client:
        await asyncio.sleep(20)
        account.memory.wire.tell(ORDERS, account.order("silent"))
        await asyncio.sleep(20)
        await account.lose_link()
        await asyncio.sleep(3)

        assert [(data.order_state, recovered) for _, data, recovered in account.heard] == [
            ("open", False),
            ("cancelled", True),
        ]


async def test_hold_ends(account: Account, client: Client, ears: Ears) -> None:  # noqa: F811  a fixture
    """Live messages wait 5 s at most; what could not be read until then comes later, and that is told."""
    account.listen(client, TRADES)
    async with client:
        await asyncio.sleep(20)
        account.fills = [account.fill(1)]
        answer = account.memory.answers[FILLS]
        account.memory.mute(FILLS)
        await account.lose_link()
        await client.wait_connected()
        account.memory.wire.tell(TRADES, [account.fill(2)])
        await asyncio.sleep(4.9)
        assert account.ids() == []
        await asyncio.sleep(0.2)
        assert account.ids() == [("2", False)]
        account.memory.answers[FILLS] = answer
        await asyncio.sleep(30)

        assert account.ids() == [("2", False), ("1", True)]
        assert ["out of order" in str(error) for error in ears.errors] == [True]


async def test_dropped_while_recovering(account: Account, client: Client) -> None:
    """A drop before all was read leaves nothing out, and what was held then keeps its place."""
    account.listen(client, TRADES)
    async with client:
        await asyncio.sleep(20)
        account.fills = [account.fill(1)]
        answer = account.memory.answers[FILLS]
        account.memory.mute(FILLS)
        await account.lose_link()
        await client.wait_connected()
        await asyncio.sleep(0.5)
        account.memory.wire.tell(TRADES, [account.fill(2)])
        await asyncio.sleep(0.5)
        account.memory.answers[FILLS] = answer
        account.fills.append(account.fill(3))
        await account.lose_link()
        await asyncio.sleep(3)

        assert account.ids() == [("1", True), ("2", True), ("3", True)]


async def test_refused(account: Account, client: Client, ears: Ears) -> None:  # noqa: F811  a fixture
    """A read that the key may not make is told once, and holds nothing up."""
    account.listen(client, TRADES)

    def refuse(_: Wire, __: Message) -> Any:
        raise Refused(13021)

    account.memory.answers[FILLS] = refuse
    async with client:
        for _ in range(3):
            await asyncio.sleep(20)
            await account.lose_link()
        account.memory.wire.tell(TRADES, [account.fill(2)])
        await asyncio.sleep(1)

        assert account.ids() == [("2", False)]
        assert [error.code for error in ears.errors if isinstance(error, RpcError)] == [13021]


async def test_long_away(account: Account, client: Client) -> None:
    """What is no longer in the recent store is read from the archive as well."""
    account.listen(client, ORDERS, TRADES)
    async with client:
        await asyncio.sleep(20)
        account.began -= 86_500  # by the exchange's clock so much time passes
        await account.lose_link()
        await asyncio.sleep(3)

        reads = [
            message for _, message in account.memory.wire.requests if message["method"] in (CLOSED, FILLS)
        ]
        assert sorted((read["method"], bool(read["params"].get("historical"))) for read in reads) == [
            (CLOSED, False),
            (CLOSED, True),
            (FILLS, False),
            (FILLS, True),
        ]


async def test_later_channel(account: Account, client: Client) -> None:
    """A channel subscribed later begins then: what happened before is not its own, what comes after is."""
    async with client:
        await asyncio.sleep(20)
        account.fills = [account.fill(1)]
        await asyncio.sleep(20)
        account.listen(client, TRADES)
        await asyncio.sleep(5)
        account.fills.append(account.fill(2))
        await account.lose_link()
        await asyncio.sleep(3)

        assert account.ids() == [("2", True)]


async def test_confirmed_late(account: Account, client: Client) -> None:
    """A channel that a link refuses for a while lacks what happened meanwhile, whatever others bring."""
    account.listen(client, TRADES, ORDERS)
    subscribe = account.memory.answers["private/subscribe"]
    async with client:
        await asyncio.sleep(20)
        account.memory.answers["private/subscribe"] = lambda wire, request: [
            channel for channel in subscribe(wire, request) if channel != TRADES
        ]
        await account.lose_link()
        await asyncio.sleep(1)
        account.fills = [account.fill(1)]
        await asyncio.sleep(20)
        account.memory.wire.tell(ORDERS, account.order("9"))
        account.memory.answers["private/subscribe"] = subscribe
        await asyncio.sleep(60)

        assert account.ids() == [("9", False), ("1", True)]


async def test_data_before_the_answer(account: Account, client: Client) -> None:
    """A message that comes ahead of the exchange's word on its channel waits for what was missed, too."""
    account.listen(client, TRADES)
    subscribe, tries = account.memory.answers["private/subscribe"], iter([False])

    def eager(wire: Wire, request: Message) -> Any:
        if not next(tries, True):
            return []
        wire.tell(TRADES, [account.fill(2)])
        return subscribe(wire, request)

    async with client:
        await asyncio.sleep(20)
        account.fills = [account.fill(1)]
        account.memory.answers["private/subscribe"] = eager
        await account.lose_link()
        await asyncio.sleep(4)

        assert account.ids() == [("1", True), ("2", False)]


async def test_doubt(account: Account, client: Client) -> None:
    """A frame nobody can read may have been of any channel: what it told is read."""
    account.listen(client, TRADES)
    async with client:
        await asyncio.sleep(20)
        account.fills = [account.fill(1)]
        account.memory.wire.write(b'{"jsonrpc":"2.0","method":"subscr')
        await asyncio.sleep(3)

        assert account.ids() == [("1", True)]


async def test_login_lapsed(account: Account, client: Client) -> None:
    """After a time without a login, private channels are subscribed anew, and what they missed is read."""
    account.listen(client, TRADES)
    async with client:
        await asyncio.sleep(20)
        account.fills = [account.fill(1)]
        client._registry.subscriptions.resync_private()
        await asyncio.sleep(3)

        assert account.ids() == [("1", True)]


async def test_pages(account: Account, client: Client) -> None:
    """Fills are read page by page, also where a page is of one millisecond."""
    account.listen(client, TRADES)
    asked: list[dict[str, Any]] = []

    def page(_: Wire, request: Message) -> Any:
        asked.append(request["params"])
        first = request["params"].get("start_timestamp", 0)
        after = int(request["params"].get("start_id", 0))
        found = [f for f in account.fills if f["timestamp"] >= first and int(f["trade_id"]) >= after]
        return {"trades": found[:2], "has_more": len(found) > 2}

    account.memory.answers |= {FILLS: page, "private/get_user_trades_by_currency": page}
    async with client:
        await asyncio.sleep(20)
        account.fills = [account.fill(1)]
        await asyncio.sleep(1)
        account.fills += [account.fill(number) for number in (2, 3, 4)]
        await account.lose_link()
        await asyncio.sleep(3)

        assert account.ids() == [(str(number), True) for number in (1, 2, 3, 4)]
        assert {"start_id", "start_timestamp"} <= {name for params in asked for name in params}


@pytest.mark.parametrize("codes", [(11094, 10040), (10001, -32602)])
async def test_unanswered(
    account: Account,
    client: Client,
    ears: Ears,  # noqa: F811  a fixture
    codes: tuple[int, ...],
) -> None:
    """A passing refusal is asked again, as is a slip or two of the exchange's; it costs nothing but time."""
    account.listen(client, ORDERS)
    tries = iter(codes)

    def passing(_: Wire, __: Message) -> Any:
        if code := next(tries, 0):
            raise Refused(code)
        return [account.order("1")]

    account.memory.answers[OPEN] = passing
    async with client:
        await asyncio.sleep(20)
        account.memory.answers[OPEN] = passing
        await account.lose_link()
        await asyncio.sleep(20)

        assert account.ids() == [("1", True)]
        assert ears.errors == []


async def test_one_currency_fails(account: Account, client: Client) -> None:
    """A currency that can't be read holds up the channels that need it, and no others, until it can."""
    everywhere = "user.trades.any.any.raw"
    account.listen(client, TRADES, "user.portfolio.eth", everywhere)
    fails = True

    def fills(wire: Wire, request: Message) -> Any:
        if fails and request["params"]["currency"] == "ETH":
            raise Refused(11094)
        return account.fills_of(wire, request)

    def no_sums(_: Wire, __: Message) -> Any:
        raise Refused(11094)

    account.memory.answers |= {FILLS: fills, "private/get_account_summary": no_sums}
    async with client:
        await asyncio.sleep(20)
        account.fills = [account.fill(1)]
        await account.lose_link()
        await asyncio.sleep(2)
        while_it_fails = [channel for channel, _, _ in account.heard]
        fails = False
        await asyncio.sleep(20)

        assert while_it_fails == [TRADES]
        assert [channel for channel, _, _ in account.heard] == [TRADES, everywhere]
        assert account.ids() == [("1", True)] * 2


async def test_many_silent_orders(account: Account, client: Client) -> None:
    """However many orders were open and are in no list, each is asked for, by the same recovery."""
    account.listen(client, ORDERS)
    numbers = [str(number) for number in range(120)]
    async with client:
        await asyncio.sleep(20)
        ended = account.now + 1_000
        account.memory.answers["private/get_order_state"] = lambda _, request: account.order(
            request["params"]["order_id"], "cancelled", last_update_timestamp=ended
        )
        for number in numbers:
            account.memory.wire.tell(ORDERS, account.order(number))
        await asyncio.sleep(20)
        await account.lose_link()
        await asyncio.sleep(60)

        assert sorted(id for id, recovered in account.ids() if recovered) == sorted(numbers)
        assert account.memory.wire.methods.count("public/get_time") == 1


async def test_no_noise(account: Account, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Of a read that its link's end cuts short no warning is logged: that end is told, and the next reads."""
    account.listen(client, TRADES)
    async with client:
        await asyncio.sleep(20)
        account.memory.mute(FILLS)
        await account.lose_link()
        await client.wait_connected()
        await asyncio.sleep(1)
        await account.lose_link()
        await asyncio.sleep(1)

    assert "to be read again" not in caplog.text
