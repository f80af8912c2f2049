"""Staying logged in: tokens renewed in time, and what happens when they end early, or give too little."""

import asyncio
import itertools
from typing import Any

import pytest

from deribit_ws import (
    AuthError,
    CallTimeout,
    Credentials,
    RefreshToken,
    ScopeReduced,
    State,
    SubscriptionRejected,
    UsageError,
)
from tests.client.conftest import Ears, Make, until
from tests.client.desk import BOOK, KEY, ORDERS, POSITIONS, Desk
from tests.client.far_end import MUTE, MemoryExchange, Message, Refused, Wire


@pytest.mark.looptime
async def test_renewed_in_time(memory: MemoryExchange, remember: Make) -> None:
    """A login is renewed by its refresh token at 80 % of its life, again and again."""
    desk = Desk(memory, 100)
    async with remember(credentials=KEY) as client:
        began = desk.asked[0][0]
        for _ in range(300):
            await asyncio.sleep(1)
            assert await client.call(POSITIONS) == []

        assert [round(at - began) for at, _, _ in desk.asked] == [0, 80, 160, 240]
        assert [params.get("refresh_token") for _, _, params in desk.asked] == [None, "r1", "r2", "r3"]
        assert memory.wires == [memory.wire]


@pytest.mark.looptime
async def test_renewal_starts_anew_on_each_connection(memory: MemoryExchange, remember: Make) -> None:
    """A new connection is logged in from the start, and its own token is the one renewed."""
    desk = Desk(memory, 100)
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(50)
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2, 60)
        await client.wait_connected()
        await asyncio.sleep(85)

        assert [(wire, p["grant_type"]) for _, wire, p in desk.asked] == [
            (1, "client_credentials"),
            (2, "client_credentials"),
            (2, "refresh_token"),
        ]


@pytest.mark.looptime
@pytest.mark.parametrize("refusal", [13004, 13009, MUTE])
async def test_renewal_fails(memory: MemoryExchange, remember: Make, ears: Ears, refusal: Any) -> None:
    """Where the renewal is refused, or its outcome is unknown, the client logs in from the start."""
    desk = Desk(memory, 100)
    desk.refused["refresh_token"] = refusal
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(99)

        assert desk.grants == ["client_credentials", "refresh_token", "client_credentials"]
        assert await client.call(POSITIONS) == []
        assert (ears.errors, len(memory.wires)) == ([], 1)


@pytest.mark.looptime
@pytest.mark.parametrize(("code", "least"), [(13028, 1.0), (11051, 1.0), (10028, 5.0)])
async def test_renewal_put_off(
    memory: MemoryExchange, remember: Make, ears: Ears, code: int, least: float
) -> None:
    """A renewal that is refused for a passing reason is tried again on the same link, with the same token
    while that lives, ever more slowly; nothing is given up for it."""
    desk = Desk(memory, 100)
    async with remember(credentials=KEY) as client:
        desk.refused = {"refresh_token": code, "client_credentials": code}
        await asyncio.sleep(90)
        assert await client.call(POSITIONS) == []
        assert set(desk.grants[1:]) == {"refresh_token"}
        await asyncio.sleep(200)
        tries = [at for at, _, _ in desk.asked[1:]]
        assert min(after - before for before, after in itertools.pairwise(tries)) >= least
        assert len(tries) < 25
        assert desk.grants[-1] == "client_credentials"
        desk.refused = {}
        await asyncio.sleep(31)

        assert await client.call(POSITIONS) == []
        assert (ears.errors, len(memory.wires)) == ([], 1)


@pytest.mark.looptime
async def test_calls_under_an_older_login(memory: MemoryExchange, remember: Make) -> None:
    """Calls made before a renewal, whose refusal comes after it, are made again without another login."""
    desk = Desk(memory, 1000)
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(10)
        desk.until = 0.0
        memory.answers[POSITIONS] = late(desk)
        ends = await asyncio.gather(*(client.call(POSITIONS, late=n / 2) for n in range(8)))

        assert ends == [[]] * 8
        assert desk.grants == ["client_credentials"] * 2


@pytest.mark.looptime
async def test_method_that_no_login_mends(memory: MemoryExchange, remember: Make) -> None:
    """A method that is always refused for want of a login costs one login, and no private channel more."""
    desk = Desk(memory, 10_000)
    async with remember(credentials=KEY) as client:
        await client.subscribe(ORDERS)
        memory.answers["private/get_margins"] = refuse_13009
        for _ in range(30):
            await asyncio.sleep(10)
            with pytest.raises(AuthError):
                await client.call("private/get_margins")

        assert desk.grants == ["client_credentials"] * 2
        assert memory.wire.methods.count("private/subscribe") == 2


