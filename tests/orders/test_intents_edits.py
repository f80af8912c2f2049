"""Orders changed and cancelled by `orders.edit` and `cancel`: what comes back is how they really are."""

import asyncio
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from deribit_ws import OutcomeUnknown, RequestNotSent, RpcError, UsageError
from deribit_ws.errors import OrderNotPlaced
from deribit_ws.orders import Orders
from deribit_ws.orders.intents.edits import is_ended, may_show, shows
from deribit_ws.orders.intents.labels import label_of, unique_label
from deribit_ws.types import Order
from tests.client.conftest import ears, memory, remember, until
from tests.client.far_end import MUTE, Message, Wire
from tests.orders.intents_room import ARCHIVE, EPOCH_MS, Room, an_order, answered, dropped, room

__all__ = ["ears", "memory", "remember", "room"]  # fixtures

EDIT, CANCEL, STATE = "private/edit", "private/cancel", "private/get_order_state"


class OneOrder:
    """The exchange's side of one order, by hand: what an edit and a cancel do, and how their calls end."""

    def __init__(self, room: Room, end: Callable[..., Any] = dropped, **order: Any) -> None:
        self.room = room
        self.order: dict[str, Any] | None = an_order("mine", **order)
        self.end = end
        self.edits: dict[str, Any] | None = {}  # what an edit does beyond what it asks; None: nothing at all
        self.cancels = True
        room.memory.answers |= {EDIT: self.edit, CANCEL: self.cancel, STATE: self.state}

    def edit(self, wire: Wire, request: Message) -> Any:
        if self.edits is not None and self.order is not None:
            named = {name: value for name, value in request["params"].items() if name in self.order}
            self.order |= named | {"last_update_timestamp": self.room.now_ms + 1} | self.edits
        return self.end(wire, request) or {"order": self.order, "trades": []}

    def cancel(self, wire: Wire, request: Message) -> Any:
        if self.order is None:
            return answered(10004)(wire, request)
        if self.order["order_state"] != "open":
            return answered(11044)(wire, request)
        if self.cancels:
            self.order["order_state"] = "cancelled"
        return self.end(wire, request) or self.order

    def state(self, wire: Wire, request: Message) -> Any:
        return self.order or answered(10004)(wire, request)

    def asked(self, method: str) -> list[float]:
        return [time for time, _ in self.room.asked(method)]


def fine(*_: Any) -> None:
    """The call is answered."""


def mute(*_: Any) -> Any:
    return MUTE


def order_of(**fields: Any) -> Order:
    return msgspec.convert(an_order("mine", **fields), Order)


# --- edits

UNKNOWN = pytest.mark.parametrize("end", [dropped, mute, answered(11094), answered(13028)])


@pytest.mark.looptime
async def test_an_edit(room: Room) -> None:
    """An edit that is answered costs nothing more, and ends by the exchange's clock."""
    async with room as orders:
        one = OneOrder(room, fine)
        order = await orders.edit("77", amount=20, price=49_000, post_only=True, valid_for=3)
        [(_, sent)] = room.asked(EDIT)

        assert (order.amount, order.price, one.asked(STATE), room.learned) == (20, 49_000, [], ["77"])
        assert (sent["valid_until"], sent["post_only"]) == (EPOCH_MS + 3_000, True)


@UNKNOWN
@pytest.mark.looptime
async def test_edited_after_all(room: Room, end: Callable[..., Any]) -> None:
    """An order that shows what was asked is returned as soon as that is read."""
    async with room as orders:
        one = OneOrder(room, end)
        order = await orders.edit("77", amount=10, price=49_000, timeout=1)

        assert (order.price, len(one.asked(EDIT)), room.learned) == (49_000, 1, ["77"])
        assert room.elapsed < 1.6


