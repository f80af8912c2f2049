"""Live trades of a client, against the simulated exchange in memory: each once, in order, across drops."""

import asyncio
import logging
from typing import Any

import pytest

from deribit_ws import RpcError, SubscriptionRejected, UsageError
from deribit_ws.testing import (
    DelayReply,
    Drop,
    DropOnRequest,
    Duplicate,
    FailRequest,
    Garble,
    HistoryLag,
    IgnoreRequest,
    RefuseConnections,
    Reorder,
    SkipChange,
)
from deribit_ws.testing.calls import Call, Method
from deribit_ws.testing.methods import METHODS
from deribit_ws.testing.proxy_faults import Cut, Ending
from tests.trades.conftest import BTC, BY_SEQ, Stage, read_now, staged

pytestmark = pytest.mark.looptime

CHANNEL = f"trades.{BTC}.100ms"
BY_CURRENCY = "public/get_last_trades_by_currency"


@staged()
async def test_trades_come_once_and_in_order(stage: Stage) -> None:
    """On a link without faults trades come as they are made; nothing is asked, no mark is given."""
    async with stage.client.trades(BTC, marks=True) as trades:
        made = await stage.tell(3) + await stage.tell(2)

        assert read_now(trades) == made
    assert stage.asked() == []
    assert (trades.lost, trades.recovered, trades.duplicates) == (0, 0, 0)


@staged()
async def test_a_reader_that_waits_is_woken(stage: Stage) -> None:
    """`async for` gives each trade as it comes."""
    async with stage.client.trades(BTC) as trades:
        next_one = asyncio.ensure_future(anext(trades))
        await asyncio.sleep(1)
        made = await stage.tell()

        assert (await next_one).trade_seq == made[0]


@staged()
async def test_a_drop_before_the_first_trade_loses_nothing(stage: Stage) -> None:
    """What was traded between entering and the first live trade survives a drop."""
    async with stage.client.trades(BTC) as trades:
        await stage.drop()
        made = stage.trade(5)
        await stage.back()

        assert read_now(trades) == made
    assert trades.recovered == 5


@staged()
async def test_a_quiet_instrument_is_asked_at_once(stage: Stage) -> None:
    """After a drop history is asked without waiting for a live trade."""
    async with stage.client.trades(BTC) as trades:
        made = await stage.tell(2)
        await stage.drop()
        made += stage.trade(3)
        await stage.speak()
        await stage.back()

        assert read_now(trades) == made


@staged()
async def test_an_instrument_that_never_traded_is_asked_too(stage: Stage) -> None:
    """Of an instrument without history the first trades, made during a drop, are delivered."""
    name = stage.exchange.list_option(strike=123_000.0)
    async with stage.client.trades(name) as trades:
        await stage.drop()
        made = stage.trade(2, name)
        await stage.back()
        made += await stage.tell(2, name)

        assert read_now(trades) == made == [1, 2, 3, 4]


@pytest.mark.parametrize("fault", [SkipChange(CHANNEL, 2), Reorder(CHANNEL), Duplicate(CHANNEL, 2)])
@staged()
async def test_what_the_channel_does_wrong_is_mended(stage: Stage, fault: Any) -> None:
    """Messages left out, swapped or doubled make no difference to what is delivered."""
    async with stage.client.trades(BTC) as trades:
        made = await stage.tell(2)
        stage.exchange.inject(fault)
        for _ in range(4):
            made += await stage.tell(3)
        await asyncio.sleep(0.5)

        assert read_now(trades) == made
    assert trades.lost == 0


@pytest.mark.parametrize("kind", ["truncated", "wrong_shape", "no_data"])
@staged()
async def test_a_spoiled_message_is_had_from_history(stage: Stage, kind: Any) -> None:
    """A message that can't be read is asked for at once, be its channel known or not."""
    async with stage.client.trades(BTC) as trades:
        stage.exchange.inject(Garble(CHANNEL, kind=kind))
        made = await stage.tell(3)
        await asyncio.sleep(0.5)

        assert read_now(trades) == made
    assert trades.recovered == 3


@staged()
async def test_a_flood_of_garbage_asks_now_and_then(stage: Stage) -> None:
    """However often there is reason to doubt, history is asked with pauses."""
    async with stage.client.trades(BTC):
        for _ in range(100):
            stage.client._lifecycle.restorer.doubt(None)
            await asyncio.sleep(0.1)

        assert 3 <= len(stage.asked()) <= 15


