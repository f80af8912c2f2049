"""A recording is played at its pace, answers as it was answered, and never outruns who listens."""

import asyncio
import errno
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from deribit_ws import (
    Client,
    Connected,
    Credentials,
    Disconnected,
    Handler,
    Lagged,
    Notification,
    OutcomeUnknown,
    RecordingError,
    RpcError,
    SubscriptionRejected,
    UsageError,
)
from deribit_ws.recorder import Record, cursor, read_blocks
from deribit_ws.recorder.parts import part_path
from tests.recorder.conftest import replay
from tests.recorder.tapes import BEGAN, SECOND, Tape

CHANNEL = "weather"  # of a family nobody knows: its data arrives as it is


class Ears(Handler):
    """Remembers marks and errors, and when they came."""

    def __init__(self, client: Client) -> None:
        self.marks: list[tuple[float, Any]] = []
        self.errors: list[Exception] = []
        client.add_handler(self)

    def on_connected(self, event: Any) -> None:
        self.marks.append((round(asyncio.get_running_loop().time(), 2), event))

    on_disconnected = on_lagged = on_connected

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)

    @property
    def names(self) -> list[str]:
        return [type(mark).__name__ for _, mark in self.marks]


def hearing(client: Client) -> list[Any]:
    """Have a client write down the data of the channel."""
    heard: list[Any] = []
    client.register(CHANNEL, lambda data: heard.append(data))
    return heard


async def to_the_end(client: Client) -> None:
    async with client:
        await client.wait_closed()


@pytest.mark.looptime
@pytest.mark.parametrize(("speed", "factor"), [(1.0, 1.0), (10, 0.1), (0.5, 2.0), ("max", 0.0)])
async def test_the_pace(path: Path, speed: Any, factor: float) -> None:
    """What came after so many seconds comes after as many, divided by the speed; at once at the highest."""
    tape = Tape().up(CHANNEL)
    for seconds in (0.0, 1.0, 2.5, 30.0):
        tape.tell(CHANNEL, seconds, after=seconds)
    client = replay(tape.closed(after=5.0).write(path), speed)
    loop, heard, since = asyncio.get_running_loop(), list[tuple[float, float]](), 0.0
    client.register(CHANNEL, lambda data: heard.append((data, loop.time() - since)))
    async with client:
        since = loop.time()
        await client.wait_closed()

    expected = [(0.0, 0.0), (1.0, 1.0 * factor), (2.5, 3.5 * factor), (30.0, 33.5 * factor)]
    assert [data for data, _ in heard] == [data for data, _ in expected]
    assert [time for _, time in heard] == pytest.approx([time for _, time in expected], abs=0.05)
    assert loop.time() - since == pytest.approx(38.5 * factor, abs=0.1)


@pytest.mark.looptime
async def test_received_at_is_the_recorded_time(path: Path) -> None:
    """A Notification says when its message was received then, whatever the time is now."""
    client = replay(Tape().up(CHANNEL).tell(CHANNEL, 1, after=7.0).closed().write(path))
    heard: list[int] = []

    @client.on(CHANNEL)
    def on_data(notification: Notification) -> None:
        heard.append(notification.received_at)

    await to_the_end(client)

    assert heard == [BEGAN + 7 * SECOND]


@pytest.mark.looptime
@pytest.mark.parametrize("is_lost", [True, False], ids=["between two links", "with the end of a link"])
async def test_a_part_that_is_missing(path: Path, is_lost: bool) -> None:
    """What was recorded behind a part that is gone is played, on a new link if there was one by then."""
    tape, later = Tape().up(CHANNEL).tell(CHANNEL, 1, after=1.0), Tape(part=2)
    if is_lost:
        tape.lost(after=1.0)
    later.n, later.t = tape.n, tape.t
    later.up(CHANNEL, after=60.0).tell(CHANNEL, 2, after=1.0).closed()
    tape.write(path)
    later.write(part_path(path, 2))
    client = replay(path, 2.0)
    ears, heard = Ears(client), hearing(client)
    await to_the_end(client)

    assert heard == [1, 2]
    assert ears.names == ["Connected", "Disconnected", "Connected"]
    assert ears.errors == []