@UNKNOWN
@pytest.mark.looptime
async def test_not_edited(room: Room, end: Callable[..., Any]) -> None:
    """That an order was not changed is said when reads past valid_until say so, with the order as it is."""
    async with room as orders:
        one = OneOrder(room, end)
        one.edits = None
        with pytest.raises(OrderNotPlaced) as caught:
            await orders.edit("77", amount=10, price=49_000, timeout=1)

        assert caught.value.order is not None and caught.value.order.price == 50_000
        assert (len(one.asked(EDIT)), len(one.asked(STATE)), room.learned) == (1, 3, ["77"])
        assert one.asked(STATE)[1:] == pytest.approx([6, 8], abs=0.2)


@pytest.mark.looptime
@pytest.mark.parametrize("after", [3.0, 7.0])
async def test_edited_late(room: Room, after: float) -> None:
    """An edit that shows only later is found by a later look."""
    async with room as orders:
        one = OneOrder(room)
        one.edits = None
        editing = asyncio.create_task(orders.edit("77", amount=10, price=49_000))
        await asyncio.sleep(after)
        assert one.order is not None
        one.order["price"] = 49_000.0

        assert (await editing).price == 49_000


@pytest.mark.looptime
@pytest.mark.parametrize("state", ["filled", "cancelled"])
async def test_ended_before_the_edit(room: Room, state: str) -> None:
    """An order that ended as it was can't be changed any more: that is said without waiting."""
    async with room as orders:
        one = OneOrder(room, order_state=state)
        one.edits = None
        with pytest.raises(OrderNotPlaced, match=state) as caught:
            await orders.edit("77", amount=10, price=49_000)

        assert caught.value.order is not None and caught.value.order.order_state == state
        assert room.elapsed < 1


@pytest.mark.looptime
async def test_filled_after_the_edit(room: Room) -> None:
    """An order that was changed and then filled is returned, filled."""
    async with room as orders:
        one = OneOrder(room)
        one.edits = {"order_state": "filled", "filled_amount": 20.0}

        assert (await orders.edit("77", amount=20)).order_state == "filled"


@pytest.mark.looptime
async def test_slid(room: Room) -> None:
    """A post-only order whose price was moved inside the spread counts as changed."""
    async with room as orders:
        one = OneOrder(room, post_only=True, replaced=False)
        one.edits = {"price": 50_499.5, "replaced": True}

        assert (await orders.edit("77", amount=10, price=51_000)).price == 50_499.5
        assert len(one.asked(EDIT)) == 1


@pytest.mark.looptime
async def test_an_unknown_order_edited(room: Room) -> None:
    """Where the exchange knows no such order any more, nothing was changed and nothing will be."""
    async with room as orders:
        one = OneOrder(room)
        one.order = None
        with pytest.raises(OrderNotPlaced) as caught:
            await orders.edit("77", amount=10, price=51_000)

        assert (caught.value.order, room.asked(ARCHIVE)) == (None, [])
        assert len(one.asked(STATE)) == 3


@pytest.mark.looptime
async def test_not_seen_at_first(room: Room) -> None:
    """An order that the first read does not know yet, being new, is looked for until valid_until is past."""
    async with room as orders:
        one = OneOrder(room)
        missing, one.order = one.order, None
        editing = asyncio.create_task(orders.edit("77", amount=10, price=49_000))
        await asyncio.sleep(3)
        assert missing is not None
        one.order = missing | {"price": 49_000.0}

        assert (await editing).price == 49_000


@pytest.mark.looptime
async def test_edited_an_hour_ago(room: Room) -> None:
    """An order that ended long before the link is back is read from the archive."""
    room.retry_seconds = 30
    async with room as orders:
        one = OneOrder(room, mute)
        editing = asyncio.create_task(orders.edit("77", amount=10, price=51_000))
        await until(lambda: one.asked(EDIT))
        one.order = None
        room.archive = [an_order("mine", price=51_000.0, order_state="filled")]
        await room.refuse(3600)

        assert (await editing).order_state == "filled"


