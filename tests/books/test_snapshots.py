"""Snapshots in virtual time: asked for together, again when they don't come, less and less often."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from deribit_ws import Client, State, SubscriptionRejected
from deribit_ws.books import LiveBook
from tests.client.conftest import Ears, Make
from tests.client.far_end import MUTE, MemoryExchange, Message, Refused, Wire

NAME, CHANNEL = "BTC-PERPETUAL", "book.BTC-PERPETUAL.100ms"


class Venue:
    """What the exchange in memory says on book channels; every book goes from id to id by one."""

    def __init__(self, far_end: MemoryExchange) -> None:
        self._far_end = far_end
        self.ids: dict[str, int] = {}
        self.withheld: set[str] = set()  # channels that get no snapshot
        self.given: list[tuple[float, str]] = []
        far_end.answers["public/subscribe"] = self._subscribed

    def _subscribed(self, wire: Wire, request: Message) -> list[str]:
        loop = asyncio.get_running_loop()
        for channel in request["params"]["channels"]:
            if channel.startswith("book."):
                self.given.append((loop.time(), channel))
                if channel not in self.withheld:
                    loop.call_soon(self.say, wire, channel, "snapshot")
        return list(request["params"]["channels"])

    def say(self, wire: Wire, channel: str, kind: str = "change", skip: int = 0) -> None:
        """Say a snapshot, or the next change; `skip` leaves out so many before it."""
        previous = self.ids.setdefault(channel, 10) + skip
        self.ids[channel] = previous + 1
        wire.tell(channel, self.data(channel, kind, previous))

    def data(self, channel: str, kind: str, previous: int) -> dict[str, Any]:
        """Make a message's data; the same levels each time, of which one has the change_id as amount."""
        return {
            "timestamp": previous + 1,
            "type": kind,
            "change_id": previous + 1,
            "instrument_name": channel.split(".")[1],
            "bids": [["new", 100.0, 10.0], ["new", 99.0, previous + 1.0]],
            "asks": [["new", 101.0, 10.0]],
        } | ({"prev_change_id": previous} if kind == "change" else {})

    def gap(self, *channels: str) -> None:
        """Leave out a change of each."""
        for channel in channels:
            self.say(self._far_end.wire, channel, skip=1)


@pytest.fixture
def venue(memory: MemoryExchange) -> Venue:
    return Venue(memory)


@asynccontextmanager
async def reading(client: Client, names: Sequence[str]) -> AsyncIterator[list[LiveBook]]:
    """Enter books of many instruments, and wait until they are valid."""
    async with AsyncExitStack() as stack:
        books = [client.order_book(name) for name in names]
        await asyncio.gather(*(stack.enter_async_context(book) for book in books))
        await asyncio.gather(*(book.wait_valid() for book in books))
        yield books


@asynccontextmanager
async def entered_later(client: Client, name: str) -> AsyncIterator[LiveBook]:
    """Enter a book when the link has long been live."""
    await asyncio.sleep(1)
    async with client.order_book(name) as book:
        yield book


def called(wire: Wire, since: float = 0.0) -> list[tuple[str, int]]:
    """Give the calls that changed subscriptions since some time: verb, and how many channels."""
    return [
        (message["method"].partition("/")[2], len(message["params"]["channels"]))
        for time, message in wire.requests
        if time >= since and message["method"].endswith("subscribe")
    ]


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.looptime
async def test_storm(memory: MemoryExchange, venue: Venue, remember: Make) -> None:
    """Gaps on 500 books at once cost one call to leave and one to subscribe; all are valid in 0.3 s."""
    names = [f"BTC-{number}" for number in range(500)]
    async with remember() as client, reading(client, names) as books:
        await asyncio.sleep(1)
        before = now()
        for first in range(0, 500, 50):  # as a storm is read: not in one turn of the loop
            venue.gap(*(f"book.{name}.100ms" for name in names[first : first + 50]))
            await asyncio.sleep(0.003)
        await asyncio.sleep(0.27)

        assert called(memory.wire, before) == [("unsubscribe", 500), ("subscribe", 500)]
        assert all(book.valid and (book.gaps, book.resyncs) == (1, 1) for book in books)


@pytest.mark.looptime
async def test_storm_again_and_again(memory: MemoryExchange, venue: Venue, remember: Make) -> None:
    """Books that get a gap after every snapshot are asked for less and less often, within the credits."""
    names = [f"BTC-{number}" for number in range(50)]
    channels = [f"book.{name}.100ms" for name in names]
    async with remember() as client, reading(client, names) as books:
        before = now()
        for _ in range(600):
            venue.gap(*channels)
            await asyncio.sleep(0.1)

        assert {book.resyncs for book in books} == {7}  # after 0, 0.3, 1, 2, 4, 8 and 15 s
        assert called(memory.wire, before + 1) == [("unsubscribe", 50), ("subscribe", 50)] * 5
        await asyncio.sleep(30)
        assert all(book.valid for book in books)
    assert len(memory.wires) == 1