@staged()
async def test_long_outages_are_read_page_by_page(stage: Stage) -> None:
    """More trades than an answer holds are read in pages of a thousand, by trade_seq."""
    async with stage.client.trades(BTC) as trades:
        made = await stage.tell()
        await stage.drop()
        made += stage.trade(2500)
        await stage.back()

        assert read_now(trades) == made
    assert [call["start_seq"] - made[0] for call in stage.asked()] == [1, 1001, 2001]


@staged()
async def test_a_drop_while_reading_back_goes_on_where_it_stood(stage: Stage) -> None:
    """What was read before the next drop is not read again."""
    async with stage.client.trades(BTC) as trades:
        made = await stage.tell()
        await stage.drop()
        made += stage.trade(1500)
        stage.exchange.inject(DelayReply(BY_SEQ, 0.2, times=2))
        await stage.client.wait_connected()
        await asyncio.sleep(0.3)  # one page is there, the other on its way
        await stage.drop()
        await stage.back()

        assert read_now(trades) == made
    assert [call["start_seq"] - made[0] for call in stage.asked()] == [1, 1001, 1001]


@staged()
async def test_a_drop_instead_of_an_answer_is_asked_again(stage: Stage) -> None:
    """A link that ends at the question is no reason to lose anything."""
    async with stage.client.trades(BTC) as trades:
        stage.exchange.inject(DropOnRequest(BY_SEQ, Drop.rst(), times=3))
        await stage.drop()
        made = stage.trade(4)
        await stage.back()
        await stage.back()

        assert read_now(trades) == made


@staged(history=50)
async def test_what_history_has_forgotten_is_one_exact_gap(stage: Stage) -> None:
    """Trades older than history's reach are one gap, told to readers and handlers; the rest is delivered."""
    async with stage.client.trades(BTC, marks=True, hold=None) as trades:
        made = await stage.tell()
        await stage.drop()
        made += stage.trade(200)
        await stage.back()
        made += await stage.tell(2)

        kept = made[-52:]
        assert read_now(trades) == [made[0], "Disconnected", "Connected", (made[1], kept[0] - 1), *kept]
    assert trades.lost == 150
    assert [(gap.instrument, gap.first, gap.last) for gap in stage.ears.gaps] == [(BTC, made[1], kept[0] - 1)]


@staged()
async def test_a_passing_refusal_is_asked_again_within_the_hold(stage: Stage) -> None:
    """A history that refuses for a moment is asked again, and nothing is lost."""
    async with stage.client.trades(BTC) as trades:
        stage.exchange.inject(FailRequest(BY_SEQ, 13028, 3))
        stage.exchange.inject(SkipChange(CHANNEL))
        made = await stage.tell(2) + await stage.tell()
        await asyncio.sleep(3)

        assert read_now(trades) == made


@staged()
async def test_a_lost_answer_leaves_time_to_ask_again(stage: Stage) -> None:
    """A read that is never answered does not use up the whole hold."""
    async with stage.client.trades(BTC, hold=3.0) as trades:
        stage.exchange.inject(IgnoreRequest(BY_SEQ))
        stage.exchange.inject(SkipChange(CHANNEL))
        made = await stage.tell(2) + await stage.tell()
        await asyncio.sleep(2.9)

        assert read_now(trades) == made


@staged()
async def test_a_pause_for_credits_counts_as_no_hold(stage: Stage) -> None:
    """After a 10028 nothing may be asked for 5 s: a shorter hold does not end meanwhile."""
    async with stage.client.trades(BTC, hold=4.0) as trades:
        stage.exchange.inject(FailRequest(BY_SEQ, 10028))
        stage.exchange.inject(SkipChange(CHANNEL))
        made = await stage.tell(2) + await stage.tell()
        await asyncio.sleep(6)

        assert (read_now(trades), trades.lost) == (made, 0)


@pytest.mark.parametrize("fault", [FailRequest(BY_SEQ, 13028, None), IgnoreRequest(BY_SEQ, 100)])
@staged()
async def test_patience_ends_with_one_gap(stage: Stage, fault: Any, caplog: pytest.LogCaptureFixture) -> None:
    """When history fails for the whole hold one gap stands where the trades would have been."""
    async with stage.client.trades(BTC, marks=True, hold=2.0) as trades:
        made = await stage.tell()
        stage.exchange.inject(fault)
        stage.exchange.inject(SkipChange(CHANNEL))
        lost = await stage.tell(3)
        later = await stage.tell(2)
        await asyncio.sleep(1.9)
        assert read_now(trades) == made
        with caplog.at_level(logging.WARNING):
            await asyncio.sleep(0.2)
        later += await stage.tell()

        assert read_now(trades) == [(lost[0], lost[-1]), *later]
    assert (trades.lost, stage.ears.gaps[0].first) == (3, lost[0])
    assert f"trades {lost[0]} to {lost[-1]} of {BTC}" in caplog.text


