"""Live sets of instruments: what is in them, how they are read and fed, and what of that is news."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from deribit_ws.errors import CallTimeout, DeribitError, OutcomeUnknown, RpcError, UsageError
from deribit_ws.handlers import Handler
from deribit_ws.handlers.registry import Registry
from deribit_ws.marks import InstrumentAdded, InstrumentRemoved
from deribit_ws.universe import Instruments, Universe
from deribit_ws.universe.listing import Change
from deribit_ws.wire.instruments import Instrument
from tests.core.listed import option, plain

# --- the set users hold


def quiet(error: Exception) -> None:
    raise AssertionError(error)


def test_set_is_a_collection() -> None:
    """It has names to iterate over, a length, membership, and each instrument by its name."""
    options = Instruments("option", "BTC")
    options._take(Change({"A": option("A"), "B": option("B")}), quiet)

    assert ([*options], len(options), "A" in options, "C" in options) == (["A", "B"], 2, True, False)
    assert options["A"] == options.instruments["A"] == option("A")
    assert repr(options) == "<Instruments option BTC: 2>"
    with pytest.raises(KeyError):
        options["C"]


def test_changes_under_an_iteration() -> None:
    """Iterating goes over the names of its beginning, whatever changes meanwhile."""
    options = Instruments("option", "BTC")
    options._take(Change({"A": option("A"), "B": option("B")}), quiet)
    seen = []
    for name in options:
        options._take(Change({"C": option("C")}, gone={"B": ""}), quiet)
        seen.append(name)

    assert (seen, options.names()) == (["A", "B"], ("A", "C"))


def test_where() -> None:
    """`where` is asked of what is new, read or in a new state; what it fails on stays as it was."""
    failures: list[Exception] = []

    def is_open(instrument: Instrument) -> bool:
        if instrument.state == "odd":
            raise ValueError("odd")
        return instrument.state == "open"

    options = Instruments("option", "BTC", where=is_open)
    told: list[Any] = []
    options.watch(lambda added, removed: told.append(([*added], [*removed])))
    for news in (
        {"A": option("A"), "B": option("B", state="locked")},
        {"A": option("A", state="halted")},
        {"B": option("B"), "C": option("C", state="odd"), "D": option("D", state="odd")},
        {"B": option("B", state="odd")},
    ):
        options._take(Change(news), failures.append)

    assert told == [(["A"], []), ([], ["A"]), (["B"], [])]
    assert (options.names(), options["B"].state) == (("B",), "odd")
    assert [str(failure) for failure in failures] == ["odd", "odd"]


def test_watchers() -> None:
    """Each watcher is told until it ends that, also by another one's hand, and one's failure is its own."""
    options = Instruments("option", "BTC")
    told: list[str] = []
    failures: list[Exception] = []

    def first(added: Any, removed: Any) -> None:
        told.append("first")
        end_second()
        raise ValueError("mine")

    end_first = options.watch(first)
    end_second = options.watch(lambda added, removed: told.append("second"))
    options.watch(lambda added, removed: told.append("third"))
    options._take(Change({"A": option("A")}), failures.append)
    end_first()
    end_first()
    options._take(Change({"A": option("A", strike=1)}), failures.append)
    options._take(Change(gone={"A": "", "never had": ""}), failures.append)

    assert told == ["first", "third", "third"]
    assert [str(failure) for failure in failures] == ["mine"]


@pytest.mark.parametrize(
    ("kind", "currency", "where", "fault"),
    [
        ("put", "BTC", None, "kind 'put'"),
        ("option", "B.C", None, "'B.C'"),
        ("option", "", None, "can't stand"),
        ("option", "btc", None, "written 'BTC'"),
        ("option", "ANY", None, "written 'any'"),
        ("option", ["BTC"], None, "not a string"),
        ("option", "BTC", "A", "where"),
    ],
)
def test_impossible_sets(kind: Any, currency: Any, where: Any, fault: str) -> None:
    """A set that no channel and no read can fill is refused when it is made."""
    with pytest.raises(UsageError, match=fault):
        Instruments(kind, currency, where=where)


def test_new_coins() -> None:
    """A coin that nobody here has heard of is taken: what there is, is the exchange's to say."""
    assert Instruments("spot", "1NEW_COIN").currency == "1NEW_COIN"