@pytest.mark.looptime
async def test_an_edit_not_sent(room: Room) -> None:
    """With the link away an edit is refused at once, and not sent when it is back."""
    async with room as orders:
        one = OneOrder(room, fine)
        await orders.edit("77", amount=10)
        away = asyncio.create_task(room.refuse(3))
        await asyncio.sleep(0.1)
        with pytest.raises(OrderNotPlaced) as caught:
            await orders.edit("77", amount=20)
        await away

        assert (type(caught.value.__cause__), len(one.asked(EDIT))) == (RequestNotSent, 1)


@pytest.mark.looptime
@pytest.mark.parametrize("code", [13777, 11044, 10004, 13888])
async def test_an_edit_refused(room: Room, code: int) -> None:
    """A refused edit is raised as it is."""
    async with room as orders:
        OneOrder(room, answered(code))
        with pytest.raises(RpcError) as caught:
            await orders.edit("77", amount=20)

        assert (caught.value.code, room.asked(STATE)) == (code, [])


# --- cancels


@pytest.mark.looptime
async def test_a_cancel(room: Room) -> None:
    """A cancel that is answered costs nothing more."""
    async with room as orders:
        one = OneOrder(room, fine)

        assert (await orders.cancel("77")).order_state == "cancelled"
        assert (one.asked(STATE), room.learned) == ([], ["77"])


@UNKNOWN
@pytest.mark.looptime
async def test_cancelled_after_all(room: Room, end: Callable[..., Any]) -> None:
    """An order found cancelled is returned, and not cancelled again."""
    async with room as orders:
        one = OneOrder(room, end)

        assert (await orders.cancel("77", timeout=1)).order_state == "cancelled"
        assert (len(one.asked(CANCEL)), room.learned) == (1, ["77"])


@UNKNOWN
@pytest.mark.looptime
async def test_cancelled_again(room: Room, end: Callable[..., Any]) -> None:
    """An order found open is cancelled again, as often as it takes."""
    async with room as orders:
        one = OneOrder(room)
        one.cancels = False
        ends = deque([end, dropped, answered(10041)])

        def next_end(*given: Any) -> Any:
            if ends:
                return ends.popleft()(*given)
            assert one.order is not None
            one.order["order_state"] = "cancelled"
            return None

        one.end = next_end

        assert (await orders.cancel("77", timeout=1)).order_state == "cancelled"
        assert len(one.asked(CANCEL)) == 4


@pytest.mark.looptime
async def test_filled_meanwhile(room: Room) -> None:
    """An order filled before the cancel is returned as it is, whether a read or a refusal tells it."""
    async with room as orders:
        one = OneOrder(room)
        one.cancels = False
        reads = 0

        def state(*_: Any) -> Any:
            nonlocal reads
            reads += 1
            assert one.order is not None
            seen = dict(one.order)
            one.order["order_state"] = "filled"  # just after the first read
            return seen

        room.memory.answers[STATE] = state

        assert (await orders.cancel("77")).order_state == "filled"
        assert (reads, len(one.asked(CANCEL))) == (2, 2)


@pytest.mark.looptime
async def test_a_cancel_refused(room: Room) -> None:
    """A cancel that is refused at once is raised as it is: nothing was in doubt."""
    async with room as orders:
        OneOrder(room, answered(13021))
        with pytest.raises(RpcError) as caught:
            await orders.cancel("77")

        assert (caught.value.code, room.asked(STATE)) == (13021, [])


@pytest.mark.looptime
@pytest.mark.parametrize("state", ["filled", "cancelled"])
async def test_a_cancel_that_is_too_late(room: Room, state: str) -> None:
    """An order that had ended before is returned as it ended, as it is where the link breaks; sent once."""
    async with room as orders:
        one = OneOrder(room, order_state=state)
        order = await orders.cancel("77")

        assert (order.order_state, len(one.asked(CANCEL))) == (state, 1)