@staged()
async def test_each_instrument_has_a_hold_of_its_own(stage: Stage) -> None:
    """What begins to be missing while other trades are waited for waits no longer than the hold either."""
    eth = "ETH-PERPETUAL"
    channel = "trades.future.any.100ms"
    async with stage.client.trades(kind="future", currency="any", hold=2.0) as trades:
        stage.exchange.inject(FailRequest(BY_SEQ, 13028, None))
        stage.exchange.inject(SkipChange(channel))
        await stage.tell(1)
        first = await stage.tell(1)
        await asyncio.sleep(1.5)
        stage.exchange.inject(SkipChange(channel))
        await stage.tell(1, eth)
        second = await stage.tell(1, eth)
        await asyncio.sleep(1.9)
        assert read_now(trades) == first
        await asyncio.sleep(0.3)

        assert read_now(trades) == second


@staged()
async def test_a_gap_without_marks_is_told_to_handlers_alone(stage: Stage) -> None:
    """A reader that asked for no marks gets trades and nothing else."""
    async with stage.client.trades(BTC, hold=1.0) as trades:
        stage.exchange.inject(FailRequest(BY_SEQ, 13028, None))
        made = await stage.tell()
        stage.exchange.inject(SkipChange(CHANNEL))
        await stage.tell()
        made += await stage.tell()
        await asyncio.sleep(2)

        assert read_now(trades) == made
    assert len(stage.ears.gaps) == 1


@staged()
async def test_endless_patience_waits_for_history(stage: Stage) -> None:
    """With a hold of None live trades wait until history gives what is missing."""
    async with stage.client.trades(BTC, hold=None) as trades:
        stage.exchange.inject(FailRequest(BY_SEQ, 13028, None))
        made = await stage.tell()
        stage.exchange.inject(SkipChange(CHANNEL))
        made += await stage.tell() + await stage.tell()
        await asyncio.sleep(100)
        assert read_now(trades) == made[:1]
        stage.exchange.clear_faults()
        await asyncio.sleep(3)

        assert read_now(trades) == made[1:]


@staged()
async def test_a_long_outage_is_no_waiting(stage: Stage) -> None:
    """Time without a link does not count: what history can still give is delivered."""
    async with stage.client.trades(BTC, hold=1.0) as trades:
        stage.exchange.inject(IgnoreRequest(BY_SEQ))
        made = await stage.tell()
        stage.exchange.inject(SkipChange(CHANNEL))
        made += await stage.tell() + await stage.tell()
        stage.exchange.inject(RefuseConnections(seconds=60.0))
        await stage.drop()
        await asyncio.sleep(30)
        assert read_now(trades) == made[:1]
        stage.exchange.inject(IgnoreRequest(BY_SEQ))  # the first on the next link: its hold is a new one
        await asyncio.sleep(31)
        await stage.back()

        assert read_now(trades) == made[1:]
    assert trades.lost == 0


@staged()
async def test_nobody_else_is_held_up(stage: Stage) -> None:
    """While live trades wait, a callback and a stream of the same channel hear each message at once."""
    heard: list[int] = []
    stage.client.register(CHANNEL, lambda trades: heard.extend(one.trade_seq for one in trades))
    async with stage.client.trades(BTC, hold=None) as trades, stage.client.stream(CHANNEL) as stream:
        stage.exchange.inject(FailRequest(BY_SEQ, 13028, None))
        made = await stage.tell()
        stage.exchange.inject(SkipChange(CHANNEL))
        await stage.tell()
        made += await stage.tell(2)

        assert heard == made
        streamed = [one.trade_seq for _ in range(2) for one in (await anext(stream)).data]
        assert streamed == made
        assert read_now(trades) == made[:1]


@staged()
async def test_each_has_its_own_place(stage: Stage) -> None:
    """Live trades of one channel that were opened at different times know nothing of each other."""
    async with stage.client.trades(BTC) as first:
        early = await stage.tell(2)
        async with stage.client.trades(BTC, maxsize=1) as second:
            late = await stage.tell(4)
            await stage.drop()
            late += stage.trade(3)
            await stage.back()

            assert read_now(first) == early + late
            got: list[int] = []
            while len(got) < 7:
                got.append((await anext(second)).trade_seq)
            assert got == late
    assert stage.client._registry.subscriptions.wanted == frozenset()


