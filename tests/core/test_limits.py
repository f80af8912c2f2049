"""Turns: who may send when, held against figures from the exchange's documents, in virtual time."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import Any

import pytest

from deribit_ws.errors import CallTimeout, RequestNotSent, RpcError
from deribit_ws.limits import Limits, LimitsSnapshot, PoolSnapshot
from tests.core.counting import calls_made
from tests.core.traffic import (
    BUY,
    BUY_ETH,
    BUY_LINEAR,
    BUY_SPOT,
    CANCEL,
    FOREVER,
    INSTRUMENTS,
    LINEAR,
    PERPETUAL,
    QUOTE,
    READ,
    SUBSCRIBE,
    Traffic,
    goes_at_once,
    granted,
    now,
    plenty,
    taken,
    too_many,
)

pytestmark = pytest.mark.looptime

# --- without waiting


async def test_default_bursts(limits: Limits) -> None:
    """A new account's bursts are the published ones, less what is reserved and what may be under way."""
    bursts = {
        "public/ticker": 86,  # of 100: 10 reserved, 4 for what is late
        "public/get_instruments": 49,
        "public/subscribe": 9,
        "private/get_transaction_log": 7,
        "private/buy": 15,  # of 20: 4 reserved, 1 late
    }
    for method, burst in bursts.items():
        request = (method, {"instrument_name": "BTC-PERPETUAL"})
        went = 0
        while goes_at_once(limits, request):
            went += 1

        assert (method, went) == (method, burst)


async def test_no_cost_to_speak_of(limits: Limits) -> None:
    """A turn that needn't be waited for takes no step of the loop and a handful of calls."""
    limits.learn(granted(1e9, 1e9))
    for request in (READ, BUY, CANCEL):
        assert goes_at_once(limits, request)
        assert calls_made(partial(goes_at_once, limits, request)) < 45


async def test_rate(limits: Limits, traffic: Traffic) -> None:
    """After a burst ordinary calls go at a little under the exchange's rate."""
    for number in range(86 + 196):
        traffic.send(str(number), READ)
    await asyncio.sleep(60)

    assert traffic.when("85") == 0
    assert traffic.when("86") == pytest.approx(1 / 19.6, abs=0.002)
    assert traffic.when("281") == pytest.approx(10.0, abs=0.1)


# --- who goes first


async def test_in_order(limits: Limits, traffic: Traffic) -> None:
    """Those who wait for the same go in the order in which they came."""
    for number in range(120):
        traffic.send(str(number), READ)
    await asyncio.sleep(10)

    assert traffic.names == [str(number) for number in range(120)]


async def test_no_overtaking(limits: Limits, traffic: Traffic) -> None:
    """A newcomer doesn't overtake those in line, even when there is room and their timer is not due yet."""
    for number in range(90):
        traffic.send(str(number), READ)
    await asyncio.sleep(1 / 19.6 + 0.0005)
    went_at_once = goes_at_once(limits, READ)
    await asyncio.sleep(0)

    assert not went_at_once
    assert traffic.names[86:] == ["86"]


async def test_no_overtaking_in_flight(limits: Limits, traffic: Traffic) -> None:
    """A newcomer doesn't take the place that is kept for one who needs another one as well."""
    await plenty(limits)
    for number in range(5):
        traffic.send(f"btc {number}", BUY, answered=False)
    for number in range(6):
        traffic.send(f"usdc {number}", BUY_LINEAR, answered=False)
    traffic.send("spot", BUY_SPOT, answered=False)
    await asyncio.sleep(0.1)

    assert not goes_at_once(limits, BUY)
    traffic.answer("usdc 0")
    await asyncio.sleep(0.1)
    assert traffic.names[-1] == "spot"


async def test_logins_go_ahead(limits: Limits, traffic: Traffic) -> None:
    """A login goes at once past any number of calls in line, within the reserve."""
    for number in range(300):
        traffic.send(str(number), READ)
    await asyncio.sleep(1)

    assert goes_at_once(limits, ("public/auth", {"grant_type": "client_credentials"}))
    assert goes_at_once(limits, ("public/set_heartbeat", {"interval": 10}))
    assert goes_at_once(limits, ("private/enable_cancel_on_disconnect", {}))