@pytest.mark.looptime
async def test_subscribing_after_the_tokens_ended(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A private channel that is asked for when the tokens have ended is there after a new login."""
    desk = Desk(memory, 1000)

    def subscribe(wire: Wire, request: Message) -> Any:
        desk.private(wire, request)
        return request["params"]["channels"]

    memory.answers["private/subscribe"] = subscribe
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(10)
        desk.until = 0.0
        assert await client.subscribe(ORDERS) == [ORDERS]

        assert (ears.errors, desk.grants) == ([], ["client_credentials"] * 2)


@pytest.mark.looptime
@pytest.mark.parametrize("method", [POSITIONS, "private/buy"])
async def test_tokens_end_early(memory: MemoryExchange, remember: Make, method: str) -> None:
    """A private call that is refused for want of a login is made again after one, reads and orders alike;
    cancel-on-disconnect and private channels are asked for anew, since nobody knows what became of them."""
    desk = Desk(memory, 1000)
    async with remember(credentials=KEY, cancel_on_disconnect=True) as client:
        await client.subscribe(ORDERS, BOOK)
        await asyncio.sleep(10)
        desk.until = 0.0
        assert await asyncio.gather(*(client.call(method) for _ in range(5))) == [[]] * 5
        assert memory.wire.methods.count("private/enable_cancel_on_disconnect") == 2
        await asyncio.sleep(1)

        assert desk.grants == ["client_credentials"] * 2
        assert memory.wire.methods.count("private/unsubscribe") == 1
        assert memory.wire.methods.count("private/subscribe") == 2
        assert memory.wire.methods.count("public/subscribe") == 1


@pytest.mark.looptime
async def test_fresh_login_is_not_to_blame(memory: MemoryExchange, remember: Make) -> None:
    """A call that is refused for want of a login just after one raises, and asks for no other login."""
    desk = Desk(memory, 1000)
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(10)
        memory.answers[POSITIONS] = refuse_13009
        for _ in range(20):
            with pytest.raises(AuthError):
                await client.call(POSITIONS)

        assert desk.grants == ["client_credentials"] * 2
        assert len(memory.wire.asked(POSITIONS)) == 21


@pytest.mark.looptime
async def test_refused_in_mid_connection(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """Where no login can be had in the midst of a connection, private calls raise, public data goes on and
    on_error hears once; a minute later it is tried again, and all that is private comes back."""
    desk = Desk(memory, 100)
    heard: list[Any] = []
    client = remember(credentials=KEY)
    client.register(ORDERS, heard.append)
    client.register("weather", heard.append)
    async with client:
        desk.refused = {"refresh_token": 13004, "client_credentials": 13004}
        await asyncio.sleep(90)
        with pytest.raises(AuthError) as refused:
            await client.call(POSITIONS)
        with pytest.raises(SubscriptionRejected):
            await client.subscribe("user.lock")
        memory.wire.tell("weather", {"id": 1})
        assert (refused.value.code, client.scope) == (13004, None)
        assert desk.grants == ["client_credentials", "refresh_token"] + ["client_credentials"] * 4
        desk.refused = {}
        await asyncio.sleep(60)

        assert await client.call(POSITIONS) == []
        assert ([type(error) for error in ears.errors], len(memory.wires)) == ([AuthError], 1)
        assert memory.wire.methods.count("private/subscribe") == 2


@pytest.mark.looptime
async def test_granted_less_at_first(memory: MemoryExchange, remember: Make) -> None:
    """A first login that is granted less than it asked for raises ScopeReduced, naming what lacks."""
    Desk(memory, 100, "connection trade:read account:read")
    key = Credentials("key", "hidden", scope="trade:read_write account:read")

    with pytest.raises(ScopeReduced, match="trade:read_write") as reduced:
        await remember(credentials=key).__aenter__()
    assert reduced.value.lacking == ("trade:read_write",)
    assert len(memory.dials) == 1


@pytest.mark.looptime
async def test_granted_less_later(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """Granted less on later connections, on_error hears once, and all goes on with what there is."""
    desk = Desk(memory, 100, "connection trade:read_write")
    async with remember(credentials=Credentials("key", "hidden", scope="trade:read_write")) as client:
        desk.scope = "connection trade:read"
        for number in (2, 3):
            memory.wire.drop()
            await until(lambda number=number: len(memory.wires) == number, 60)  # type: ignore[misc]  # bound at once
            await client.wait_connected()

        assert await client.call(POSITIONS) == []
        assert client.scope == "connection trade:read"
        assert [type(error) for error in ears.errors] == [ScopeReduced]


@pytest.mark.looptime
async def test_signed_by_the_exchange_clock(memory: MemoryExchange, remember: Make) -> None:
    """A signed login carries the exchange's time, however wrong this machine's is, and a new nonce."""
    desk = Desk(memory, 100)
    memory.answers["public/get_time"] = lambda wire, request: 4_000_000_000_000 + wire.number
    async with remember(credentials=Credentials("key", "hidden", "client_signature")) as client:
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2, 60)
        await client.wait_connected()
        signed = [params for _, _, params in desk.asked]

        assert [round(params["timestamp"], -3) for params in signed] == [4_000_000_000_000] * 2
        assert len({params["nonce"] for params in signed}) == 2
        assert "hidden" not in str(signed)


@pytest.mark.looptime
async def test_refresh_token_alone(memory: MemoryExchange, remember: Make) -> None:
    """A refresh token logs in without a key: each login uses the newest, and the program is told of it."""
    desk = Desk(memory, 100, "session:bot")
    told: list[str] = []
    async with remember(credentials=RefreshToken("r0", replaced=told.append)) as client:
        await asyncio.sleep(85)
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2, 60)
        await client.wait_connected()

        assert [params["refresh_token"] for _, _, params in desk.asked] == ["r0", "r1", "r2"]
        assert told == ["r1", "r2", "r3"]


@pytest.mark.looptime
async def test_keeping_the_token_fails(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """Where the program can't keep a new token, on_error hears of it, and the client goes on with it."""
    desk = Desk(memory, 100, "session:bot")

    def keep(token: str) -> None:
        raise OSError("disk full")

    async with remember(credentials=RefreshToken("r0", replaced=keep)) as client:
        await asyncio.sleep(85)

        assert await client.call(POSITIONS) == []
        assert [params["refresh_token"] for _, _, params in desk.asked] == ["r0", "r1"]
        assert [str(error) for error in ears.errors] == ["disk full"] * 2
        assert len(memory.wires) == 1


@pytest.mark.looptime
async def test_managed_state_stays_true(memory: MemoryExchange, remember: Make) -> None:
    """What is set by its own method is set again on the next connection; what would untrue it is refused."""
    Desk(memory, 100)
    async with remember(credentials=KEY) as client:
        assert await client.public.set_heartbeat(interval=25) == "ok"
        assert await client.private.enable_cancel_on_disconnect(scope="connection") == "ok"
        assert await client.public.subscribe(channels=[BOOK]) == [BOOK]
        assert await client.private.subscribe(channels=[ORDERS]) == [ORDERS]
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2, 60)
        await client.wait_connected()
        again = {m["method"]: m["params"] for _, m in memory.wire.requests}
        assert again["public/set_heartbeat"] == {"interval": 25}
        assert again["private/enable_cancel_on_disconnect"] == {"scope": "connection"}
        assert again["public/subscribe"] == {"channels": [BOOK]}
        assert await client.public.unsubscribe_all() == "ok"
        assert client.subscribed == {ORDERS}
        assert await client.private.unsubscribe_all() == "ok"
        assert client.subscribed == frozenset()
        assert {"public/unsubscribe", "private/unsubscribe"} <= set(memory.wire.methods)
        with pytest.raises(UsageError, match="own"):
            await client.public.auth(grant_type="client_credentials", client_id="x", client_secret="y")
        with pytest.raises(UsageError):
            await client.public.set_heartbeat(interval=5)
        with pytest.raises(UsageError, match="label"):
            await client.private.subscribe(channels=[ORDERS], label="mine")


