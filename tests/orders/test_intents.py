"""Orders placed through `orders.buy` and `sell`: whatever the link does, each ends as an order or as none."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from deribit_ws import OutcomeUnknown, RequestNotSent, RpcError, UsageError
from deribit_ws.errors import CallTimeout, DuplicateOrder, OrderNotPlaced
from deribit_ws.orders.intents import Intents
from deribit_ws.orders.intents.labels import label_of
from tests.client.conftest import Ears, ears, memory, remember, until
from tests.client.far_end import MUTE, Message, Wire
from tests.orders.intents_room import (
    ARCHIVE,
    BTC,
    BY_LABEL,
    EPOCH_MS,
    OPEN_BY_LABEL,
    Room,
    an_order,
    answered,
    dropped,
    room,
    unreadable,
)

__all__ = ["ears", "memory", "remember", "room"]  # fixtures

pytestmark = pytest.mark.looptime

VALID_SECONDS = 5.0
MARGIN_SECONDS = 1.0  # past valid_until
APART_SECONDS = 2.0


def told(caplog: pytest.LogCaptureFixture) -> int:
    """How many lines the orders' room logged."""
    return sum(record.name.startswith("deribit_ws.orders") for record in caplog.records)


# --- when nothing goes wrong


async def test_what_is_sent(room: Room) -> None:
    """An order carries a label of its own that begins with the user's, and ends by the exchange's clock."""
    async with room as orders:
        room.end = lambda _, request: {"order": an_order(request["params"]["label"]), "trades": []}
        await asyncio.sleep(7)
        first = await orders.buy(BTC, amount=10, price=50_000, label="hedge", post_only=True)
        second = await orders.sell(BTC, amount=10, type="market", valid_for=2.5)
        sent, sold = room.order_calls

        assert (first.label, second.label) == (sent["label"], sold["label"])
        assert (label_of(first), label_of(second)) == ("hedge", "")
        assert (sent["valid_until"], sold["valid_until"]) == (EPOCH_MS + 12_000, EPOCH_MS + 9_500)
        assert (sent["post_only"], sold["type"], room.learned) == (True, "market", ["77", "77"])
        assert len(room.asked("public/get_time")) == 1  # one reading serves for some minutes


async def test_an_old_reading(room: Room) -> None:
    """The exchange's time is asked again when the last reading is old, or when it was found too late."""
    async with room as orders:
        room.end = lambda _, request: {"order": an_order(request["params"]["label"])}
        await orders.buy(BTC, amount=10, price=1)
        room.began -= 2 * 3600  # the machine slept: its ticks know nothing of it
        room.end = answered(13888)
        with pytest.raises(RpcError):
            await orders.buy(BTC, amount=10, price=1)
        room.end = lambda _, request: {"order": an_order(request["params"]["label"])}
        await orders.buy(BTC, amount=10, price=1)
        late, mended = room.order_calls[1:]

        assert mended["valid_until"] - late["valid_until"] == 2 * 3_600_000
        assert len(room.asked("public/get_time")) == 2
        await asyncio.sleep(301)
        await orders.buy(BTC, amount=10, price=1)
        assert len(room.asked("public/get_time")) == 3


@pytest.mark.parametrize("code", [13888, 13666, 10028, 10047, 10041, 10009, 11054, 13021])
async def test_refused(room: Room, code: int) -> None:
    """A refusal is raised as it is, and nothing is looked up."""
    async with room as orders:
        room.end = answered(code)
        with pytest.raises(RpcError) as caught:
            await orders.buy(BTC, amount=10, price=50_000)

        assert (caught.value.code, len(room.order_calls), room.asked(BY_LABEL)) == (code, 1, [])