@pytest.mark.looptime
async def test_gap_while_a_snapshot_is_on_its_way(
    memory: MemoryExchange, venue: Venue, remember: Make
) -> None:
    """What comes between a gap and its snapshot is dropped, and asks for nothing more."""
    async with remember() as client, reading(client, [NAME]) as [book]:
        memory.mute("public/unsubscribe")
        venue.gap(CHANNEL)
        for _ in range(5):
            await asyncio.sleep(0.5)
            venue.gap(CHANNEL)
        for request in [m for _, m in memory.wire.requests if m["method"] == "public/unsubscribe"]:
            memory.wire.say(id=request["id"], result=[CHANNEL])
        await asyncio.sleep(0.1)

        assert (book.valid, book.gaps, book.resyncs) == (True, 1, 1)
        assert called(memory.wire)[1:] == [("unsubscribe", 1), ("subscribe", 1)]


@pytest.mark.looptime
async def test_snapshot_spoiled(memory: MemoryExchange, venue: Venue, remember: Make) -> None:
    """A snapshot that can't be read, or is crossed, is asked for again soon, not after 5 s."""
    venue.withheld.add(CHANNEL)
    async with remember() as client, client.order_book(NAME) as book:
        memory.wire.tell(CHANNEL, {"type": "snapshot", "bids": "none"})
        await asyncio.sleep(0.1)
        crossed = venue.data(CHANNEL, "snapshot", 5) | {"asks": [["new", 1.0, 1.0]]}
        memory.wire.tell(CHANNEL, crossed)
        venue.withheld.clear()
        await asyncio.sleep(0.5)

        assert (book.valid, book.gaps, book.resyncs) == (True, 2, 2)


@pytest.mark.looptime
async def test_snapshot_never_comes(memory: MemoryExchange, venue: Venue, remember: Make, ears: Ears) -> None:
    """No snapshot in 5 s: asked for again, three times; then the link is replaced, and that is reported."""
    venue.withheld.add(CHANNEL)
    async with remember(retry_seconds=0.1) as client, entered_later(client, NAME) as book:
        other = client.order_book("ETH-PERPETUAL")
        async with other:
            began = now()
            await asyncio.sleep(19.9)
            asked = [round(time - began) for time, channel in venue.given if channel == CHANNEL]
            assert (asked, len(memory.wires), other.valid, other.resyncs) == ([0, 5, 10, 15], 1, True, 0)
            await asyncio.sleep(0.5)
            assert len(memory.wires) == 2
            venue.withheld.clear()
            await asyncio.sleep(5)

            assert book.valid and other.valid
    assert ears.names == ["Connected", "Disconnected", "Connected"]
    assert "book.BTC-PERPETUAL.100ms (no snapshot within 5 s)" in str(ears.errors[0])
    assert ears.marks[1].code == 1008 and len(ears.errors) == 1


@pytest.mark.looptime
async def test_no_link_gives_a_snapshot(
    memory: MemoryExchange, venue: Venue, remember: Make, ears: Ears
) -> None:
    """Where no link gives a snapshot, just one is replaced: the others' data is not cut off for ever."""
    venue.withheld.add(CHANNEL)
    async with remember(retry_seconds=0.1) as client, client.order_book(NAME) as book:
        await asyncio.sleep(600)
        assert len(memory.wires) == 2
        assert 18 <= len([1 for time, _ in venue.given if time > 30]) <= 26
        venue.withheld.clear()
        await asyncio.sleep(31)

        assert book.valid
    assert len(ears.errors) == 1


@pytest.mark.looptime
async def test_a_snapshot_settles_what_was(
    memory: MemoryExchange, venue: Venue, remember: Make, ears: Ears
) -> None:
    """Once a snapshot came, those that did not come before it, and what they cost, no longer count."""
    async with remember(retry_seconds=0.1) as client, reading(client, [NAME]) as [book]:
        for _ in range(3):
            venue.withheld.add(CHANNEL)
            venue.gap(CHANNEL)
            await asyncio.sleep(12)
            venue.withheld.clear()
            await book.wait_valid()
            await asyncio.sleep(20)
        spared = len(memory.wires)
        for _ in range(2):
            venue.withheld.add(CHANNEL)
            venue.gap(CHANNEL)
            await asyncio.sleep(22)
            venue.withheld.clear()
            await book.wait_valid()
            await asyncio.sleep(20)

        assert (spared, len(memory.wires)) == (1, 3)