@pytest.mark.looptime
async def test_a_cancel_of_nothing(room: Room) -> None:
    """A cancel of an order that the exchange does not know raises its refusal."""
    async with room as orders:
        one = OneOrder(room)
        one.order = None
        with pytest.raises(RpcError) as caught:
            await orders.cancel("77")

        assert caught.value.code == 10004


@pytest.mark.looptime
async def test_an_edit_overtaken(room: Room) -> None:
    """An edit of unknown outcome on an order that others changed since is told as unknown, with the order."""
    async with room as orders:
        one = OneOrder(room)
        one.edits = {"price": 7.0, "replaced": True}  # carried out, and then changed again
        with pytest.raises(OutcomeUnknown) as caught:
            await orders.edit("77", amount=30, price=5.0)

        assert caught.value.order is not None and caught.value.order.price == 7.0


@pytest.mark.looptime
async def test_refused_for_good(room: Room) -> None:
    """A cancel whose repetition is refused for good raises that: the order is open, and known to be."""
    async with room as orders:
        one = OneOrder(room)
        one.cancels = False
        ends = deque([dropped, answered(10045)])
        one.end = lambda *given: ends.popleft()(*given)
        with pytest.raises(RpcError) as caught:
            await orders.cancel("77")

        assert caught.value.code == 10045


@pytest.mark.looptime
async def test_an_unknown_order_cancelled(room: Room) -> None:
    """An order that the exchange does not know is refused in its own words, after a doubt too."""
    async with room as orders:
        one = OneOrder(room, mute)
        editing = asyncio.create_task(orders.cancel("77", timeout=1))
        await until(lambda: one.asked(CANCEL))
        one.order = None
        with pytest.raises(RpcError) as caught:
            await editing

        assert (caught.value.code, len(one.asked(CANCEL))) == (10004, 2)


@pytest.mark.looptime
async def test_cancelled_an_hour_ago(room: Room) -> None:
    """An order that ended long before the link is back is read from the archive, as it ended."""
    room.retry_seconds = 30
    async with room as orders:
        one = OneOrder(room, mute)
        cancelling = asyncio.create_task(orders.cancel("77"))
        await until(lambda: one.asked(CANCEL))
        one.order = None
        room.archive = [an_order("mine", order_state="filled")]
        await room.refuse(3600)

        assert (await cancelling).order_state == "filled"
        assert len(one.asked(CANCEL)) == 1


@pytest.mark.looptime
async def test_a_cancel_not_sent(room: Room) -> None:
    """With the link away a cancel is refused at once: nothing was sent."""
    async with room as orders:
        one = OneOrder(room, fine)
        away = asyncio.create_task(room.refuse(3))
        await asyncio.sleep(0.1)
        with pytest.raises(RequestNotSent):
            await orders.cancel("77")
        await away

        assert one.asked(CANCEL) == []


@pytest.mark.looptime
@pytest.mark.parametrize("act", [Orders.cancel, lambda orders, id: orders.edit(id, amount=5)])
async def test_closed_in_doubt(room: Room, act: Callable[..., Any]) -> None:
    """A client that is closed leaves the outcome unknown; the error names the order."""
    async with room as orders:
        one = OneOrder(room)
        room.memory.mute(STATE)
        acting = asyncio.create_task(act(orders, "77"))
        await until(lambda: one.asked(STATE))
        await room.client.aclose()
        with pytest.raises(OutcomeUnknown, match="77") as caught:
            await acting

        assert caught.value.__cause__ is not None


@pytest.mark.looptime
async def test_bad_parameters(room: Room) -> None:
    """An id or an amount that can't be right is a UsageError, and nothing is sent."""
    async with room as orders:
        number: Any = 5
        for act in (
            orders.cancel(number),
            orders.edit(number, amount=1),
            orders.edit("77", amount=-1),
            orders.edit("77", amount=1, valid_for=-1),
        ):
            with pytest.raises(UsageError):
                await act

        assert [room.asked(method) for method in (EDIT, CANCEL, "public/get_time")] == [[], [], []]


