"""What the exchange refuses while a link is rebuilt, and what goes on all the same."""

import asyncio
from typing import Any

import pytest

from deribit_ws import AuthError, Credentials, RpcError, State, SubscriptionRejected, UsageError
from tests.client.conftest import Ears, Make, until
from tests.client.far_end import MemoryExchange, Refused, Wire

KEY = Credentials("key", "hidden")
TICKER = "ticker.BTC-PERPETUAL.100ms"
BOOK = "book.BTC-PERPETUAL.100ms"
ARM = "private/enable_cancel_on_disconnect"


def refused_from(first: int, code: int) -> Any:
    """Answer "ok" on the connections before the first, and an error from there on."""

    def answer(wire: Wire, _: Any) -> str:
        if wire.number >= first:
            raise Refused(code)
        return "ok"

    return answer


@pytest.mark.looptime
@pytest.mark.parametrize("code", [13004, -32602, 13010, 99999])
async def test_login_refused_by_any_code(memory: MemoryExchange, remember: Make, code: int) -> None:
    """A first login that is refused is an AuthError, whatever the code."""
    memory.answers["public/auth"] = refused_from(1, code)
    client = remember(credentials=KEY)

    with pytest.raises(AuthError) as caught:
        await client.__aenter__()
    assert caught.value.code == code


@pytest.mark.looptime
@pytest.mark.parametrize("code", [13004, -32602, 99999])
async def test_later_login_refused_by_any_code(
    memory: MemoryExchange, remember: Make, ears: Ears, code: int
) -> None:
    """A later login that is refused leaves public data going, private calls refused, one error told."""
    memory.answers["public/auth"] = refused_from(2, code)
    client = remember(credentials=KEY, cancel_on_disconnect=True)
    heard: list[Any] = []
    client.register("weather", heard.append)
    async with client:
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2 and client.state is State.CONNECTED, 60)
        memory.wire.tell("weather", 1)
        with pytest.raises(AuthError):
            await client.call("private/get_open_orders")
        await asyncio.sleep(1)

        assert heard == [1]
        assert [error.code for error in ears.errors if isinstance(error, AuthError)] == [code]
        assert len(memory.wire.asked("public/auth")) == 4
        assert memory.wire.asked(ARM) == []


@pytest.mark.looptime
async def test_arming_refused_later(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """Where cancel-on-disconnect is refused on a later link, nothing that acts is sent; the rest goes on."""
    memory.answers[ARM] = refused_from(2, 13021)
    client = remember(credentials=KEY, cancel_on_disconnect=True)
    heard: list[Any] = []
    client.register("weather", heard.append)
    async with client:
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2 and client.state is State.CONNECTED, 60)
        memory.wire.tell("weather", 1)
        with pytest.raises(RpcError) as caught:
            await client.call("private/buy", instrument_name="BTC-PERPETUAL", amount=10)

        assert caught.value.code == 13021
        assert memory.wire.asked("private/buy") == []
        assert await client.call("private/get_open_orders") == []
        assert heard == [1]
        assert [type(error) for error in ears.errors] == [AuthError]
        memory.answers[ARM] = lambda wire, _: "ok"
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 3 and client.state is State.CONNECTED, 60)
        assert await client.call("private/buy", instrument_name="BTC-PERPETUAL", amount=10) == "ok"


@pytest.mark.looptime
async def test_arming_refused_at_first(memory: MemoryExchange, remember: Make) -> None:
    """Where it is refused on the first link, that is raised."""
    memory.answers[ARM] = refused_from(1, 13021)

    with pytest.raises(AuthError, match="13021"):
        await remember(credentials=KEY, cancel_on_disconnect=True).__aenter__()


@pytest.mark.looptime
async def test_heartbeat_refused_for_now(memory: MemoryExchange, remember: Make) -> None:
    """A heartbeat refused for a passing reason is armed on a new link, not done without."""

    def busy(wire: Wire, _: Any) -> str:
        if wire.number < 3:
            raise Refused(11051)
        return "ok"

    memory.answers["public/set_heartbeat"] = busy
    async with remember():
        assert len(memory.wires) == 3