@staged()
async def test_there_is_one_pair_of_marks_a_drop(stage: Stage) -> None:
    """Marks of the link stand among the trades, one pair a drop, before what was missed."""
    async with stage.client.trades(BTC, marks=True) as trades:
        before = await stage.tell()
        await stage.drop()
        during = stage.trade()
        await stage.back()
        after = await stage.tell()

        assert read_now(trades) == [*before, "Disconnected", "Connected", *during, *after]


@staged()
async def test_a_slow_reader_loses_nothing(stage: Stage) -> None:
    """Beyond its bound a queue is filled from history as its reader catches up, across a drop as well."""
    async with stage.client.trades(BTC, maxsize=20) as trades:
        made = []
        for _ in range(30):
            made += await stage.tell(10)
            assert len(trades.flow.ready) <= 20
        await stage.drop()
        made += stage.trade(10)
        await stage.back()
        got: list[int] = []
        while len(got) < len(made):
            got.append((await anext(trades)).trade_seq)
        made += await stage.tell(3)
        await asyncio.sleep(1)

        assert got + read_now(trades) == made
    assert trades.lost == 0


@staged()
async def test_an_option_born_during_the_drop_is_not_missed(stage: Stage) -> None:
    """Trades of a kind and currency include those of an option that was listed while there was no link."""
    async with stage.client.trades(kind="option", currency="BTC") as trades:
        await stage.drop()
        name = stage.exchange.list_option(strike=123_000.0)
        made = stage.trade(3, name)
        await stage.back()
        made += await stage.tell(2, name)

        assert read_now(trades) == made == [1, 2, 3, 4, 5]


@staged()
async def test_all_currencies_are_read(stage: Stage) -> None:
    """Trades of any currency are read back in each."""
    async with stage.client.trades(kind="future") as trades:
        await stage.drop()
        names = [BTC, "ETH-PERPETUAL", "ETH_USDC-PERPETUAL"]
        made = [seq for name in names for seq in stage.trade(2, name)]
        await stage.back()

        assert sorted(read_now(trades)) == sorted(made)
    assert {call["currency"] for call in stage.asked(BY_CURRENCY)} == {"BTC", "ETH", "USDC", "USDT", "EURR"}


@staged()
async def test_a_slow_reader_of_a_kind_loses_nothing(stage: Stage) -> None:
    """The bound holds for all instruments of a kind together, and nothing of any is lost."""
    names = [BTC, "BTC-25DEC26"]
    made: dict[str, list[int]] = {name: [] for name in names}
    async with stage.client.trades(currency="BTC", maxsize=20) as trades:
        for _ in range(20):
            for name in names:
                made[name] += stage.trade(5, name)
            await stage.speak()
        got: dict[str, list[int]] = {name: [] for name in names}
        while got != made:
            async with asyncio.timeout(60):
                trade = await anext(trades)
            got[trade.instrument_name].append(trade.trade_seq)

        assert trades.lost == 0


@staged()
async def test_many_ask_a_few_at_a_time(stage: Stage) -> None:
    """Twenty flows that come back at once ask history eight at a time, and all are whole soon."""
    names = [stage.exchange.list_option(strike=100_000.0 + 1000 * n) for n in range(20)]
    readers = [stage.client.trades(name) for name in names]
    for reader in readers:
        await reader.__aenter__()
    await stage.drop()
    made = [stage.trade(2, name) for name in names]
    stage.exchange.inject(DelayReply(BY_SEQ, 1.0, times=20))
    await stage.client.wait_connected()
    await asyncio.sleep(0.5)
    assert len(stage.asked()) == 8
    await asyncio.sleep(4)

    assert [read_now(reader) for reader in readers] == made
    for reader in readers:
        await reader.__aexit__()


@staged()
async def test_an_unanswered_read_on_a_dead_link_gives_nothing_up(stage: Stage) -> None:
    """A link that is half open while trades are missing costs time, and no trade."""
    async with stage.client.trades(BTC, hold=1.0) as trades:
        made = await stage.tell()
        stage.exchange.inject(SkipChange(CHANNEL))
        stage.exchange.inject(IgnoreRequest(BY_SEQ))
        made += await stage.tell() + await stage.tell()
        stage.network.inject(Cut(Ending.HALF_OPEN))
        made += await stage.tell()
        await asyncio.sleep(60)
        await stage.back()

        assert read_now(trades) == made
    assert trades.lost == 0