@pytest.mark.looptime
async def test_garbage_in_a_row(memory: MemoryExchange, venue: Venue, remember: Make) -> None:
    """Doubts that come before a snapshot is asked for are one, and don't put off the asking."""
    async with remember() as client, reading(client, [NAME]) as [book]:
        for _ in range(10):
            memory.wire.write(b'{"method":"subscription","par')  # of any channel
            await asyncio.sleep(0.02)

        assert (book.valid, book.gaps, book.resyncs) == (False, 2, 1)
        await asyncio.sleep(0.5)
        assert (book.valid, book.resyncs) == (True, 2)


@pytest.mark.looptime
async def test_answer_late(memory: MemoryExchange, venue: Venue, remember: Make) -> None:
    """The 5 s of a snapshot begin with the exchange's word on the channel, however late that is."""
    memory.mute("public/subscribe")
    async with remember(call_timeout=60) as client:
        book = client.order_book(NAME)
        entering = asyncio.create_task(book.__aenter__())
        await asyncio.sleep(8)
        (request,) = [m for _, m in memory.wire.requests if m["method"] == "public/subscribe"]
        memory.wire.say(id=request["id"], result=[CHANNEL])
        await entering
        await asyncio.sleep(4)
        venue.say(memory.wire, CHANNEL, "snapshot")
        await asyncio.sleep(10)

        assert (book.valid, book.resyncs) == (True, 0)
        await book.__aexit__()


@pytest.mark.looptime
async def test_lapsed(memory: MemoryExchange, venue: Venue, remember: Make, ears: Ears) -> None:
    """A book whose channel is left, whoever asked for that, is not valid from then to its next snapshot."""
    async with remember() as client, reading(client, [NAME]) as [book]:

        def refused(wire: Wire, request: Message) -> list[str]:
            return []

        memory.answers["public/subscribe"] = refused
        client._registry.subscriptions.resync([CHANNEL])
        await asyncio.sleep(0.1)
        while_refused = book.valid
        await asyncio.sleep(11)
        memory.answers["public/subscribe"] = venue._subscribed
        await asyncio.sleep(40)

        assert (while_refused, book.valid) == (False, True)
    assert [type(error) for error in ears.errors] == [SubscriptionRejected]


@pytest.mark.looptime
async def test_relapses_are_told(memory: MemoryExchange, venue: Venue, remember: Make, ears: Ears) -> None:
    """A book that does not hold is reported once, and not again before it was sound for a while."""
    async with remember() as client, reading(client, [NAME]) as [book]:
        for _ in range(300):
            venue.gap(CHANNEL)
            await asyncio.sleep(0.1)
        told = len(ears.errors)
        await asyncio.sleep(60)
        venue.gap(CHANNEL)
        began = now()
        while book.valid:
            await anext(book)
        await book.wait_valid()

        assert told == 1 and "again and again" in str(ears.errors[0])
        assert now() - began < 0.1
        assert len(ears.errors) == 1


@pytest.mark.looptime
async def test_drop_during_a_resync(memory: MemoryExchange, venue: Venue, remember: Make) -> None:
    """A drop while snapshots are awaited asks for nothing on the new link but its subscription."""
    async with remember(retry_seconds=0.1) as client, reading(client, [NAME, "ETH-PERPETUAL"]) as books:
        memory.mute("public/unsubscribe")
        venue.gap(CHANNEL)
        await asyncio.sleep(0.1)
        memory.wire.drop()
        await asyncio.sleep(1)

        assert client.state is State.CONNECTED and all(book.valid for book in books)
        await asyncio.sleep(20)
        assert called(memory.wire) == [("subscribe", 2)]


# --- audits


def listed(venue: Venue, wire: Wire, request: Message, ahead: int = 0, **wrong: Any) -> dict[str, Any]:
    """Answer get_order_book with the book as it is."""
    channel = f"book.{request['params']['instrument_name']}.100ms"
    data = venue.data(channel, "change", venue.ids[channel] - 1 + ahead)
    sides = {side: [level[1:] for level in data[side]] for side in ("bids", "asks")}
    return (
        {
            "timestamp": data["timestamp"],
            "instrument_name": data["instrument_name"],
            "change_id": data["change_id"],
        }
        | sides
        | wrong
    )


@pytest.mark.looptime
async def test_audit(memory: MemoryExchange, venue: Venue, remember: Make, ears: Ears) -> None:
    """An audit every so many seconds finds the book equal to what the exchange answers."""
    memory.answers["public/get_order_book"] = lambda wire, request: listed(venue, wire, request)
    async with remember() as client, client.order_book(NAME, audit=10) as book:
        await asyncio.sleep(35)

        assert (book.audits, book.gaps, ears.errors) == (3, 0, [])
    depths = [m["params"]["depth"] for _, m in memory.wire.requests if m["method"].endswith("get_order_book")]
    assert depths == [10_000] * 3