@pytest.mark.looptime
async def test_managed_deadlines(memory: MemoryExchange, remember: Make) -> None:
    """A managed method keeps to the deadline it is given, as any other does."""
    Desk(memory, 100)
    loop = asyncio.get_running_loop()
    async with remember(credentials=KEY) as client:
        memory.mute("public/set_heartbeat", "public/subscribe", "private/logout")
        for call in (
            client.public.set_heartbeat(interval=20, timeout=0.5),
            client.public.subscribe(channels=[BOOK], timeout=0.5),
            client.private.logout(timeout=0.5),
        ):
            began = loop.time()
            with pytest.raises(CallTimeout):
                await call
            assert 0.5 <= loop.time() - began < 0.6
        with pytest.raises(UsageError, match="timeout"):
            await client.public.set_heartbeat(interval=20, timeout=-1)


@pytest.mark.looptime
async def test_disarmed(memory: MemoryExchange, remember: Make) -> None:
    """What was disarmed, at the start or by its method, is disarmed on each connection: the account's own
    setting may be another."""
    Desk(memory, 100)
    disarm = "private/disable_cancel_on_disconnect"
    for client in (remember(credentials=KEY, cancel_on_disconnect=False), remember(credentials=KEY)):
        async with client:
            await client.private.disable_cancel_on_disconnect()
            last = len(memory.wires)
            memory.wire.drop()
            await until(lambda last=last: len(memory.wires) > last, 60)  # type: ignore[misc]  # bound at once
            await client.wait_connected()

            assert len(memory.wire.asked(disarm)) == 1