@staged()
async def test_leaving_while_history_is_asked_leaves_nothing(stage: Stage) -> None:
    """Live trades that are left while a read is on its way hold no channel and no task."""
    async with stage.client.trades(BTC):
        stage.exchange.inject(IgnoreRequest(BY_SEQ))
        await stage.drop()
        await stage.client.wait_connected()
        await asyncio.sleep(0.1)
        assert len(stage.asked()) == 1

    await asyncio.sleep(0.1)
    assert not [task for task in asyncio.all_tasks() if BTC in task.get_name()]
    assert stage.client._registry.subscriptions.wanted == frozenset()


@pytest.fixture
def late_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the exchange's history show trades a second after the channels do."""

    def late(method: Method) -> Method:
        def answer(call: Call) -> Any:
            page = method(call)
            shown = call.venue.market.now_ms() - 1000
            return page | {"trades": [trade for trade in page["trades"] if trade.timestamp <= shown]}

        return answer

    for name in (BY_SEQ, BY_CURRENCY):
        monkeypatch.setitem(METHODS, name, late(METHODS[name]))


@pytest.mark.usefixtures("late_history")
@staged()
async def test_a_history_that_is_behind_is_asked_until_it_has_it(stage: Stage) -> None:
    """A trade that history does not show yet is waited for, and not declared lost."""
    async with stage.client.trades(BTC) as trades:
        made = await stage.tell()
        await stage.drop()
        made += stage.trade(3)
        await stage.client.wait_connected()
        made += await stage.tell()
        await asyncio.sleep(3)
        seqs = read_now(trades)

        # Some from before may come too: on entering, history seemed to have none.
        assert seqs == list(range(seqs[0], seqs[-1] + 1)) and seqs[-len(made) :] == made
    assert trades.lost == 0


@pytest.mark.usefixtures("late_history")
@staged()
async def test_what_is_born_in_a_late_history_is_not_missed(stage: Stage) -> None:
    """Trades of a new option that history shows only a while after the drop are delivered all the same."""
    async with stage.client.trades(kind="option", currency="BTC") as trades:
        await stage.drop()
        name = stage.exchange.list_option(strike=123_000.0)
        made = stage.trade(3, name)
        await stage.back()
        assert 1 not in read_now(trades)
        await asyncio.sleep(3)

        # Of others some from before may come too: on entering, history seemed not to have them.
        assert [seq for seq in read_now(trades) if seq < 1000] == made


@staged()
async def test_closing_the_client_hands_out_what_waits(stage: Stage) -> None:
    """At the end of the client what waits is handed out behind its gap, then the stream ends."""
    async with stage.client.trades(BTC, marks=True, hold=None) as trades:
        stage.exchange.inject(FailRequest(BY_SEQ, 13028, None))
        made = await stage.tell()
        stage.exchange.inject(SkipChange(CHANNEL))
        lost = await stage.tell()
        later = await stage.tell()
        await stage.client.aclose()
        items = [item async for item in trades]

        assert [
            getattr(item, "trade_seq", None) for item in items if hasattr(item, "trade_seq")
        ] == made + later
        assert trades.lost == len(lost)


@staged()
async def test_no_such_instrument_is_told_on_entering(stage: Stage) -> None:
    """A channel that the exchange leaves out raises, and nothing is left of it."""
    with pytest.raises(SubscriptionRejected):
        async with stage.client.trades("BTC-NONSENSE"):
            pass

    assert stage.client._registry.subscriptions.wanted == frozenset()


@staged()
async def test_a_history_that_refuses_is_told_on_entering(stage: Stage) -> None:
    """Where the newest trade can't be read, entering raises: a drop might lose what came after it."""
    stage.exchange.inject(FailRequest(BY_SEQ, 10004, None))
    with pytest.raises(RpcError):
        async with stage.client.trades(BTC):
            pass

    assert stage.client._registry.subscriptions.wanted == frozenset()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"instrument": BTC, "kind": "future"},
        {"instrument": BTC, "hold": 0},
        {"instrument": BTC, "maxsize": 0},
        {"kind": "futures"},
        {"currency": "btc"},
        {"instrument": BTC, "interval": "1s"},
    ],
)
@staged()
async def test_what_can_not_be_is_refused(stage: Stage, options: dict[str, Any]) -> None:
    """Arguments that don't fit raise at once."""
    with pytest.raises(UsageError):
        stage.client.trades(**options)