@pytest.mark.looptime
async def test_passing_refusal_holds_up_nobody(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A channel refused for a passing reason is told and asked for again, while the others live."""
    tries = 0

    def portfolio(wire: Wire, request: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Refused(13028)
        return request["params"]["channels"]

    memory.answers["private/subscribe"] = portfolio
    client = remember(credentials=KEY)
    client.register("user.portfolio.btc", lambda data: None)
    client.register(TICKER, lambda data: None)
    began = asyncio.get_running_loop().time()
    async with client:
        took = asyncio.get_running_loop().time() - began
        await until(lambda: "user.portfolio.btc" in client._registry.subscriptions.confirmed, 60)

        assert took < 1
        assert tries == 3
        assert [type(error) for error in ears.errors] == [SubscriptionRejected]
        assert ears.names == ["Connected"]


@pytest.mark.looptime
async def test_unsubscribing_refused(memory: MemoryExchange, remember: Make) -> None:
    """A channel the exchange will not let go is not said to be left, and not asked about without end."""
    memory.answers["public/unsubscribe"] = refused_from(1, 11029)
    async with remember() as client:
        await client.subscribe(TICKER)
        await client.unsubscribe(TICKER)
        await asyncio.sleep(100)

        assert len(memory.wire.asked("public/unsubscribe")) == 1
        assert client._registry.subscriptions.confirmed == {TICKER}


@pytest.mark.looptime
async def test_resync_refused(memory: MemoryExchange, remember: Make) -> None:
    """A newcomer to a running book gets a new link when the exchange refuses to leave the channel."""
    memory.answers["public/unsubscribe"] = refused_from(1, 11029)
    async with remember() as client:
        client.register(BOOK, lambda change: None)
        await until(lambda: client._registry.subscriptions.confirmed == {BOOK}, 60)
        client.register(BOOK, lambda change: None)
        await until(lambda: len(memory.wires) == 2 and client.state is State.CONNECTED, 60)

        assert client._registry.subscriptions.confirmed == {BOOK}


@pytest.mark.looptime
async def test_released_channels_are_not_asked_for_again(memory: MemoryExchange, remember: Make) -> None:
    """A channel that was let go and is refused when somebody asks anew is not retried for ever."""
    async with remember() as client:
        await client.subscribe(TICKER)
        await client.unsubscribe(TICKER)
        memory.answers["public/subscribe"] = lambda wire, request: []
        client.register(TICKER, lambda data: None)
        await asyncio.sleep(100)

        assert len(memory.wire.asked("public/subscribe")) == 2


@pytest.mark.looptime
async def test_a_fault_of_ours_replaces_the_link(
    memory: MemoryExchange, remember: Make, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unforeseen failure in the upkeep of a live link is told by a mark and mended by a new link."""
    client = remember()
    async with client:
        with monkeypatch.context() as broken:
            broken.setattr(client._registry.subscriptions, "_next", lambda: 1 / 0)
            client.register(TICKER, lambda data: None)
            await until(lambda: "Disconnected" in ears.names, 60)
        await until(lambda: client.state is State.CONNECTED, 60)

        assert client._registry.subscriptions.confirmed == {TICKER}
        assert ears.names[:3] == ["Connected", "Disconnected", "Connected"]


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5"])
async def test_no_call_without_time(memory: MemoryExchange, remember: Make, timeout: Any) -> None:
    """A call is not sent with a deadline that is no time."""
    async with remember() as client:
        with pytest.raises(UsageError):
            await client.call("private/buy", timeout=timeout)

        assert memory.wire.asked("private/buy") == []


async def test_marks_survive_a_flood_of_errors(memory: MemoryExchange, remember: Make) -> None:
    """A slow `async on_error` under thousands of bad frames costs the handler no mark."""
    told: list[str] = []

    class Slow(Ears):
        async def on_error(self, error: Exception) -> None:  # type: ignore[override]  # async is allowed
            await asyncio.sleep(0)

        async def on_disconnected(self, event: Any) -> None:  # type: ignore[override]  # as above
            told.append("Disconnected")

        async def on_connected(self, event: Any) -> None:  # type: ignore[override]  # as above
            told.append("Connected")

    client = remember(retry_seconds=0.01)
    client.add_handler(Slow())
    async with client:
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2 and client.state is State.CONNECTED)
        for _ in range(3000):
            memory.wire.write(b"garbage")
        await until(lambda: told.count("Connected") == 2)

    assert told == ["Connected", "Disconnected", "Connected"]


def test_tokens_are_not_shown() -> None:
    """A frame that can't be read shows no token of a login in it."""
    from deribit_ws import WireError

    for frame in (
        b'{"id":2.5,"result":{"access_token":"TOPSECRET","refresh_token" : "TOPSECRET"}}',
        b'{"id":2,"result":{"expires_in":9,"access_token":"TOPSECR',
    ):
        assert "TOPSECR" not in str(WireError("not read", frame)) + repr(WireError("not read", frame).raw)


@pytest.mark.looptime
async def test_two_that_block(memory: MemoryExchange, remember: Make) -> None:
    """While one of two blocking consumers is still full, nothing more is read."""
    gates = [asyncio.Event(), asyncio.Event()]
    got: tuple[list[Any], list[Any]] = ([], [])
    client = remember()
    for heard, gate in zip(got, gates, strict=True):

        async def slow(data: Any, heard: list[Any] = heard, gate: asyncio.Event = gate) -> None:
            await gate.wait()
            heard.append(data)

        client.register("weather", slow, overflow="block", maxsize=2)
    async with client:
        for n in range(9):
            memory.wire.tell("weather", n)
        await asyncio.sleep(0.5)
        gates[0].set()
        await asyncio.sleep(0.5)
        first = list(got[0])
        await asyncio.sleep(0.5)

        assert 3 <= len(first) < 9
        assert got == (first, [])
        gates[1].set()
        await asyncio.sleep(0.5)
        assert got == (list(range(9)), list(range(9)))
