"""What is easily lost when a login ends early, is reduced, or can't be had for a while."""

import asyncio
from typing import Any

import pytest

from deribit_ws import AuthError, Credentials, ScopeReduced
from tests.client.conftest import Ears, Make, until
from tests.client.desk import KEY, ORDERS, POSITIONS, Desk
from tests.client.far_end import MemoryExchange, Message, Refused, Wire

ARM = "private/enable_cancel_on_disconnect"


@pytest.mark.looptime
@pytest.mark.parametrize("refusal", [13004, 13009])
async def test_refused_renewal_is_a_lapse(memory: MemoryExchange, remember: Make, refusal: int) -> None:
    """A renewal that is refused says that the login has ended early: cancel-on-disconnect and private
    channels are asked for anew."""
    desk = Desk(memory, 100)
    async with remember(credentials=KEY, cancel_on_disconnect=True) as client:
        await client.subscribe(ORDERS)
        desk.refused["refresh_token"] = refusal
        await asyncio.sleep(81)

        assert desk.grants[:3] == ["client_credentials", "refresh_token", "client_credentials"]
        assert memory.wire.methods.count(ARM) == 2
        assert memory.wire.methods.count("private/unsubscribe") == 1
        assert memory.wire.methods.count("private/subscribe") == 2


@pytest.mark.looptime
async def test_blame_passes(memory: MemoryExchange, remember: Make) -> None:
    """A login revoked twice in a row costs the calls of that moment, and not those of the next hour."""
    desk = Desk(memory, 100_000)
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(10)
        desk.until, desk.seconds = 0.0, 0.0  # the next login is as good as none, though it is said to be good
        answer = memory.answers["public/auth"]
        memory.answers["public/auth"] = lambda wire, request: answer(wire, request) | {"expires_in": 100_000}
        with pytest.raises(AuthError):
            await client.call(POSITIONS)
        desk.seconds = 100_000
        await asyncio.sleep(901)

        assert await client.call(POSITIONS) == []


@pytest.mark.looptime
async def test_left_while_refused(memory: MemoryExchange, remember: Make) -> None:
    """A private channel that was let go while no login could be had is left once there is one."""
    desk = Desk(memory, 100)
    async with remember(credentials=KEY) as client:
        await client.subscribe(ORDERS)
        desk.refused = {"refresh_token": 13004, "client_credentials": 13004}
        await asyncio.sleep(90)
        await client.unsubscribe(ORDERS)
        desk.refused = {}
        await asyncio.sleep(70)

        assert client.scope is not None
        assert memory.wire.methods[-3:].count("private/unsubscribe") == 1


@pytest.mark.looptime
async def test_stuck_is_asked_again(memory: MemoryExchange, remember: Make) -> None:
    """A channel that the exchange would not let go is asked about again when it was wanted meanwhile."""
    leave = memory.answers["public/unsubscribe"]
    memory.answers["public/unsubscribe"] = refused(13028)
    async with remember() as client:
        await client.subscribe("weather")
        await client.unsubscribe("weather")
        memory.answers["public/unsubscribe"] = leave
        await client.subscribe("weather")
        await client.unsubscribe("weather")

        assert len(memory.wire.asked("public/unsubscribe")) == 2


@pytest.mark.looptime
async def test_told_at_an_uneven_time(memory: MemoryExchange, remember: Make) -> None:
    """Waiting for the next read of a live set never spins, whatever the clock's last bits are."""
    memory.answers["public/get_instruments"] = lambda wire, request: []
    client = remember()
    client.instruments("option", "BTC")
    async with client:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(15.24 - now)
        state = {"timestamp": 1, "instrument_name": "BTC-27NOV26-91000-C", "state": "open"}
        memory.wire.tell("instrument.state.option.BTC", state)
        await asyncio.sleep(5)

        assert len(memory.wire.asked("public/get_instruments")) > 1


@pytest.mark.looptime
async def test_reduced_by_a_renewal(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A renewal that grants less is told once, and again only after a full one; it is no reason to log in."""
    desk = Desk(memory, 100, "trade:read_write")
    async with remember(credentials=Credentials("key", "hidden", scope="trade:read_write")):
        for scope in ("trade:read", "trade:read", "trade:read_write", "trade:read"):
            desk.scope = scope
            await asyncio.sleep(80.5)

        assert set(desk.grants[1:]) == {"refresh_token"}
        assert [type(error) for error in ears.errors] == [ScopeReduced] * 2


@pytest.mark.looptime
async def test_ways_out_of_an_unarmed_link(memory: MemoryExchange, remember: Make) -> None:
    """Where cancel-on-disconnect could not be armed, cancels still go out, and arming or disarming by hand
    lets act again what acts."""
    Desk(memory, 1000)
    for method in (ARM, "private/disable_cancel_on_disconnect"):
        memory.answers.pop(ARM, None)
        async with remember(credentials=KEY, cancel_on_disconnect=True) as client:
            memory.answers[ARM] = refused(13021)
            last = len(memory.wires)
            memory.wire.drop()
            await until(lambda last=last: len(memory.wires) > last, 60)  # type: ignore[misc]  # bound at once
            await client.wait_connected()
            with pytest.raises(AuthError):
                await client.call("private/buy")
            assert await client.call("private/cancel_all") == "ok"
            del memory.answers[ARM]
            assert await client.call(method) == "ok"

            assert await client.call("private/buy") == []


def refused(code: int) -> Any:
    def refuse(_: Wire, __: Message) -> Any:
        raise Refused(code)

    return refuse