@pytest.mark.parametrize(
    "given",
    [
        {"amount": -1, "price": 1},
        {"amount": "ten", "price": 1},
        {"price": 1},
        {"amount": 1, "price": 1, "label": "x" * 52},
        {"amount": 1, "price": 1, "label": 5},
        {"amount": 1, "price": 1, "valid_for": 0},
        {"amount": 1, "price": 1, "timeout": "soon"},
        {"amount": 1, "price": 1, "valid_until": 5},
        {"amount": 1, "price": 1, "colour": "red"},
    ],
)
async def test_bad_parameters(room: Room, given: dict[str, Any]) -> None:
    """A parameter that can't be right is a UsageError, and nothing at all is sent."""
    async with room as orders:
        with pytest.raises(UsageError):
            await orders.buy(BTC, **given)

        assert [*room.order_calls, *room.asked("public/get_time")] == []


# --- when it is not known what became of it


@pytest.mark.parametrize("end", [dropped, answered(11094), answered(13028), answered(10001), unreadable])
async def test_placed_after_all(
    room: Room, end: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An order that was made though its call did not say so is returned as soon as it is found."""
    async with room as orders:
        caplog.set_level(logging.INFO, "deribit_ws.orders")
        room.end = end
        order = await orders.buy(BTC, amount=10, price=50_000, label="hedge")

        assert (order.order_id, label_of(order), room.learned) == ("77", "hedge", ["77"])
        assert (len(room.order_calls), told(caplog)) == (1, 2)
        assert room.elapsed < 0.6
        assert [params for _, params in room.asked(BY_LABEL)] == [{"currency": "BTC", "label": order.label}]


async def test_no_answer_in_time(room: Room) -> None:
    """An order whose answer does not come within the deadline is found as well."""
    async with room as orders:
        order = await orders.buy(BTC, amount=10, price=50_000, timeout=1)

        assert (order.order_id, len(room.order_calls)) == ("77", 1)
        assert room.elapsed == pytest.approx(1, abs=0.1)


async def test_proved_absent(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    """That there is no order is said only when two reads past its valid_until did not find it."""
    async with room as orders:
        room.takes, room.end = False, dropped
        caplog.set_level(logging.INFO, "deribit_ws.orders")
        with pytest.raises(OrderNotPlaced) as caught:
            await orders.buy(BTC, amount=10, price=50_000, label="hedge")
        looks = [time for time, _ in room.asked(BY_LABEL)]

        assert caught.value.label == room.order_calls[0]["label"]
        assert (caught.value.method, type(caught.value.__cause__)) == ("private/buy", OutcomeUnknown)
        assert (len(room.order_calls), len(looks), told(caplog)) == (1, 3, 2)
        assert room.asked(OPEN_BY_LABEL)[1][0] >= VALID_SECONDS + MARGIN_SECONDS
        assert looks[1:] == pytest.approx([6, 8], abs=0.2)


@pytest.mark.parametrize("after", [3.0, 4.9, 7.0])
async def test_placed_late(room: Room, after: float) -> None:
    """An order that shows up after the first look is found by a later one."""
    async with room as orders:
        room.takes, room.end = False, dropped
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await asyncio.sleep(after)
        room.orders.append(an_order(room.order_calls[0]["label"]))
        order = await buying

        assert (order.order_id, len(room.order_calls)) == ("77", 1)


@pytest.mark.parametrize("state", ["filled", "rejected", "cancelled", "speed_bumped", "untriggered"])
async def test_whatever_its_state(room: Room, state: str) -> None:
    """An order found is returned whatever has become of it, as its direct answer would be."""
    async with room as orders:
        room.takes, room.end = False, dropped
        buying = asyncio.create_task(orders.sell(BTC, amount=10, price=50_000))
        await until(lambda: room.order_calls)
        room.orders.append(an_order(room.order_calls[0]["label"], state=state))

        assert (await buying).order_state == state


async def test_two_found(room: Room, ears: Ears, caplog: pytest.LogCaptureFixture) -> None:
    """Two orders where there should be one are an alarm: raised, reported, logged as critical."""
    async with room as orders:
        room.takes, room.end = False, dropped
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await until(lambda: room.order_calls)
        label = room.order_calls[0]["label"]
        room.orders += [an_order(label, "77"), an_order(label, "78", "filled")]
        with pytest.raises(DuplicateOrder) as caught:
            await buying

        assert [order.order_id for order in caught.value.orders] == ["77", "78"]
        assert (ears.errors, caught.value.label) == ([caught.value], label)
        said = [record.levelname for record in caplog.records if "2 times" in record.message]
        assert said[0] == "CRITICAL"


@pytest.mark.parametrize("mark", [{"trigger_order_id": "77"}, {"is_secondary_oto": True}])
async def test_an_orders_own_child(room: Room, mark: dict[str, Any]) -> None:
    """What an order brings about, a trigger's order or a linked one, is not taken for a second one."""
    async with room as orders:
        room.takes, room.end = False, dropped
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await until(lambda: room.order_calls)
        label = room.order_calls[0]["label"]
        room.orders += [an_order(label, "78", **mark), an_order(label, "77", "triggered")]

        assert (await buying).order_id == "77"


async def test_a_child_alone(room: Room) -> None:
    """A linked order that is found without the one that brought it about shows that this was made."""
    async with room as orders:
        room.takes, room.end = False, dropped
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await until(lambda: room.order_calls)
        room.orders.append(an_order(room.order_calls[0]["label"], "78", is_secondary_oto=True))

        assert (await buying).order_id == "78"


async def test_time_in_doubt_meanwhile(room: Room) -> None:
    """A reading of the time that another order puts in doubt does not keep a wait from ending."""
    async with room as orders:
        room.takes, room.end = False, dropped
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await asyncio.sleep(3)
        room.end = answered(13888)
        with pytest.raises(RpcError):
            await orders.buy(BTC, amount=10, price=50_000)
        with pytest.raises(OrderNotPlaced):
            await buying

        assert room.elapsed < 9


async def test_a_spot_pair(room: Room) -> None:
    """An order on a spot pair is looked for under both of its currencies."""
    async with room as orders:
        room.end = dropped
        await orders.buy("ETH_USDC", amount=1, price=3_000)

        assert [params["currency"] for _, params in room.asked(BY_LABEL)] == ["ETH", "USDC"]


# --- when nothing was sent


async def test_not_sent(room: Room) -> None:
    """With the link away an order is refused at once, and not sent when it is back."""
    async with room as orders:
        room.end = dropped
        await orders.buy(BTC, amount=10, price=50_000)
        away = asyncio.create_task(room.refuse(3))
        await asyncio.sleep(0.1)
        before = room.elapsed
        with pytest.raises(OrderNotPlaced) as caught:
            await orders.buy(BTC, amount=10, price=50_000, label="mine")

        assert (type(caught.value.__cause__), room.elapsed) == (RequestNotSent, before)
        assert caught.value.label.startswith("mine~")
        await away
        await asyncio.sleep(5)
        assert len(room.order_calls) == 1


async def test_no_time_to_be_had(room: Room) -> None:
    """An order whose valid_for is over before the exchange's time is known is not sent."""
    async with room as orders:
        room.memory.mute("public/get_time")
        with pytest.raises(OrderNotPlaced) as caught:
            await orders.buy(BTC, amount=10, price=50_000, valid_for=2)

        assert isinstance(caught.value.__cause__, RequestNotSent)
        assert (room.order_calls, room.elapsed) == ([], 2)


async def test_no_time_to_be_had_for_others(room: Room) -> None:
    """An order waits no longer than its valid_for for the time that another, in doubt, is asking for."""
    async with room as orders:
        room.takes = False
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await until(lambda: room.order_calls)
        await asyncio.sleep(2)
        room.memory.mute("public/get_time")
        room.memory.wire.drop()
        await asyncio.sleep(400)
        assert not buying.done()
        before = room.elapsed
        with pytest.raises(OrderNotPlaced):
            await orders.buy(BTC, amount=10, price=50_000, valid_for=2)
        waited = room.elapsed - before
        room.memory.answers["public/get_time"] = lambda *_: room.now_ms
        with pytest.raises(OrderNotPlaced):
            await buying

        assert waited == pytest.approx(2)
        assert len(room.order_calls) == 1


async def test_time_shared(room: Room) -> None:
    """Orders that are in doubt together ask for the time once."""
    async with room as orders:
        room.takes = False
        buying = [asyncio.create_task(orders.buy(BTC, amount=10, price=1)) for _ in range(5)]
        await until(lambda: len(room.order_calls) == 5)
        await asyncio.sleep(2)
        room.memory.wire.drop()
        await asyncio.gather(*buying, return_exceptions=True)

        assert len(room.asked("public/get_time")) == 2


# --- when it takes long


async def test_link_away_for_minutes(room: Room) -> None:
    """A doubt outlasts the link's absence, and the order is returned as it is by then."""
    async with room as orders:
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await until(lambda: room.orders)
        room.orders[0]["order_state"] = "cancelled"
        await room.refuse(600)
        order = await buying

        assert (order.order_state, len(room.order_calls)) == ("cancelled", 1)
        assert 600 < room.elapsed < 603


async def test_absent_after_minutes(room: Room) -> None:
    """Once the link is back after valid_until, absence is proved without waiting for that again."""
    async with room as orders:
        room.takes = False
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await until(lambda: room.order_calls)
        await room.refuse(600)
        with pytest.raises(OrderNotPlaced):
            await buying

        assert 600 + APART_SECONDS < room.elapsed < 604


@pytest.mark.parametrize("is_there", [True, False])
async def test_link_away_for_an_hour(room: Room, is_there: bool) -> None:
    """After an outage longer than ended orders are kept, the archive is read as well."""
    room.retry_seconds = 30
    async with room as orders:
        room.takes = False
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await until(lambda: room.order_calls)
        if is_there:
            room.archive = [an_order("another"), an_order(room.order_calls[0]["label"], state="filled")]
        await room.refuse(3600)

        if is_there:
            assert (await buying).order_state == "filled"
        else:
            with pytest.raises(OrderNotPlaced):
                await buying
        asked = [params for _, params in room.asked(ARCHIVE)]
        assert all(params["historical"] and params["include_unfilled"] for params in asked)
        assert 1 <= len(asked) <= 3


async def test_late_in_the_archive(room: Room) -> None:
    """An order that has left the recent ones and is not yet in the archive is waited for."""
    room.retry_seconds = 30
    async with room as orders:
        room.takes = False
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await until(lambda: room.order_calls)
        await room.refuse(1810)
        await asyncio.sleep(200)
        room.archive = [an_order(room.order_calls[0]["label"], state="filled")]

        assert (await buying).order_state == "filled"


async def test_pages_of_the_archive(room: Room) -> None:
    """The archive is read page after page, until one lies before the order."""
    room.retry_seconds = 30
    async with room as orders:
        pages = {
            None: {"orders": [an_order("b", last_update_timestamp=EPOCH_MS + 9)], "continuation": "2"},
            "2": {"orders": [an_order("a", last_update_timestamp=EPOCH_MS - 5000)], "continuation": "3"},
        }
        room.memory.answers[ARCHIVE] = lambda _, request: pages[request["params"].get("continuation")]
        room.takes = False
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await until(lambda: room.order_calls)
        await room.refuse(3600)
        with pytest.raises(OrderNotPlaced):
            await buying

        assert {params.get("continuation") for _, params in room.asked(ARCHIVE)} == {None, "2"}


async def test_reads_that_fail(room: Room) -> None:
    """A look-up goes on through maintenance, time-outs, nonsense and further drops until it is answered."""
    async with room as orders:
        ends = deque(
            [answered(11051)] * 200 + [lambda *_: MUTE, dropped, lambda *_: "nonsense", answered(13028)]
        )

        def labelled(wire: Wire, request: Message) -> Any:
            return ends.popleft()(wire, request) if ends else room.labelled(wire, request)

        room.memory.answers[BY_LABEL] = labelled
        room.end = dropped
        order = await orders.buy(BTC, amount=10, price=50_000)

        assert (order.order_id, len(room.order_calls), len(ends)) == ("77", 1, 0)
        assert room.elapsed > 900


async def test_login_refused_for_a_while(room: Room) -> None:
    """A login that is refused at first leaves the doubt open, and it is settled when it is mended."""
    async with room as orders:
        login = room.memory.answers["public/auth"]
        room.memory.answers["public/auth"] = answered(13004)
        room.end = dropped
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await asyncio.sleep(100)
        assert not buying.done()
        room.memory.answers["public/auth"] = login

        assert (await buying).order_id == "77"
        assert room.elapsed < 140


async def test_login_refused_for_good(room: Room) -> None:
    """Where the exchange refuses the login for minutes, the outcome stays unknown, and that is said."""
    async with room as orders:
        room.memory.answers["public/auth"] = answered(13004)
        room.end = dropped
        with pytest.raises(OutcomeUnknown, match="mine~") as caught:
            await orders.buy(BTC, amount=10, price=50_000, label="mine")

        assert isinstance(caught.value.__cause__, RpcError)
        assert 300 < room.elapsed < 320


@pytest.mark.parametrize("after", [0.1, 2.0])
async def test_closed_in_doubt(room: Room, after: float) -> None:
    """A client that is closed leaves the outcome unknown; the error names the label."""
    async with room as orders:
        room.takes, room.end = False, dropped
        if after == 0.1:
            room.memory.mute(BY_LABEL)
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000, label="mine"))
        await asyncio.sleep(after)
        await room.client.aclose()
        with pytest.raises(OutcomeUnknown, match="mine~") as caught:
            await buying

        assert caught.value.__cause__ is not None
        assert room.elapsed < VALID_SECONDS + MARGIN_SECONDS + 1