async def test_heartbeats_never_wait(limits: Limits, traffic: Traffic) -> None:
    """Answers to heartbeats are only counted: those in line wait a little longer, nobody is refused."""
    for number in range(90):
        traffic.send(str(number), READ)
    await asyncio.sleep(0)
    for _ in range(10):
        limits.spend("public/test")
    await asyncio.sleep(5)

    assert traffic.when("86") == pytest.approx(11 / 19.6, abs=0.002)
    assert traffic.when("89") == pytest.approx(14 / 19.6, abs=0.002)


async def test_lines_are_apart(limits: Limits, traffic: Traffic) -> None:
    """An order, a cancel, a read and a subscription don't wait behind calls that wait for other pools."""
    for number in range(60):
        traffic.send(f"instruments {number}", INSTRUMENTS)
        traffic.send(f"log {number}", ("private/get_transaction_log", {"currency": "BTC"}))
    await asyncio.sleep(0.1)

    assert limits.snapshot().waiting == 60 - 49 + 60 - 7
    for request in (BUY, BUY_SPOT, CANCEL, READ, SUBSCRIBE):
        assert goes_at_once(limits, request)


async def test_one_pool_for_subscribing(limits: Limits) -> None:
    """Public and private subscriptions draw on one pool."""
    for method in ["public/subscribe", "private/subscribe"] * 4:
        assert goes_at_once(limits, (method, {}))

    assert limits.snapshot().pools["subscribe"].left == pytest.approx(10 - 2 / 3 - 8)


# --- the matching engine


async def test_in_flight(limits: Limits, traffic: Traffic) -> None:
    """Six orders of a currency are under way at most, and seven with a cancel; other currencies go on."""
    await plenty(limits)
    for number in range(10):
        traffic.send(f"buy {number}", BUY, answered=False)
    await asyncio.sleep(1)
    for number in range(3):
        traffic.send(f"cancel {number}", CANCEL, answered=False)
    await asyncio.sleep(1)

    assert limits.snapshot().in_flight == {"BTC": 7}
    assert traffic.names == [*(f"buy {number}" for number in range(6)), "cancel 0"]
    assert goes_at_once(limits, BUY_ETH)
    assert goes_at_once(limits, READ)
    assert not goes_at_once(limits, BUY_SPOT)


async def test_cancels_go_ahead(limits: Limits, traffic: Traffic) -> None:
    """With six orders under way one cancel goes at once; the next goes before any order in line."""
    await plenty(limits)
    for number in range(8):
        traffic.send(f"buy {number}", BUY, answered=False)
    await asyncio.sleep(0)
    for name in ("cancel", "another"):
        traffic.send(name, CANCEL, answered=False)
    await asyncio.sleep(0.1)
    traffic.answer("buy 3")
    await asyncio.sleep(0.1)

    assert traffic.names == [*(f"buy {n}" for n in range(6)), "cancel", "another"]


async def test_room_for_cancels(limits: Limits, traffic: Traffic) -> None:
    """However many orders wait for the rate, some cancels go at once."""
    for number in range(100):
        traffic.send(str(number), BUY)
    await asyncio.sleep(3)

    assert [goes_at_once(limits, CANCEL) for _ in range(5)] == [True, True, True, True, False]


async def test_a_place_comes_back(limits: Limits, traffic: Traffic) -> None:
    """An order in line goes in the step in which another one's answer comes."""
    await plenty(limits)
    for number in range(7):
        traffic.send(str(number), BUY, answered=False)
    await asyncio.sleep(1.5)
    traffic.answer("0")
    await asyncio.sleep(1)

    assert traffic.when("6") == 2.5


async def test_given_up_but_queued(limits: Limits, traffic: Traffic) -> None:
    """An order whose answer nobody awaits keeps its place for 5 s: it may still be in the queue there."""
    await plenty(limits)
    for number in range(6):
        traffic.send(str(number), BUY, answered=False)
    await asyncio.sleep(1)
    for number in range(6):
        traffic.cancel(str(number))
    traffic.send("next", BUY)
    await asyncio.sleep(10)

    assert traffic.when("next") == 7.0


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (CallTimeout("late"), {"BTC": 1}),
        (asyncio.CancelledError(), {"BTC": 1}),
        (RpcError(10009, "not_enough_funds"), {}),
        (RequestNotSent("gone"), {}),
    ],
)
async def test_place_after_an_error(limits: Limits, error: BaseException, place: dict[str, int]) -> None:
    """A refused or unsent order gives its place back at once, one without an answer after a while."""
    with pytest.raises(type(error)):
        async with limits.turn(*BUY, deadline=FOREVER):
            raise error

    assert limits.snapshot().in_flight == place
    await asyncio.sleep(5)
    assert limits.snapshot().in_flight == {}