@pytest.mark.looptime
async def test_a_damaged_line_between_two_links(path: Path) -> None:
    """A second link of which the first line is damaged is played all the same."""
    tape = Tape().up(CHANNEL).tell(CHANNEL, 1).lost(after=1.0).opened()
    tape.lines[-1] = b"\0" + tape.lines[-1][1:]
    tape.call("public/subscribe", [CHANNEL], channels=[CHANNEL]).live().tell(CHANNEL, 2).closed()
    client = replay(tape.write(path))
    heard = hearing(client)
    await to_the_end(client)

    assert heard == [1, 2]


@pytest.mark.looptime
async def test_drops_and_the_next_link(path: Path) -> None:
    """A link ends with the recorded code and reason, at its time; the next opens not before its own."""
    tape = Tape().up(CHANNEL).tell(CHANNEL, 1, after=1.0).lost(after=1.0, code=1001, reason="bye")
    tape.up(CHANNEL, after=20.0).tell(CHANNEL, 2).closed(after=3.0)
    client = replay(tape.write(path), 2.0)
    ears, heard = Ears(client), hearing(client)
    await to_the_end(client)
    times = [time - ears.marks[0][0] for time, _ in ears.marks]
    drop = ears.marks[1][1]

    assert ears.names == ["Connected", "Disconnected", "Connected"]
    assert times == [0.0, pytest.approx(1.0, abs=0.05), pytest.approx(11.0, abs=0.05)]
    assert isinstance(drop, Disconnected)
    assert (drop.code, drop.reason) == (1001, "bye")
    assert heard == [1, 2]


@pytest.mark.looptime
async def test_a_link_that_never_lived(path: Path) -> None:
    """A recorded link that was lost before it was live is lost again, and counts."""
    tape = Tape().opened().call("public/set_heartbeat", ...).lost(after=0.5).up(CHANNEL).tell(CHANNEL, 1)
    client = replay(tape.closed().write(path))
    ears, heard = Ears(client), hearing(client)
    await to_the_end(client)

    assert [mark for _, mark in ears.marks] == [Connected(connection=2, channels=1)]
    assert heard == [1]


@pytest.mark.looptime
async def test_what_was_held_back_comes_first(path: Path) -> None:
    """What arrived before the link was live is handed out when it is, in order."""
    tape = Tape().opened().call("public/subscribe", [CHANNEL], channels=[CHANNEL])
    tape.tell(CHANNEL, 1).tell(CHANNEL, 2, after=1.0).live().tell(CHANNEL, 3)
    client = replay(tape.closed().write(path), 1.0)
    heard = hearing(client)
    await to_the_end(client)

    assert heard == [1, 2, 3]


@pytest.mark.looptime
@pytest.mark.parametrize("ending", ["killed", "dropped", "closed"])
async def test_the_end(path: Path, ending: str) -> None:
    """However the recording ends, the client closes in order behind its last message."""
    tape = Tape().up(CHANNEL).tell(CHANNEL, 1)
    tape = {"killed": lambda: tape, "dropped": tape.lost, "closed": tape.closed}[ending]()
    client = replay(tape.write(path))
    ears, heard = Ears(client), hearing(client)
    await to_the_end(client)

    assert heard == [1]
    assert ears.names == ["Connected", "Disconnected"][: 2 if ending == "dropped" else 1]


async def test_an_empty_recording(path: Path) -> None:
    """A recording without a link ends before the client is connected, and says so."""
    with pytest.raises(UsageError, match="closed"):
        async with replay(Tape().write(path)):
            pass


# --- calls


@pytest.mark.looptime
async def test_calls_are_answered_as_recorded(path: Path) -> None:
    """A call like a recorded one gets its answer, in that order; what differs by the run aside."""
    tape = Tape().up(CHANNEL)
    for number in (1, 2):
        tape.call("public/get_order_book", {"n": number}, instrument_name="BTC-PERPETUAL", depth=5)
    tape.call("public/get_funding_rate_value", 0.5, instrument_name="X", start_timestamp=1, end_timestamp=2)
    client = replay(tape.tell(CHANNEL, 0, after=100.0).write(path), 1.0)
    book = {"depth": 5, "instrument_name": "BTC-PERPETUAL"}
    async with client:
        assert await client.call("public/get_order_book", book) == {"n": 1}
        assert await client.call("public/get_order_book", book) == {"n": 2}
        rate = {"instrument_name": "X", "start_timestamp": 8, "end_timestamp": 9}
        assert await client.call("public/get_funding_rate_value", rate) == 0.5
        for params, says in ((book, "no more calls"), (book | {"depth": 6}, "no call")):
            with pytest.raises(RpcError, match=f"the recording has {says} of public/get_order_book"):
                await client.call("public/get_order_book", params)
        with pytest.raises(RpcError, match="no call of public/get_instruments") as caught:
            await client.call("public/get_instruments", {"currency": "BTC"})

    assert caught.value.code == -32000