async def test_told_of_the_end(room: Room) -> None:
    """Told that the client is closed, what waits for its valid_until to pass ends at once."""
    async with room as orders:
        room.takes, room.end = False, dropped
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await asyncio.sleep(2)
        Intents._end(orders, closed := UsageError("closed"))
        with pytest.raises(OutcomeUnknown) as caught:
            await buying

        assert (caught.value.__cause__, room.elapsed) == (closed, 2)


async def test_cancelled_in_doubt(room: Room) -> None:
    """A task cancelled while in doubt ends at once, and asks nothing more."""
    async with room as orders:
        room.takes, room.end = False, dropped
        buying = asyncio.create_task(orders.buy(BTC, amount=10, price=50_000))
        await asyncio.sleep(2)
        buying.cancel()
        await asyncio.wait([buying])
        assert (buying.cancelled(), room.elapsed) == (True, 2)
        await asyncio.sleep(20)

        assert (len(room.asked(BY_LABEL)), len(room.order_calls)) == (1, 1)


async def test_many_in_doubt(room: Room) -> None:
    """Many in doubt at once read a few at a time, share the clock, and all end right."""
    async with room as orders:
        together, most = 0, 0

        def slowly(wire: Wire, request: Message) -> Any:
            nonlocal together, most
            together, most = together + 1, max(most, together + 1)

            def say() -> None:
                nonlocal together
                together -= 1
                wire.say(id=request["id"], result=room.labelled(wire, request))

            asyncio.get_running_loop().call_later(0.05, say)
            return MUTE

        room.memory.answers |= {BY_LABEL: slowly, OPEN_BY_LABEL: slowly}

        def every_other(wire: Wire, request: Message) -> Any:
            if len(room.order_calls) % 2:
                room.orders.append(an_order(request["params"]["label"], "9"))
            return answered(13028)(wire, request)

        room.memory.answers["private/buy"] = every_other
        buying = [asyncio.create_task(orders.buy(BTC, amount=10, price=1, timeout=60)) for _ in range(200)]
        ends = await asyncio.gather(*buying, return_exceptions=True)

        placed = [end for end in ends if not isinstance(end, BaseException)]
        assert len(placed) == len(room.orders) == 100
        assert all(isinstance(end, OrderNotPlaced) for end in ends if isinstance(end, BaseException))
        assert len({params["label"] for params in room.order_calls}) == len(room.order_calls) == 200
        assert most <= 4
        assert len(room.asked("public/get_time")) < 50


def test_the_errors_tell_apart() -> None:
    """A deadline that passed is a doubt, and never an order that is known not to exist."""
    assert not issubclass(OrderNotPlaced, CallTimeout | OutcomeUnknown)