# --- reading and telling


class Far:
    """An exchange that lists instruments and takes any channel; `answer` is what the next reads give."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, str, Mapping[str, Any]]] = []
        self.listed: Any = []
        self.refuse: Exception | None = None
        self.refused_channels: set[str] = set()
        self.while_reading: Callable[[], None] = lambda: None

    async def call(self, method: str, params: Mapping[str, Any]) -> Any:
        self.calls.append((asyncio.get_running_loop().time(), method, params))
        await asyncio.sleep(0.1)
        if method == "public/get_instruments":
            self.while_reading()
            if self.refuse is not None:
                raise self.refuse
            return list(self.listed) if isinstance(self.listed, list) else self.listed
        return [channel for channel in params["channels"] if channel not in self.refused_channels]

    @property
    def reads(self) -> list[Mapping[str, Any]]:
        return [params for _, method, params in self.calls if method == "public/get_instruments"]

    @property
    def read_at(self) -> list[float]:
        return [time for time, method, _ in self.calls if method == "public/get_instruments"]


class Heard(Handler):
    """Remembers what is told of instruments, and errors."""

    def __init__(self) -> None:
        self.marks: list[Any] = []
        self.errors: list[Exception] = []

    def on_instrument_added(self, event: InstrumentAdded) -> None:
        self.marks.append(event)

    async def on_instrument_removed(self, event: InstrumentRemoved) -> None:
        self.marks.append(event)

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)


class House:
    """A universe on a registry, without a link: what arrives is fed in by hand."""

    def __init__(self) -> None:
        self.registry, self.far, self.heard = Registry(), Far(), Heard()
        self.universe = Universe(self.registry)
        self.registry.add_handler(self.heard, {})
        self.registry.start()

    async def connect(self) -> None:
        """What the client does on a new connection, up to its life."""
        self.registry.lost_link()
        await self.universe.restore(self.far.call)

    def tell(self, channel: str, data: Any) -> None:
        self.registry.router.notify(channel.encode(), msgspec.json.encode(data))

    def created(self, name: str, where: str = "option.BTC", **more: Any) -> None:
        self.tell(f"instrument.creation.{where}", plain(name, timestamp=1, **more))

    def state(self, name: str, state: str, where: str = "option.BTC", timestamp: int = 5) -> None:
        told = {"timestamp": timestamp, "state": state, "instrument_name": name}
        self.tell(f"instrument.state.{where}", told)

    def keep(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.universe.keep(self.far.call))


@pytest.fixture
async def house() -> Any:
    built = House()
    yield built
    await built.registry.stop(None, ())


@pytest.mark.looptime
async def test_read_once_its_channels_are_subscribed(house: House) -> None:
    """Sets of one kind share one read per connection, asked for when both channels are confirmed."""
    near = house.universe.add(Instruments("option", "BTC", where=lambda i: i.strike == 1))
    every = house.universe.add(Instruments("option", "BTC"))
    both = house.universe.add(Instruments("any", "any"))
    house.far.listed = [plain("A", strike=1), plain("B", strike=2)]
    for _ in range(2):
        await house.connect()

    assert [method for _, method, _ in house.far.calls] == [
        "public/subscribe",
        *["public/get_instruments"] * 2,
    ] * 2
    assert set(house.far.calls[0][2]["channels"]) == {
        "instrument.creation.option.BTC",
        "instrument.state.option.BTC",
        "instrument.creation.any.any",
        "instrument.state.any.any",
    }
    assert house.far.reads[:2] == [
        {"currency": "BTC", "kind": "option", "expired": False},
        {"currency": "any", "expired": False},
    ]
    assert (near.names(), every.names(), both.names()) == (("A",), ("A", "B"), ("A", "B"))
    assert all(one.ready for one in (near, every, both))


@pytest.mark.looptime
async def test_first_fill_is_no_news(house: House) -> None:
    """The first fill is no news; what is told later and what a later read differs by is, once each."""
    options = house.universe.add(Instruments("option", "BTC"))
    house.universe.add(Instruments("any", "any"))
    house.far.listed = [plain("A"), plain("B"), plain("C")]
    await house.connect()
    first = list(house.heard.marks)
    for where in ("option.BTC", "any.any"):
        house.created("D", where)
        house.state("A", "delivered", where)
    await asyncio.sleep(0)
    told = list(house.heard.marks)
    house.far.listed = [plain("B"), plain("D"), plain("E")]
    await house.connect()
    await asyncio.sleep(0)

    assert first == []
    assert sorted(map(str, told)) == sorted(
        map(str, [InstrumentAdded("D"), InstrumentRemoved("A", "delivered")])
    )
    assert sorted(map(str, house.heard.marks[2:])) == sorted(
        map(str, [InstrumentRemoved("C", ""), InstrumentAdded("E")])
    )
    assert set(options) == {"B", "D", "E"}


@pytest.mark.looptime
async def test_told_with_the_set_as_it_then_is(house: House) -> None:
    """When a change is told, to handlers and to streams that want marks, the set has followed it."""
    options = house.universe.add(Instruments("option", "BTC"))
    sizes: list[int] = []

    class Sizes(Handler):
        def on_instrument_added(self, event: InstrumentAdded) -> None:
            sizes.append(len(options))

    house.registry.add_handler(Sizes(), {})
    await house.connect()

    async def opened(channels: Any) -> None:
        pass

    stream = house.registry.stream(["ticker.*.raw"], {}, opened, overflow=None, maxsize=None, marks=True)
    async with stream:
        house.created("A")
        mark = await anext(stream)

    assert (sizes, mark) == ([1], InstrumentAdded("A"))


@pytest.mark.looptime
async def test_told_during_the_read(house: House) -> None:
    """What is told while a read is under way comes on top: nothing is lost, nothing brought back."""
    options = house.universe.add(Instruments("option", "BTC"))
    house.far.listed = [plain("A"), plain("B")]

    def meanwhile() -> None:
        house.created("C")
        house.state("A", "delivered")

    house.far.while_reading = meanwhile
    await house.connect()

    assert set(options) == {"B", "C"}


@pytest.mark.looptime
@pytest.mark.parametrize(
    "refusal",
    [RpcError(11051, "system_maintenance"), CallTimeout("no answer", method="public/get_instruments")],
)
async def test_refused_read(house: House, refusal: DeribitError) -> None:
    """A refused read leaves the set as it was, is told once, and is repeated ever more slowly."""
    options = house.universe.add(Instruments("option", "BTC"))
    house.far.listed = [plain("A")]
    await house.connect()
    house.far.refuse = refusal
    await house.connect()
    kept = set(options)
    keeping = house.keep()
    await asyncio.sleep(120)
    house.far.refuse = None
    house.far.listed = [plain("B")]
    await asyncio.sleep(31)
    keeping.cancel()
    waits = [b - a for a, b in zip(house.far.read_at[1:], house.far.read_at[2:], strict=False)]

    assert (kept, set(options), house.heard.errors) == ({"A"}, {"B"}, [refusal])
    assert waits[:6] == pytest.approx([1.1, 2.1, 4.1, 8.1, 15.1, 30.1])
    assert max(waits) == pytest.approx(30.1)


NO_SUCH = RpcError(-32602, "invalid_params", data={"param": "currency", "reason": "wrong format"})


@pytest.mark.looptime
async def test_refused_for_good(house: House) -> None:
    """What the exchange refuses to list at all ends the waiting, is told once, and asked on each link."""
    coins = house.universe.add(Instruments("option", "DOGE"))
    house.far.refuse = NO_SUCH
    await house.connect()
    keeping = house.keep()
    for waiting in (coins, house.universe.add(Instruments("option", "DOGE"))):
        with pytest.raises(RpcError, match="-32602"):
            await asyncio.wait_for(waiting.wait_ready(), 1)
    house.state("A", "open", "option.DOGE")  # it is told of all the same
    await asyncio.sleep(3600)
    await house.connect()
    refused = len(house.far.reads)
    house.far.refuse, house.far.listed = None, [plain("A")]
    await house.connect()
    await asyncio.wait_for(coins.wait_ready(), 1)
    keeping.cancel()

    assert (refused, house.heard.errors) == (2, [NO_SUCH])
    assert (coins.ready, coins.names()) == (True, ("A",))


@pytest.mark.looptime
async def test_refused_once_it_was_answered(house: House) -> None:
    """A set that has been filled is asked for again, whatever the exchange refuses it for later."""
    options = house.universe.add(Instruments("option", "BTC"))
    house.far.listed = [plain("A")]
    await house.connect()
    house.far.refuse = NO_SUCH
    await house.connect()
    house.far.refuse, house.far.listed = None, [plain("B")]
    keeping = house.keep()
    await asyncio.sleep(1.2)
    keeping.cancel()

    assert (options.names(), house.heard.errors) == (("B",), [NO_SUCH])


@pytest.mark.looptime
async def test_review(house: House) -> None:
    """A choice that moves by itself is made anew by `review`, and what that changes is told as news."""
    limit = 2
    near = house.universe.add(Instruments("option", "BTC", where=lambda i: (i.strike or 0) <= limit))
    low = house.universe.add(Instruments("option", "BTC", where=lambda i: i.strike == 1))
    house.far.listed = [plain(name, strike=strike) for strike, name in enumerate("ABCD", 1)]
    await house.connect()
    told: list[Any] = []
    near.watch(lambda added, removed: told.append(([*added], [*removed])))
    near.review()
    limit = 3
    unasked = near.names()
    near.review()
    limit = 0
    near.review()
    await asyncio.sleep(0)

    assert (unasked, near.names(), low.names()) == (("A", "B"), (), ("A",))
    assert told == [(["C"], []), ([], ["A", "B", "C"])]
    assert house.heard.marks == [
        InstrumentAdded("C"),
        InstrumentRemoved("B", "open"),  # A is in another set still
        InstrumentRemoved("C", "open"),
    ]


@pytest.mark.looptime
async def test_failing_review(house: House) -> None:
    """A choice that fails under a review is told, and leaves the set as it was."""
    options = house.universe.add(Instruments("option", "BTC", where=lambda i: 1 / limit))
    limit = 1
    house.far.listed = [plain("A"), plain("B")]
    await house.connect()
    limit = 0
    options.review()

    assert options.names() == ("A", "B")
    assert [type(error) for error in house.heard.errors] == [ZeroDivisionError]


@pytest.mark.looptime
async def test_first_read_refused(house: House) -> None:
    """A set whose first read is refused takes what is told, is not ready, and is filled by a later one."""
    options = house.universe.add(Instruments("option", "BTC"))
    house.far.refuse = RpcError(11051, "system_maintenance")
    await house.connect()
    house.created("A")
    early = (options.ready, set(options))
    house.far.refuse, house.far.listed = None, [plain("A"), plain("B")]
    keeping = house.keep()
    await asyncio.wait_for(options.wait_ready(), 5)
    keeping.cancel()

    assert early == (False, {"A"})
    assert (options.ready, set(options)) == (True, {"A", "B"})
    assert house.heard.marks == [InstrumentAdded("A")]


@pytest.mark.looptime
async def test_link_lost_under_a_read(house: House) -> None:
    """A link lost under a read is told by others: the set stays as it was, and the next connection reads."""
    options = house.universe.add(Instruments("option", "BTC"))
    house.far.listed = [plain("A")]
    await house.connect()
    house.far.refuse = OutcomeUnknown("gone", method="public/get_instruments")
    await house.connect()
    kept = set(options)
    house.far.refuse = None
    house.far.listed = []
    house.far.listed = [plain("B")]
    await house.connect()

    assert (kept, set(options), house.heard.errors) == ({"A"}, {"B"}, [])


@pytest.mark.looptime
async def test_empty_answer_is_doubted(house: House) -> None:
    """That nothing is left of a set is believed only when it is said again and again."""
    options = house.universe.add(Instruments("option", "BTC"))
    house.far.listed = [plain("A")]
    await house.connect()
    house.far.listed = []
    await house.connect()
    keeping = house.keep()
    await asyncio.sleep(5)
    kept = set(options)
    await asyncio.sleep(10)
    keeping.cancel()

    assert (kept, set(options), len(house.far.reads)) == ({"A"}, set(), 5)
    assert house.heard.marks == [InstrumentRemoved("A", "")]


@pytest.mark.looptime
async def test_empty_at_first(house: House) -> None:
    """A set of nothing is ready, and grows."""
    options = house.universe.add(Instruments("spot", "EURR"))
    await house.connect()
    ready = (options.ready, len(options))
    house.created("A", "spot.EURR")

    assert (ready, options.names()) == ((True, 0), ("A",))


@pytest.mark.looptime
async def test_unreadable_answers(house: House) -> None:
    """What can't be understood is told and left out, or stays as it was if it was understood before; an
    answer that is no list changes nothing."""
    options = house.universe.add(Instruments("option", "BTC"))
    house.far.listed = [plain("A"), {"instrument_name": "B"}, 7, option("C")]
    await house.connect()
    house.far.listed = "ok"  # what no exchange should say
    await house.connect()

    house.far.listed = [{"instrument_name": "A", "kind": []}, option("C")]
    await house.connect()

    assert set(options) == {"A", "C"}
    assert ["2 of 4" in str(house.heard.errors[0]), "str" in str(house.heard.errors[1])] == [True, True]


@pytest.mark.looptime
async def test_missed_creation(house: House) -> None:
    """One that is told to be open but was never told to be new is found by a read, a second later."""
    house.far.refused_channels = {"instrument.creation.option.BTC"}
    options = house.universe.add(Instruments("option", "BTC"))
    await house.connect()
    keeping = house.keep()
    await asyncio.sleep(10)
    house.far.listed = [plain("A"), plain("B")]
    house.state("A", "open")
    house.state("B", "open")
    await asyncio.sleep(1.2)
    found = options.names()
    await asyncio.sleep(60)
    keeping.cancel()

    assert (found, len(house.far.reads)) == (("A", "B"), 2)
    assert house.heard.marks == [InstrumentAdded("A"), InstrumentAdded("B")]


@pytest.mark.looptime
async def test_never_listed(house: House) -> None:
    """One that no read lists is given up after some, until the next connection."""
    house.universe.add(Instruments("option", "BTC"))
    await house.connect()
    keeping = house.keep()
    for _ in range(100):
        house.state("A", "open")
        await asyncio.sleep(1)
    keeping.cancel()
    vain = len(house.far.reads) - 1
    await house.connect()
    house.state("A", "open")
    keeping = house.keep()
    await asyncio.sleep(1.2)
    keeping.cancel()

    assert (vain, len(house.far.reads)) == (4, 4 + 3)


@pytest.mark.looptime
async def test_added_while_connected(house: House) -> None:
    """A set made while connected is read once its channels are confirmed, or filled from another."""
    await house.connect()
    keeping = [house.keep(), asyncio.create_task(house.registry.subscriptions.keep(house.far.call))]
    await asyncio.sleep(10)
    house.far.listed = [plain("A"), plain("B", strike=1)]
    options = house.universe.add(Instruments("option", "BTC"))
    await asyncio.wait_for(options.wait_ready(), 1)
    few = house.universe.add(Instruments("option", "BTC", where=lambda i: i.strike == 1))
    for task in keeping:
        task.cancel()

    (subscribed_at, first, _), (read_at, then, _) = house.far.calls
    assert (first, then) == ("public/subscribe", "public/get_instruments")
    assert read_at - subscribed_at == pytest.approx(0.1)  # when it was answered
    assert (options.names(), few.names(), few.ready) == (("A", "B"), ("B",), True)
    assert house.heard.marks == []


@pytest.mark.looptime
async def test_refused_channels(house: House) -> None:
    """A set whose channels are refused is filled all the same, and that is told."""
    house.far.refused_channels = {"instrument.creation.option.BTC", "instrument.state.option.BTC"}
    keeping = [house.keep(), asyncio.create_task(house.registry.subscriptions.keep(house.far.call))]
    await asyncio.sleep(1)
    house.far.listed = [plain("A")]
    options = house.universe.add(Instruments("option", "BTC"))
    await asyncio.wait_for(options.wait_ready(), 1)
    for task in keeping:
        task.cancel()

    assert options.names() == ("A",)
    assert [type(error).__name__ for error in house.heard.errors] == ["SubscriptionRejected"]


@pytest.mark.looptime
async def test_nobody_waits_for_ever(house: House) -> None:
    """Who waits for a set to be filled hears what ended the client."""
    options = house.universe.add(Instruments("option", "BTC"))
    waiting = asyncio.create_task(options.wait_ready())
    await asyncio.sleep(0)
    house.universe.end(UsageError("the client is closed"))

    with pytest.raises(UsageError, match="closed"):
        await waiting