@pytest.mark.looptime
async def test_a_call_whose_answer_never_came(path: Path) -> None:
    """A call that was on the wire when the link broke ends so again."""
    tape = Tape().up(CHANNEL).call("private/buy", ..., instrument_name="X").lost(after=1.0).up(CHANNEL)
    client = replay(tape.tell(CHANNEL, 1, after=1.0).write(path), 1.0, credentials=Credentials("a", "b"))
    async with client:
        with pytest.raises(OutcomeUnknown):
            await client.call("private/buy", {"instrument_name": "X"})


@pytest.mark.looptime
async def test_what_belongs_to_the_link_needs_no_recording(path: Path) -> None:
    """Login, heartbeat, cancel-on-disconnect and the time are answered though nobody recorded them."""
    tape = Tape().opened(before=True).live().tell(CHANNEL, 1).tell(CHANNEL, 2, after=5.0)
    client = replay(tape.write(path), 1.0, credentials=Credentials("a", "b"), cancel_on_disconnect=True)
    async with client:
        assert client.scope == "connection"
        assert await client.call("public/get_time") == BEGAN // 1_000_000
        assert await client.call("public/test") == {"version": "recording"}
        assert await client.subscribe("user.orders.BTC-PERPETUAL.raw") == ["user.orders.BTC-PERPETUAL.raw"]


@pytest.mark.looptime
async def test_channels_that_are_not_in_the_recording(path: Path) -> None:
    """A channel that was refused then, or that nobody asked for, is refused; the others are not."""
    tape = Tape().opened().call("public/subscribe", [CHANNEL], channels=[CHANNEL, "refused"]).live()
    client = replay(tape.tell(CHANNEL, 1, after=5.0).write(path), 1.0)
    async with client:
        with pytest.raises(SubscriptionRejected) as caught:
            await client.subscribe(CHANNEL, "refused", "unheard")

    assert sorted(caught.value.channels) == ["refused", "unheard"]
    assert caught.value.accepted == (CHANNEL,)


@pytest.mark.looptime
async def test_heartbeats_and_old_answers_are_not_played(path: Path) -> None:
    """What belonged to the link then is not heard again; what came by itself, garbage too, is."""
    tape = Tape().up(CHANNEL).hear('{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}')
    tape.hear('{"jsonrpc":"2.0","id":1001,"result":"not yours"}').hear("{garbage")
    tape.hear('{"jsonrpc":"2.0","error":{"code":11050,"message":"bad_request"}}').tell(CHANNEL, 1)
    client = replay(tape.closed().write(path))
    ears, heard = Ears(client), hearing(client)
    await to_the_end(client)

    assert heard == [1]
    assert [type(error).__name__ for error in ears.errors] == ["WireError", "RpcError"]


# --- who listens


def long(path: Path, count: int) -> Path:
    tape = Tape().up(CHANNEL)
    for number in range(count):
        tape.tell(CHANNEL, number, after=0.1)
    return tape.closed().write(path)


@pytest.mark.looptime
async def test_a_slow_consumer_is_waited_for(path: Path) -> None:
    """At the highest speed nothing is dropped for a callback that takes its time, nor cut off at the end."""
    client = replay(long(path, 1500))
    ears, heard = Ears(client), list[int]()

    @client.on(CHANNEL, maxsize=200)
    async def on_data(data: Any) -> None:
        await asyncio.sleep(0.01)
        heard.append(data)

    await to_the_end(client)

    assert heard == list(range(1500))
    assert "Lagged" not in ears.names