@pytest.mark.parametrize("hold", [5.0, None])
@staged()
async def test_one_refusal_costs_nothing(stage: Stage, hold: float | None) -> None:
    """A history that refuses the question as if for good is asked again; only if it goes on is that a Gap."""
    async with stage.client.trades(BTC, hold=hold) as trades:
        made = await stage.tell()
        stage.exchange.inject(FailRequest("public/get_last_trades_by_instrument", 11050, times=4))
        await stage.drop()
        made += stage.trade(5)
        await asyncio.sleep(4)
        made += await stage.tell(1)
        await asyncio.sleep(1)

        assert read_now(trades) == made
    assert trades.lost == 0


@staged()
async def test_a_gap_is_told_once(stage: Stage) -> None:
    """However many read the same trades, handlers hear of a gap once, and each reader has it in its place."""
    async with stage.client.trades(BTC, marks=True) as first, stage.client.trades(BTC, marks=True) as second:
        made = await stage.tell()
        stage.exchange.inject(FailRequest(BY_SEQ, 13028, None))
        await stage.drop()
        lost = await stage.tell(3)
        await stage.back()
        made += await stage.tell(1)
        await asyncio.sleep(8)

        expected = [made[0], "Disconnected", "Connected", (lost[0], lost[-1]), made[-1]]
        assert read_now(first) == read_now(second) == expected
    assert [(gap.first, gap.last) for gap in stage.ears.gaps] == [(lost[0], lost[-1])]


@staged()
async def test_the_first_trade_ever_is_left_out(stage: Stage) -> None:
    """An instrument that never traded, whose first trade the channel leaves out, is given from history."""
    name = stage.exchange.list_option(strike=123_000.0)
    async with stage.client.trades(name) as trades:
        stage.exchange.inject(SkipChange(f"trades.{name}.100ms"))
        made = await stage.tell(1, name) + await stage.tell(1, name)
        await asyncio.sleep(1)

        assert made == [1, 2]
        assert read_now(trades) == made


@staged()
async def test_what_is_born_meanwhile_beside_a_busy_one(stage: Stage) -> None:
    """An option born in a drop begins with its first trade, though history shows that later."""
    busy = next(name for name in stage.exchange.instruments if name.startswith("BTC") and name.endswith("-C"))
    async with stage.client.trades(kind="option", currency="BTC") as trades:
        await stage.tell(1, busy)
        stage.exchange.inject(HistoryLag(0.5))
        await stage.drop()
        born = stage.exchange.list_option(strike=123_000.0)
        made = stage.trade(2, born)
        await stage.client.wait_connected()
        for _ in range(5):
            await asyncio.sleep(0.2)
            await stage.tell(1, busy)
        made += await stage.tell(1, born)
        for _ in range(20):
            await asyncio.sleep(0.2)
            await stage.tell(1, busy)

        assert [seq for seq in read_now(trades) if seq < 1000] == made == [1, 2, 3]
    assert trades.lost == 0


@staged()
@pytest.mark.parametrize("lag", [0.5, 3.0])
@pytest.mark.parametrize(
    "what", [{"instrument": BTC}, {"kind": "future", "currency": "BTC"}], ids=["one", "kind"]
)
async def test_history_that_is_behind_is_asked_again(stage: Stage, what: dict[str, Any], lag: float) -> None:
    """A trade of a drop that history shows late is given, though nothing is traded after it."""
    async with stage.client.trades(**what) as trades:
        stage.exchange.inject(HistoryLag(lag))
        await stage.drop()
        made = stage.trade(1, BTC)
        await stage.back()
        await asyncio.sleep(12)

        assert [item for item in read_now(trades) if isinstance(item, int)] == made
    assert trades.lost == 0


@staged()
async def test_what_trades_on_is_not_asked_for_again(stage: Stage) -> None:
    """A live trade that follows on what history gave proves that nothing is missing: no more is asked."""
    async with stage.client.trades(BTC) as trades:
        await stage.drop()
        await stage.back()
        made = await stage.tell(1)
        asked = len(stage.exchange.ledger.requests_of(BY_SEQ))
        await asyncio.sleep(12)

        assert len(stage.exchange.ledger.requests_of(BY_SEQ)) == asked
        assert read_now(trades)[-1] == made[-1]