@pytest.mark.looptime
@pytest.mark.parametrize("ahead", [1, -1])
async def test_audit_at_another_moment(
    memory: MemoryExchange, venue: Venue, remember: Make, ears: Ears, ahead: int
) -> None:
    """An answer ahead of the channel, or behind it, is compared with the state it belongs to."""

    def answer(wire: Wire, request: Message) -> dict[str, Any]:
        book = listed(venue, wire, request, max(0, ahead))
        asyncio.get_running_loop().call_later(max(0, ahead), venue.say, wire, CHANNEL)
        return book

    memory.answers["public/get_order_book"] = answer
    async with remember() as client, client.order_book(NAME, audit=10) as book:
        await asyncio.sleep(11)
        counted = (book.audits, book.change_id)
        await asyncio.sleep(3)

        assert counted[0] == (0 if ahead > 0 else 1)
        assert (book.audits, book.valid, book.gaps, ears.errors) == (1, True, 0, [])


@pytest.mark.looptime
async def test_audit_finds_another_book(
    memory: MemoryExchange, venue: Venue, remember: Make, ears: Ears
) -> None:
    """A book that differs from the exchange's answer is not valid from then on, resynced, and reported."""
    wrong: Any = {"bids": [[100.0, 11.0], [99.0, 20.0]]}
    memory.answers["public/get_order_book"] = lambda wire, request: listed(venue, wire, request, **wrong)
    async with remember() as client, client.order_book(NAME, audit=10) as book:
        await book.wait_valid()
        await asyncio.sleep(11)

        assert (book.audits, book.gaps, book.resyncs, book.valid) == (0, 1, 1, True)
    assert "an audit found another book" in str(ears.errors[0])


@pytest.mark.looptime
@pytest.mark.parametrize("trouble", ["refused", "mute", "elsewhere", "unreadable"])
async def test_audit_that_tells_nothing(
    memory: MemoryExchange, venue: Venue, remember: Make, ears: Ears, trouble: str
) -> None:
    """An audit that is refused, unanswered, unreadable or of another moment is tried again, and no doubt."""

    def answer(wire: Wire, request: Message) -> Any:
        match trouble:
            case "refused":
                raise Refused(13020)
            case "mute":
                return MUTE
            case "unreadable":
                return {"bids": 1}
            case _:
                return listed(venue, wire, request, ahead=1000)

    memory.answers["public/get_order_book"] = answer
    async with remember() as client, client.order_book(NAME, audit=10) as book:
        await asyncio.sleep(15)
        tried = len(memory.wire.asked("public/get_order_book"))
        asked = memory.wire.asked("public/get_order_book")
        assert all(after - before >= 1 for before, after in itertools.pairwise(asked))
        memory.answers["public/get_order_book"] = lambda wire, request: listed(venue, wire, request)
        await asyncio.sleep(30)

        assert tried >= 1 and book.audits >= 1
        assert (book.valid, book.gaps, book.resyncs) == (True, 0, 0)
        assert ears.errors == [] and len(memory.wires) == 1


@pytest.mark.looptime
async def test_gap_during_an_audit(memory: MemoryExchange, venue: Venue, remember: Make, ears: Ears) -> None:
    """What was doubted while an audit was under way is not judged by it."""

    def answer(wire: Wire, request: Message) -> dict[str, Any]:
        memory.answers["public/get_order_book"] = lambda wire, request: listed(venue, wire, request)
        wrong = listed(venue, wire, request, bids=[])
        venue.gap(CHANNEL)
        return wrong

    memory.answers["public/get_order_book"] = answer
    async with remember() as client, client.order_book(NAME, audit=10) as book:
        await asyncio.sleep(15)

        assert (book.valid, book.gaps, book.resyncs, book.audits, ears.errors) == (True, 1, 1, 1, [])


@pytest.mark.looptime
async def test_changes_without_a_snapshot(memory: MemoryExchange, venue: Venue, remember: Make) -> None:
    """A change where the first snapshot should stand shows that it is lost: it is asked for at once."""
    venue.withheld.add(CHANNEL)
    async with remember() as client, entered_later(client, NAME) as book:
        await asyncio.sleep(0.1)
        for resyncs in (1, 2):
            venue.gap(CHANNEL)
            await asyncio.sleep(0.5)
            assert (book.valid, book.resyncs, book.gaps) == (False, resyncs, 0)
        venue.withheld.clear()
        venue.gap(CHANNEL)
        await asyncio.sleep(1.2)

        assert (book.valid, book.resyncs, book.gaps) == (True, 3, 0)
    assert len(memory.wires) == 1