@pytest.mark.looptime
async def test_a_stream_that_nobody_reads_holds_nothing_up_for_long(path: Path) -> None:
    """At the highest speed a stream that is not read costs some seconds, not the replay."""
    client = replay(long(path, 20_000))
    heard = hearing(client)
    loop = asyncio.get_running_loop()
    async with client, client.stream(CHANNEL, marks=True) as stream:
        since = loop.time()
        await client.wait_closed()
        took = loop.time() - since
        first = [item async for item in stream]

    assert heard == list(range(20_000))
    assert took < 60
    assert any(isinstance(item, Lagged) for item in first)


@pytest.mark.looptime
async def test_a_program_that_does_other_things(path: Path) -> None:
    """A program that does not call what was called is waited for once, for a second, and not again."""
    tape = Tape().up(CHANNEL).tell(CHANNEL, 0)
    for number in range(1, 10):
        tape.call("public/get_instruments", [], currency=str(number)).tell(CHANNEL, number)
    client = replay(tape.closed().write(path))
    heard, loop = hearing(client), asyncio.get_running_loop()
    async with client:
        since = loop.time()
        await client.wait_closed()

    assert heard == list(range(10))
    assert loop.time() - since < 1.5


@pytest.mark.looptime
async def test_an_early_call_is_answered_within_a_second(path: Path) -> None:
    """A program that calls long before the recorded one did is not kept waiting for it."""
    tape = Tape().up(CHANNEL).call("public/get_currencies", ["BTC"]).tell(CHANNEL, 1, after=60.0)
    tape.call("public/get_currencies", ["ETH"]).closed(after=60.0)
    client, loop = replay(tape.write(path), 1.0), asyncio.get_running_loop()
    async with client:
        since = loop.time()
        answers = [await client.call("public/get_currencies") for _ in range(2)]

    assert answers == [["BTC"], ["ETH"]]
    assert loop.time() - since < 2.5


@pytest.mark.looptime
async def test_a_link_given_up_by_the_client_goes_on(path: Path) -> None:
    """Where the client itself replaces a link, the next one plays on, and nothing is left out."""
    client = replay(long(path, 3000), 10)
    ears, heard = Ears(client), hearing(client)

    @client.on(CHANNEL)
    def on_data(data: Any) -> None:
        if data == 1000:
            assert client._lifecycle.connection is not None
            client._lifecycle.connection.lose(1008, "too slow")

    await to_the_end(client)

    assert heard == list(range(3000))
    assert ears.names == ["Connected", "Disconnected", "Connected"]


@pytest.mark.looptime
async def test_a_clock_that_was_set_back(path: Path) -> None:
    """After a step back of the recorded clock the pace is what it was."""
    tape = Tape().up(CHANNEL).tell(CHANNEL, 1).tell(CHANNEL, 2, after=2.0).tell(CHANNEL, 3, after=-3600.0)
    client = replay(tape.tell(CHANNEL, 4, after=2.0).closed().write(path), 1.0)
    loop, times = asyncio.get_running_loop(), list[float]()
    client.register(CHANNEL, lambda data: times.append(loop.time()))
    await to_the_end(client)

    assert [time - times[0] for time in times] == pytest.approx([0.0, 2.0, 2.0, 4.0], abs=0.05)


# --- wrong input


async def test_a_file_that_can_not_be_read_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails in the middle ends the client with one error, behind what could be read."""
    long(path, 10)

    def failing(path: Path) -> Generator[list[Record]]:
        yield next(read_blocks(path))[:8]
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(cursor, "read_blocks", failing)
    client = replay(path)
    heard = hearing(client)
    with pytest.raises(RecordingError, match="Input/output error"):
        await to_the_end(client)

    assert heard == [0, 1, 2, 3]


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), "fast", None])
def test_wrong_speeds(path: Path, speed: Any) -> None:
    """A speed that is none is told at once."""
    with pytest.raises(UsageError, match="a number above 0, or"):
        replay(Tape().write(path), speed)


def test_no_recording(path: Path) -> None:
    """A file that is not there, or is none, is told at once."""
    with pytest.raises(RecordingError, match="No such file"):
        replay(path)
    path.write_text(json.dumps({"not": "ours"}) + "\n")
    with pytest.raises(RecordingError, match="not a recording"):
        replay(path)