# --- what an order shows


@pytest.mark.parametrize(
    ("asked", "order", "is_shown"),
    [
        ({"price": 50_000}, {}, True),
        ({"price": Decimal("50000.0")}, {}, True),
        ({"price": 0.3}, {"price": 0.1 + 0.2}, True),
        ({"price": 50_000.5}, {}, False),
        ({"price": 1}, {"price": "market_price"}, False),
        ({"amount": 10, "price": 50_000}, {"filled_amount": 7.0}, True),
        ({"amount": 11, "price": 50_000}, {}, False),
        ({"contracts": 1}, {"contracts": 1.0}, True),
        ({"display_amount": 5}, {"max_show": 5.0}, True),
        ({"display_amount": 5}, {"display_amount": 6.0, "max_show": 5.0}, False),
        ({"price": 60, "advanced": "implv"}, {"advanced": "implv", "implv": 60.0, "price": 0.05}, True),
        ({"price": 60, "advanced": "implv"}, {"advanced": False, "price": 0.05}, False),
        ({"reduce_only": True}, {"reduce_only": False}, False),
        ({"trigger_offset": 5}, {}, True),
    ],
)
def test_shows(asked: dict[str, Any], order: dict[str, Any], is_shown: bool) -> None:
    """An order shows an edit when no field of it says otherwise."""
    assert shows(order_of(**order), asked) is is_shown


@pytest.mark.parametrize(
    ("order", "is_likely"),
    [
        ({"price": 50_500.0}, True),
        ({"price": 50_500.0, "replaced": False}, False),
        ({"price": 50_500.0, "last_update_timestamp": 99}, False),
        ({"price": 50_500.0, "post_only": False}, False),
        ({"price": 51_500.0}, False),
        ({"price": 51_500.0, "direction": "sell"}, True),
        ({"price": "market_price"}, False),
        ({"price": 50_500.0, "amount": 9.0}, False),
    ],
)
def test_may_show(order: dict[str, Any], is_likely: bool) -> None:
    """Only a post-only order touched since, and on the side that can't trade, may have slid."""
    slid = order_of(**({"post_only": True, "replaced": True, "last_update_timestamp": 101} | order))

    assert may_show(slid, {"price": 51_000, "amount": 10}, 100) is is_likely


@pytest.mark.parametrize(
    ("state", "ended"), [("open", False), ("speed_bumped", False), ("odd", False), ("filled", True)]
)
def test_is_ended(state: str, ended: bool) -> None:
    """States nobody knows count as live."""
    assert is_ended(order_of(order_state=state)) is ended


@pytest.mark.parametrize("label", ["", "hedge", "a~b", "x~0123456789ab"])
def test_labels(label: str) -> None:
    """The user's own part of a label is found again."""
    assert label_of(msgspec.convert(an_order(unique_label(label)), Order)) == label


@pytest.mark.parametrize("label", ["", "hedge", "a~b", "x~0123456789AB", "x~0123456789abc"])
def test_labels_of_others(label: str) -> None:
    """A label made elsewhere is left as it is."""
    assert label_of(msgspec.convert(an_order(label), Order)) == label


def test_unique_labels() -> None:
    """Labels never repeat, and always fit."""
    labels = {unique_label("x" * 51) for _ in range(1_000)}

    assert len(labels) == 1_000
    assert {len(label) for label in labels} == {64}


@pytest.mark.looptime
async def test_names_and_times_that_can_not_be(room: Room) -> None:
    """No name, or a validity of years, is refused before anything is sent."""
    async with room as orders:
        before = len(room.memory.wire.requests)
        for wrong in (
            orders.buy("", amount=10),
            orders.sell(" ", amount=10),
            orders.edit("", amount=10),
            orders.cancel(""),
            orders.buy("BTC-PERPETUAL", amount=10, valid_for=1e9),
        ):
            with pytest.raises(UsageError):
                await wrong

        assert len(room.memory.wire.requests) == before