async def test_never_sent(limits: Limits, traffic: Traffic) -> None:
    """A turn whose request could not be sent costs nothing, and lets the next one have it."""
    for number in range(87):
        traffic.send(str(number), READ, answered=False)
    await asyncio.sleep(0)
    traffic.fail("3", RequestNotSent("the link is down"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert now() == 0.0
    assert traffic.names[-1] == "86"


async def test_several_currencies_at_once(limits: Limits, traffic: Traffic) -> None:
    """An order that needs a place in two currencies gets it, however many want one of the two."""
    await plenty(limits)
    for number in range(6):
        traffic.send(f"btc {number}", BUY, answered=False)
        traffic.send(f"usdc {number}", BUY_LINEAR, answered=False)
    await asyncio.sleep(0)
    traffic.send("spot", BUY_SPOT)
    for number in range(6, 12):
        traffic.send(f"btc {number}", BUY, answered=False)
        traffic.send(f"usdc {number}", BUY_LINEAR, answered=False)
    for name in ("btc 0", "btc 1", "usdc 0"):
        await asyncio.sleep(1)
        traffic.answer(name)
    await asyncio.sleep(0.5)

    assert traffic.when("spot") == 4
    assert traffic.when("btc 6") == 3  # the first place in BTC was kept for the spot order, the next wasn't
    assert traffic.when("usdc 6") == 4


async def test_cancel_all_counts_everywhere(limits: Limits, traffic: Traffic) -> None:
    """What is about any currency takes a place in every one, and waits for the fullest."""
    await plenty(limits)
    traffic.send("all", ("private/cancel_all", {}), answered=False)
    for number in range(10):
        traffic.send(f"btc {number}", BUY, answered=False)
        traffic.send(f"eth {number}", BUY_ETH, answered=False)
    await asyncio.sleep(1)
    traffic.send("rfq", ("private/add_block_rfq_quote", {"block_rfq_id": 7}), answered=False)
    traffic.send("another", ("private/cancel_all", {}), answered=False)
    traffic.send("third", ("private/cancel_all", {}), answered=False)
    await asyncio.sleep(1)

    assert limits.snapshot().in_flight == {"*": 2, "BTC": 5, "ETH": 5}
    assert limits.snapshot().waiting == 5 + 5 + 2


# --- which pools, and which currencies


ONE = {"trading": 1.0}
EITHER = {"trading": 1.0, "spot": 1.0}
ALL = {"cancel_all": 1.0}


@pytest.mark.parametrize(
    ("method", "params", "pools", "currencies"),
    [
        ("public/get_time", {}, {"non_matching_engine": 1.0}, {}),
        ("public/never_heard_of", {}, {"non_matching_engine": 1.0}, {}),
        ("private/get_positions", {"currency": "BTC"}, {"non_matching_engine": 1.0}, {}),
        ("private/cancel_block_rfq", {"block_rfq_id": 1}, {"non_matching_engine": 1.0}, {}),
        ("private/unsubscribe", {"channels": []}, {"non_matching_engine": 1.0}, {}),
        ("private/subscribe", {"channels": []}, {"subscribe": 1.0}, {}),
        ("public/get_instruments", {}, {"get_instruments": 1.0}, {}),
        ("private/get_transaction_log", {"currency": "BTC"}, {"get_transaction_log": 1.0}, {}),
        ("private/buy", PERPETUAL, ONE, {"BTC": 1}),
        ("private/sell", LINEAR, ONE, {"USDC": 1}),
        ("private/sell", {"instrument_name": "SOL_USDC-28NOV26-140-C"}, ONE, {"USDC": 1}),
        ("private/sell", {"instrument_name": "ETH-27NOV26-3000-P"}, ONE, {"ETH": 1}),
        ("private/close_position", {"instrument_name": "ETH-27NOV26"}, ONE, {"ETH": 1}),
        ("private/buy", {"instrument_name": "BTC_USDC"}, {"spot": 1.0}, {"BTC": 1, "USDC": 1}),
        ("private/edit_by_label", {"label": "x", **PERPETUAL}, ONE, {"BTC": 1}),
        ("private/edit", {"order_id": "ETH-584864807"}, EITHER, {"ETH": 1}),
        ("private/cancel", {"order_id": "USDC-104819327443"}, EITHER, {"USDC": 1}),
        ("private/cancel", {"order_id": "584864807"}, EITHER, {"BTC": 1}),
        ("private/cancel", {"order_id": "ETH_USDC-584864807"}, EITHER, {"ETH": 1, "USDC": 1}),
        ("private/cancel", {"order_id": "OTO-10838714"}, EITHER, {"*": 1}),
        ("private/cancel", {}, EITHER, {"*": 1}),
        ("private/cancel", {"order_id": 7}, EITHER, {"*": 1}),
        ("private/cancel_all", {}, ALL, {"*": 1}),
        ("private/cancel_by_label", {"label": "x"}, ALL, {"*": 1}),
        ("private/cancel_by_label", {"label": "x", "currency": "ETH"}, EITHER, {"ETH": 1}),
        ("private/cancel_all_by_currency", {"currency": "usdc"}, EITHER, {"USDC": 1}),
        ("private/cancel_all_by_currency_pair", {"currency_pair": "btc_usdc"}, EITHER, {"BTC": 1, "USDC": 1}),
        ("private/cancel_all_by_instrument", PERPETUAL, ONE, {"BTC": 1}),
        ("private/cancel_all_by_kind_or_type", {"currency": ["BTC", "ETH"]}, EITHER, {"BTC": 1, "ETH": 1}),
        ("private/cancel_all_by_kind_or_type", {"currency": "any"}, ALL, {"*": 1}),
        ("private/cancel_quotes", {"cancel_type": "all"}, ALL, {"*": 1}),
        ("private/cancel_quotes", {"cancel_type": "instrument", **PERPETUAL}, ONE, {"BTC": 1}),
        (
            "private/mass_quote",
            {"quotes": [QUOTE, {**LINEAR, "bid": {"price": 1}}]},
            {"maximum_mass_quotes": 1.0, "maximum_quotes": 3.0},
            {"BTC": 1, "USDC": 1},
        ),
        ("private/mass_quote", {}, {"maximum_mass_quotes": 1.0, "maximum_quotes": 1.0}, {"*": 1}),
        ("private/add_block_rfq_quote", {"legs": [PERPETUAL]}, ONE, {"BTC": 1}),
        ("private/edit_block_rfq_quote", {"block_rfq_quote_id": 1}, EITHER, {"*": 1}),
        ("private/cancel_block_rfq_quote", {"block_rfq_quote_id": 1}, EITHER, {"*": 1}),
        ("private/cancel_all_block_rfq_quotes", {}, EITHER, {"*": 1}),
        ("private/verify_block_trade", {"trades": [PERPETUAL, "?"]}, EITHER, {"*": 1}),
        ("private/execute_block_trade", {"trades": [PERPETUAL]}, ONE, {"BTC": 1}),
        (
            "private/move_positions",
            {"currency": "BTC", "trades": [PERPETUAL]},
            {"trading": 1.0, "spot": 1.0, "move_positions": 1.0},
            {"BTC": 1},
        ),
    ],
)
async def test_what_is_taken(
    limits: Limits, method: str, params: dict[str, Any], pools: dict[str, float], currencies: dict[str, int]
) -> None:
    """Each kind of request draws on its own pools and counts in its own currencies."""
    with taken(limits) as took:
        async with limits.turn(method, params, deadline=FOREVER):
            in_flight = limits.snapshot().in_flight

    assert took == pools
    assert in_flight == currencies


# --- deadlines and second thoughts


async def test_told_at_once(limits: Limits, traffic: Traffic) -> None:
    """A call that could only go after its deadline is told so at once, with its method, and costs nothing."""
    for number in range(86 + 50):
        traffic.send(str(number), READ)
    await asyncio.sleep(0)
    with taken(limits) as took, pytest.raises(RequestNotSent) as caught:
        async with limits.turn(*READ, deadline=2.0):
            pytest.fail("it had its turn")

    assert now() == 0.0
    assert caught.value.method == "public/ticker"
    assert took == {}
    traffic.send("in time", READ, deadline=3.2)
    await asyncio.sleep(3)
    assert traffic.when("in time") == pytest.approx(51 / 19.6, abs=0.1)


async def test_another_currencys_line(limits: Limits, traffic: Traffic) -> None:
    """A line of orders that wait for answers in one currency makes no order in another one look late."""
    for number in range(30):
        traffic.send(str(number), BUY, answered=False)
    await asyncio.sleep(1)
    traffic.send("eth", BUY_ETH, deadline=now() + 0.5)
    await asyncio.sleep(1)

    assert traffic.when("eth") == 1.0


async def test_deadline_in_line(limits: Limits, traffic: Traffic) -> None:
    """A call whose turn depends on answers waits while one could come in time, then leaves no trace."""
    await plenty(limits)
    for number in range(6):
        traffic.send(str(number), BUY, answered=False)
    await asyncio.sleep(0)
    traffic.send("late", BUY, deadline=3.5)
    traffic.send("patient", BUY)
    await asyncio.sleep(3)
    traffic.answer("0")
    await asyncio.sleep(0.1)

    assert traffic.failed == [("late", 3.0)]
    assert traffic.when("patient") == 4.0


@pytest.mark.parametrize(
    ("given", "sent"), [(0.05, False), (0.205, False), (0.3, True), (2.4, False), (2.6, True), (30.0, True)]
)
async def test_time_for_an_answer(limits: Limits, traffic: Traffic, given: float, sent: bool) -> None:
    """A call whose turn leaves less than a fifth of its time, or half a second, is told so at once."""
    for number in range(
        15 if given < 1 else 24
    ):  # all of the burst; then a turn comes in 0.2 s, or in 2.04 s
        traffic.send(str(number), BUY)
    await asyncio.sleep(0)
    traffic.send("last", BUY, deadline=given)
    await asyncio.sleep(0)

    assert traffic.failed == ([] if sent else [("last", 0.0)])
    await asyncio.sleep(3)
    assert ("last" in traffic.names) is sent


@pytest.mark.parametrize("deadline", [0.001, 0.0, -1.0])
async def test_no_waiting_no_refusal(limits: Limits, traffic: Traffic, deadline: float) -> None:
    """A call that needn't wait goes, however little time is left."""
    traffic.send("late", BUY, deadline=deadline)
    await asyncio.sleep(0)

    assert traffic.went == [("late", 0.0)]


async def test_a_turn_too_late() -> None:
    """A turn that a busy loop hands over too late for an answer is given back, not used."""
    busy = 0.0
    limits = Limits(clock=lambda: now() + busy)
    await plenty(limits)
    traffic = Traffic(limits)
    for number in range(6):
        traffic.send(str(number), BUY, answered=False)
    await asyncio.sleep(0)
    traffic.send("late", BUY, deadline=3.0)
    await asyncio.sleep(0)
    traffic.answer("0")
    await asyncio.sleep(0)
    busy = 1.9
    await asyncio.sleep(0)

    assert traffic.failed == [("late", 1.0)]
    assert limits.snapshot().in_flight == {"BTC": 5}
    await traffic.end()


@pytest.mark.parametrize("step", [False, True])
async def test_cancelled_in_line(limits: Limits, traffic: Traffic, step: bool) -> None:
    """One cancelled in line, even in the step in which its turn comes, leaves its turn to the next."""
    await plenty(limits)
    for number in range(8):
        traffic.send(str(number), BUY, answered=False)
    await asyncio.sleep(1)
    traffic.answer("0")
    if step:
        await asyncio.sleep(0)  # the turn is given, and its task has yet to run
    traffic.cancel("6")
    await asyncio.sleep(0.1)

    assert traffic.names == [*map(str, range(6)), "7"]
    assert limits.snapshot().in_flight == {"BTC": 6}


async def test_a_turn_never_used(limits: Limits) -> None:
    """A coroutine that is closed while it waits for its turn leaves nothing in line."""
    limits.refused(too_many("public/ticker"))

    assert not goes_at_once(limits, READ)
    assert limits.snapshot().waiting == 0


async def test_one_timer(limits: Limits, traffic: Traffic) -> None:
    """A line is woken when something may go, not to look whether it may."""
    for number in range(86):
        traffic.send(str(number), READ)
    await asyncio.sleep(0)
    limits.refused(too_many("public/ticker"))
    traffic.send("last", READ)
    await asyncio.sleep(0)
    with counted_timers() as timers:
        await asyncio.sleep(60)

    assert traffic.when("last") == pytest.approx(5.0, abs=0.002)
    assert len(timers) <= 3  # this sleep, and no more than two of ours


@contextmanager
def counted_timers() -> Iterator[list[float]]:
    """Note the timers that are set within."""
    loop: Any = asyncio.get_running_loop()
    timers: list[float] = []
    original = loop.call_at

    def call_at(when: float, *args: Any, **options: Any) -> Any:
        timers.append(when)
        return original(when, *args, **options)

    loop.call_at = call_at
    yield timers
    del loop.call_at


# --- refusals


async def test_too_many_requests(limits: Limits, traffic: Traffic) -> None:
    """After a 10028 nothing ordinary goes for 5 s, of whatever pool; then as much as was refilled."""
    limits.refused(too_many("public/subscribe"))
    for number in range(20):
        traffic.send(f"subscribe {number}", ("public/subscribe", {}))
    for name, request in (("read", READ), ("buy", BUY)):
        traffic.send(name, request)
    await asyncio.sleep(0)

    assert limits.snapshot().paused == 5.0
    await asyncio.sleep(5.5)
    assert traffic.when("read") == traffic.when("buy") == pytest.approx(5.0, abs=0.002)
    assert len([name for name, when in traffic.went if name.startswith("subscribe") and when < 5.1]) == 9


async def test_urgent_after_too_many(limits: Limits, traffic: Traffic) -> None:
    """After a 10028 a cancel goes as soon as its own pool has refilled one, not after the pause."""
    limits.refused(too_many("private/buy"))
    traffic.send("cancel", ("private/cancel_all_by_instrument", PERPETUAL))
    traffic.send("login", ("public/auth", {}))
    await asyncio.sleep(1)

    assert traffic.when("login") == 0.0
    assert traffic.when("cancel") == pytest.approx(1 / 4.9, abs=0.002)


async def test_too_many_of_what(limits: Limits) -> None:
    """A 10028 to no known call empties every pool."""
    limits.refused(too_many(""))

    assert {pool.left for pool in limits.snapshot().pools.values()} == {0.0}


@pytest.mark.parametrize(("method", "code"), [("private/buy", 10047), ("public/ticker", 10066)])
async def test_crowded(limits: Limits, traffic: Traffic, method: str, code: int) -> None:
    """A full queue makes that pool's ordinary requests wait a second, and nothing else."""
    limits.refused(too_many(method, code))
    for name, request in (("order", BUY), ("read", READ), ("cancel", CANCEL)):
        traffic.send(name, request)
    await asyncio.sleep(2)

    crowded = "order" if method == "private/buy" else "read"
    assert traffic.when(crowded) == pytest.approx(1.0, abs=0.002)
    assert {when for name, when in traffic.went if name != crowded} == {0.0}


# --- what is shown


async def test_snapshot(limits: Limits, traffic: Traffic) -> None:
    """A snapshot is a value: pools in requests, places in flight, those in line and seconds paused."""
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(limits.turn(*BUY, deadline=FOREVER))
        snapshot = limits.snapshot()

    assert isinstance(snapshot, LimitsSnapshot)
    assert snapshot.pools["trading"] == PoolSnapshot(rate=5.0, burst=20.0, left=14.0, reserved=4.0)
    assert snapshot.pools["non_matching_engine"] == PoolSnapshot(20.0, 100.0, 96.0, 10.0)
    assert snapshot.in_flight == {"BTC": 5}
    assert (snapshot.waiting, snapshot.paused) == (0, 0.0)
    assert limits.snapshot().in_flight == {}


def test_made_without_a_loop() -> None:
    """An account can be made, and looked at with a clock of one's own, where no loop runs."""
    limits = Limits(clock=lambda: 12.0)
    limits.spend("public/test")

    assert limits.snapshot().pools["non_matching_engine"].left == 95.0