@pytest.mark.looptime
@pytest.mark.parametrize("answer", [MUTE, "ok"])
async def test_logout(memory: MemoryExchange, remember: Make, answer: Any) -> None:
    """Logging out says so to the exchange, ends with its answer or the connection, and makes no other."""
    Desk(memory, 100)

    def leave(wire: Wire, _: Message) -> Any:
        if answer is MUTE:
            wire.drop(1000)
        return answer

    memory.answers["private/logout"] = leave
    async with remember(credentials=KEY) as client:
        await client.logout(invalidate_token=False)
        await asyncio.sleep(60)

        assert memory.wire.requests[-1][1]["params"] == {"invalidate_token": False}
        assert (len(memory.dials), client.state) == (1, State.CLOSED)


@pytest.mark.looptime
async def test_close_is_no_logout(memory: MemoryExchange, remember: Make) -> None:
    """A plain close logs nobody out: it is the end that cancel-on-disconnect is for."""
    Desk(memory, 100)
    async with remember(credentials=KEY):
        pass

    assert "private/logout" not in memory.wire.methods


def late(desk: Desk) -> Any:
    """Judge a call when it comes, and answer it as many seconds later as it asks for."""

    def answer(wire: Wire, request: Message) -> Any:
        loop = asyncio.get_running_loop()
        try:
            said = {"result": desk.private(wire, request)}
        except Refused as refused:
            said = {"error": {"code": refused.code, "message": "unauthorized", "data": refused.data}}
        loop.call_later(request["params"]["late"], lambda: wire.say(id=request["id"], **said))
        return MUTE

    return answer


def refuse_13009(_: Wire, __: Message) -> Any:
    raise Refused(13009)


@pytest.mark.looptime
async def test_limits_are_asked_for_again(memory: MemoryExchange, remember: Make) -> None:
    """The account's limits, not to be had at the login, are asked for again soon; then once an hour."""
    Desk(memory, 1e6, "connection account:read")
    refusals = [13028, 13028]

    def summary(_: Wire, __: Message) -> Any:
        if refusals:
            raise Refused(refusals.pop())
        return {"limits": {"non_matching_engine": {"rate": 7, "burst": 50}}}

    memory.answers["private/get_account_summary"] = summary
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(100)
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2, 60)
        await asyncio.sleep(3500)

        assert client.limits.pools["non_matching_engine"].burst == 50
        assert [len(wire.asked("private/get_account_summary")) for wire in memory.wires] == [3, 0]


@pytest.mark.looptime
@pytest.mark.parametrize("scope", ["account:read", "trade:read"])
async def test_a_login_that_ends_in_silence_is_found(
    memory: MemoryExchange, remember: Make, scope: str
) -> None:
    """While nobody calls, a login whose token died is found within 20 s, and private channels come anew."""
    desk = Desk(memory, 1e6, f"connection {scope}")
    for method in ("private/get_account_summary", "private/get_open_orders_by_currency"):
        memory.answers[method] = desk.private
    client = remember(credentials=KEY)
    client.register(ORDERS, lambda _: None)
    async with client:
        await asyncio.sleep(100)
        subscribed = len(memory.wire.asked("private/subscribe"))
        desk.until = 0.0
        await asyncio.sleep(21)

        assert len(desk.asked) == 2
        assert len(memory.wire.asked("private/subscribe")) == subscribed + 1
        assert len(memory.wires) == 1


@pytest.mark.looptime
async def test_a_check_that_always_fails_renews_once(memory: MemoryExchange, remember: Make) -> None:
    """Where the check meets 13009 on a new login too, it is left alone, and with it the login."""
    desk = Desk(memory, 1e6, "connection account:read")
    memory.answers["private/get_account_summary"] = refuse_13009
    client = remember(credentials=KEY)
    client.register(ORDERS, lambda _: None)
    async with client:
        await asyncio.sleep(850)

        assert len(desk.asked) == 2


@pytest.mark.looptime
async def test_no_check_where_nothing_depends_on_it(memory: MemoryExchange, remember: Make) -> None:
    """A client that wants no private channel, or may read nothing, asks nothing."""
    Desk(memory, 1e6, "connection mainaccount")
    client = remember(credentials=KEY)
    client.register(ORDERS, lambda _: None)
    async with client:
        before = len(memory.wire.methods)
        await asyncio.sleep(200)

        assert {*memory.wire.methods[before:]} <= {"public/test", "public/get_time"}
