"""The fine print of logins, their renewal, arming and managed methods: what a small slip would break."""

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from deribit_ws import (
    AuthError,
    CallTimeout,
    Credentials,
    OutcomeUnknown,
    RateLimited,
    RefreshToken,
    RequestNotSent,
    RpcError,
    State,
    UsageError,
    WireError,
)
from deribit_ws.auth import missing
from deribit_ws.auth.login import Login
from deribit_ws.errors import ConnectFailed
from deribit_ws.exchange_clock import ExchangeClock
from tests.client.conftest import Ears, Make, until
from tests.client.desk import BOOK, KEY, ORDERS, POSITIONS, Desk
from tests.client.far_end import MUTE, MemoryExchange, Message, Refused, Wire

ARM, DISARM = "private/enable_cancel_on_disconnect", "private/disable_cancel_on_disconnect"
SUMMARY = "private/get_account_summary"
Answer = Callable[[Wire, Message], Any]


def refusing(code: int, *, first: int = 1) -> Answer:
    """Refuse from a connection on."""

    def refuse(wire: Wire, _: Message) -> Any:
        if wire.number >= first:
            raise Refused(code)
        return "ok"

    return refuse


def later(seconds: float, answer: Answer) -> Answer:
    """Answer so much later."""

    def late(wire: Wire, request: Message) -> Any:
        result = answer(wire, request)
        asyncio.get_running_loop().call_later(seconds, lambda: wire.say(id=request["id"], result=result))
        return MUTE

    return late


async def next_link(memory: MemoryExchange, client: Any) -> Wire:
    last = len(memory.wires)
    memory.wire.drop()
    await until(lambda: len(memory.wires) > last, 60)
    await client.wait_connected()
    return memory.wire


# --- tests/auth


def test_levels_of_one_area() -> None:
    """Of several levels of one area the highest counts, in any order."""
    for granted in ("trade:read_write trade:read", "trade:read trade:read_write"):
        assert missing("trade:read_write", granted) == []


async def test_clock_is_read_in_the_middle_of_the_question() -> None:
    """A signature's time is the exchange's, as it was in the middle of the question for it."""
    ticks, sent = [0.0], []

    async def call(method: str, params: Any) -> Any:
        if method == "public/get_time":
            ticks[0] += 10
            return 1_000_000
        sent.append(params["timestamp"])
        return {}

    clock = ExchangeClock(lambda: 0.0, lambda: ticks[0])
    await Login(Credentials("a", "b", "client_signature"), clock, lambda error: None).log_in(call)

    assert sent == [1_005_000]


@pytest.mark.looptime
async def test_odd_time(memory: MemoryExchange, remember: Make) -> None:
    """Where the exchange tells no time, a signed login carries this machine's."""
    desk = Desk(memory, 100)
    memory.answers["public/get_time"] = lambda wire, request: "soon"
    async with remember(credentials=Credentials("a", "b", "client_signature")):
        stamp = desk.asked[0][2]["timestamp"]

    assert abs(stamp - time.time() * 1000) < 60_000


# --- renewals


@pytest.mark.looptime
async def test_scope_of_a_refresh_token(memory: MemoryExchange, remember: Make) -> None:
    """A refresh token asks for its scope; of a token that stays the same the program is told nothing."""
    desk = Desk(memory, 100, "trade:read")
    told: list[str] = []
    auth = memory.answers["public/auth"]
    memory.answers["public/auth"] = lambda wire, request: auth(wire, request) | {"refresh_token": "r0"}
    async with remember(credentials=RefreshToken("r0", scope="trade:read", replaced=told.append)):
        pass

    assert (desk.asked[0][2]["scope"], told) == ("trade:read", [])


@pytest.mark.looptime
async def test_token_of_a_reduced_login(memory: MemoryExchange, remember: Make) -> None:
    """A new token is kept and told though the login that gave it was granted less than asked."""
    desk = Desk(memory, 100, "trade:read_write")
    told: list[str] = []
    key = RefreshToken("r0", scope="trade:read_write", replaced=told.append)
    async with remember(credentials=key) as client:
        desk.scope = "trade:read"
        await next_link(memory, client)
        await next_link(memory, client)

        assert [params["refresh_token"] for _, _, params in desk.asked] == ["r0", "r1", "r2"]
        assert told == ["r1", "r2", "r3"]


@pytest.mark.looptime
async def test_life_counts_from_the_question(memory: MemoryExchange, remember: Make) -> None:
    """Tokens are reckoned to live from when they were asked for, not from when they came."""
    desk = Desk(memory, 10)
    memory.answers["public/auth"] = later(5, memory.answers["public/auth"])
    async with remember(credentials=KEY):
        await asyncio.sleep(4)

        assert [round(at) for at, _, _ in desk.asked] == [0, 8]


@pytest.mark.looptime
async def test_no_refresh_token(memory: MemoryExchange, remember: Make) -> None:
    """A login that gave no refresh token is renewed from the start."""
    desk = Desk(memory, 100)
    auth = memory.answers["public/auth"]
    memory.answers["public/auth"] = lambda wire, request: auth(wire, request) | {"refresh_token": None}
    async with remember(credentials=KEY):
        await asyncio.sleep(85)

        assert desk.grants == ["client_credentials"] * 2


@pytest.mark.looptime
async def test_passing_refusals_outlast_the_tokens(memory: MemoryExchange, remember: Make) -> None:
    """A renewal put off until the tokens have ended is a login from the start."""
    desk = Desk(memory, 10)
    async with remember(credentials=KEY) as client:
        desk.refused["refresh_token"] = 11051
        await asyncio.sleep(12)

        assert desk.grants == ["client_credentials", "refresh_token", "refresh_token", "client_credentials"]
        assert await client.call(POSITIONS) == []


@pytest.mark.looptime
async def test_passing_refusal_of_a_later_login(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A later login that is refused for now is no AuthError: another link is made, and nobody is told."""
    desk = Desk(memory, 1000)
    async with remember(credentials=KEY) as client:
        desk.refused["client_credentials"] = 11051
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 3, 60)
        desk.refused.clear()
        await client.wait_connected()

        assert len(memory.wires[1].asked("public/auth")) == 1
        assert (await client.call(POSITIONS), ears.errors) == ([], [])


@pytest.mark.looptime
async def test_short_tokens_that_ended(memory: MemoryExchange, remember: Make) -> None:
    """A login whose time is over is to blame for a 13009, however young it is."""
    desk = Desk(memory, 4)
    async with remember(credentials=KEY) as client:
        desk.refused["refresh_token"] = MUTE
        await asyncio.sleep(4.5)

        assert await client.call(POSITIONS) == []


@pytest.mark.looptime
async def test_six_seconds_are_not_fresh(memory: MemoryExchange, remember: Make) -> None:
    """A login of more than 5 s may have ended early."""
    desk = Desk(memory, 1000)
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(6)
        desk.until = 0.0

        assert await client.call(POSITIONS) == []


@pytest.mark.looptime
async def test_one_waiter_gives_up(memory: MemoryExchange, remember: Make) -> None:
    """Of several calls that wait for one login, one whose deadline is first ends in time, the rest go on."""
    desk = Desk(memory, 1000)
    memory.answers["public/auth"] = later(2, memory.answers["public/auth"])
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(10)
        desk.until = 0.0
        memory.answers[POSITIONS] = lambda wire, request: (
            []
            if len(desk.asked) == 2 and asyncio.get_running_loop().time() > desk.asked[1][0] + 1.9
            else refuse()
        )
        began = asyncio.get_running_loop().time()
        patient = asyncio.create_task(client.call(POSITIONS))
        with pytest.raises(AuthError):
            await client.call(POSITIONS, timeout=0.5)

        assert asyncio.get_running_loop().time() - began == pytest.approx(0.5, abs=0.01)
        assert await patient == []


def refuse() -> Any:
    raise Refused(13009)


@pytest.mark.looptime
async def test_deadline_spans_both_tries(memory: MemoryExchange, remember: Make) -> None:
    """A call that was made again after a login still ends by its own deadline."""
    desk = Desk(memory, 1000)
    memory.answers["public/auth"] = later(2, memory.answers["public/auth"])
    tries = itertools.count()
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(10)
        memory.answers["private/buy"] = lambda wire, request: MUTE if next(tries) else refuse()
        began = asyncio.get_running_loop().time()
        with pytest.raises(CallTimeout):
            await client.call("private/buy", timeout=3)

        assert asyncio.get_running_loop().time() - began == pytest.approx(3, abs=0.01)
        assert len(desk.asked) == 2


@pytest.mark.looptime
async def test_other_refusals_bring_no_login(memory: MemoryExchange, remember: Make) -> None:
    """A private call that is refused for another reason than the login raises, and asks for no login."""
    desk = Desk(memory, 1000)
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(10)
        memory.answers["private/buy"] = refusing(13021)
        with pytest.raises(AuthError):
            await client.call("private/buy")

        assert len(desk.asked) == len(memory.wire.asked("private/buy")) == 1


@pytest.mark.looptime
async def test_refused_for_good_with_a_long_token(memory: MemoryExchange, remember: Make) -> None:
    """Once refused, a minute later it is a login from the start, whatever is left of the old tokens; and
    cancel-on-disconnect is armed with it, not before."""
    desk = Desk(memory, 1000)
    async with remember(credentials=KEY, cancel_on_disconnect=True):
        desk.refused = {"refresh_token": 13004, "client_credentials": 13004}
        await asyncio.sleep(830)
        assert len(memory.wire.asked(ARM)) == 1
        desk.refused = {}
        await asyncio.sleep(40)

        assert desk.grants[-1] == "client_credentials"
        assert len(memory.wire.asked(ARM)) == 2


@pytest.mark.looptime
async def test_scope_while_down(memory: MemoryExchange, remember: Make) -> None:
    """While there is no connection there is no login, and so no scope."""
    Desk(memory, 1000)
    async with remember(credentials=KEY) as client:
        memory.dial_seconds = 5.0
        memory.wire.drop()
        await until(lambda: client.state is State.CONNECTING, 60)

        assert client.scope is None


# --- what is rebuilt


@pytest.mark.looptime
async def test_liveness_first(memory: MemoryExchange, remember: Make) -> None:
    """The heartbeat is armed before the login, so that one that stalls is found."""
    Desk(memory, 1000)
    async with remember(credentials=KEY):
        assert memory.wire.methods[:2] == ["public/set_heartbeat", "public/auth"]


@pytest.mark.looptime
async def test_arming_refused_for_now(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """Arming that is refused for now is a reason for another link, and nothing is barred."""
    Desk(memory, 1000)
    async with remember(credentials=KEY, cancel_on_disconnect=True) as client:
        memory.answers[ARM] = refusing(11051)
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 3, 60)
        del memory.answers[ARM]
        await client.wait_connected()

        assert (await client.call("private/buy"), ears.errors) == ([], [])


@pytest.mark.looptime
async def test_arming_refused_is_told_once(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """Arming that is refused on one link after the other is told once, and anew after one that armed."""
    Desk(memory, 1000)
    async with remember(credentials=KEY, cancel_on_disconnect=True) as client:
        for _ in range(2):
            memory.answers[ARM] = refusing(13021)
            for _ in range(2):
                await next_link(memory, client)
            del memory.answers[ARM]
            await next_link(memory, client)

        assert [type(error) for error in ears.errors] == [AuthError] * 2


@pytest.mark.looptime
async def test_armed_before_anything_acts(memory: MemoryExchange, remember: Make) -> None:
    """After a time without a login, what acts waits until cancel-on-disconnect is armed again."""
    desk = Desk(memory, 1000)
    async with remember(credentials=KEY, cancel_on_disconnect=True) as client:
        await asyncio.sleep(10)
        desk.until = 0.0
        memory.answers[ARM] = later(1, lambda wire, request: "ok")
        began = asyncio.get_running_loop().time()
        await client.call("private/buy")

        assert asyncio.get_running_loop().time() - began == pytest.approx(1, abs=0.01)


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("scope", "asked"), [("account:read", [0, 3600]), ("trade:read_write", []), ("account:none", [])]
)
async def test_limits_are_learnt(
    memory: MemoryExchange, remember: Make, scope: str, asked: list[int]
) -> None:
    """Where the key may, the account's own rates are read once an hour, and used."""
    Desk(memory, 100_000, scope)
    limits = {"limits": {"non_matching_engine": {"rate": 200, "burst": 1000}}}
    memory.answers[SUMMARY] = lambda wire, request: limits
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(10)
        await next_link(memory, client)
        await asyncio.sleep(7000)

        assert [round(at, -1) for wire in memory.wires for at in wire.asked(SUMMARY)] == asked
        assert (client.limits.pools["non_matching_engine"].rate == 200) is bool(asked)


# --- calls


@pytest.mark.looptime
async def test_odd_results(memory: MemoryExchange, remember: Make) -> None:
    """A result of another type is a WireError where it was read, and OutcomeUnknown where it acted."""
    Desk(memory, 1000)
    memory.answers["public/get_time"] = memory.answers["private/cancel_all"] = lambda wire, request: {"n": 1}
    async with remember(credentials=KEY) as client:
        with pytest.raises(WireError):
            await client.public.get_time()
        with pytest.raises(OutcomeUnknown):
            await client.private.cancel_all()

        assert await client.call("public/get_time") == {"n": 1}


@pytest.mark.looptime
async def test_rate_limited_and_then_down(memory: MemoryExchange, remember: Make) -> None:
    """A read that was one too many, and whose link did not come back in time, says so."""
    memory.answers["public/get_time"] = refusing(10028)
    async with remember() as client:
        memory.refusals.extend([ConnectFailed("down")] * 50)
        reading = asyncio.create_task(client.call("public/get_time", timeout=20))
        await asyncio.sleep(0.1)
        memory.wire.drop()
        with pytest.raises(RateLimited):
            await reading


@pytest.mark.looptime
async def test_what_an_error_says(memory: MemoryExchange, remember: Make) -> None:
    """An error says of its own method whether it may be repeated, and what kind of trouble it is."""
    memory.answers["private/buy"] = memory.answers["public/get_time"] = refusing(11094)
    async with remember() as client:
        ends = await asyncio.gather(
            *map(client.call, ("private/buy", "public/get_time")), return_exceptions=True
        )

        assert [(e.retryable, e.kind.name) for e in ends if isinstance(e, RpcError) and e.kind] == [
            (False, "TRANSIENT"),
            (True, "TRANSIENT"),
        ]


@pytest.mark.looptime
async def test_stray_rate_limit(memory: MemoryExchange, remember: Make, ears: Ears) -> None:
    """A rate limit that answers no call slows calls down all the same."""
    async with remember() as client:
        memory.wire.say(error={"code": 10028, "message": "too_many_requests"})
        await asyncio.sleep(0.1)

        assert client.limits.paused > 4
        assert [type(error) for error in ears.errors] == [RateLimited]


@pytest.mark.looptime
async def test_sign_of_life_costs(memory: MemoryExchange, remember: Make) -> None:
    """The answer to a heartbeat is counted against the credits."""
    async with remember() as client:
        await asyncio.sleep(10)
        before = client.limits.pools["non_matching_engine"].left
        memory.wire.test_request()
        await asyncio.sleep(0.001)

        assert client.limits.pools["non_matching_engine"].left < before - 0.9


@pytest.mark.looptime
async def test_patience_while_rebuilding(memory: MemoryExchange, remember: Make) -> None:
    """Rebuilding waits for credits beyond the time of an answer, which is counted from its sending."""
    client = remember()
    client.register("weather", lambda data: None)
    async with client:
        for _ in range(50):
            client._limits.spend("public/subscribe")
        memory.answers["public/subscribe"] = later(6, memory.answers["public/subscribe"])
        memory.wire.drop()
        await until(lambda: len(memory.wires) == 2, 60)
        await asyncio.sleep(30)

        assert (len(memory.wires), client.state) == (2, State.CONNECTED)


# --- managed


@pytest.mark.looptime
async def test_heartbeat_by_its_methods(memory: MemoryExchange, remember: Make) -> None:
    """The next link has the heartbeat last set with success, and none once it was disabled."""
    async with remember() as client:
        memory.answers["public/set_heartbeat"] = refusing(11029)
        with pytest.raises(RpcError):
            await client.call("public/set_heartbeat", interval=30)
        del memory.answers["public/set_heartbeat"]
        wire = await next_link(memory, client)
        assert wire.requests[0][1]["params"] == {"interval": 10}
        await client.call("public/disable_heartbeat")

        assert (await next_link(memory, client)).asked("public/set_heartbeat") == []


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("method", "params", "again"),
    [
        (ARM, {}, [ARM]),
        (ARM, {"scope": "connection"}, [ARM]),
        (ARM, {"scope": "account"}, []),
        (DISARM, {}, [DISARM]),
        (DISARM, {"scope": "account"}, []),
    ],
)
async def test_arming_by_hand(
    memory: MemoryExchange, remember: Make, method: str, params: Any, again: list[str]
) -> None:
    """What was set for the connection is set on the next; what was set for the account is the account's."""
    Desk(memory, 1000)
    async with remember(credentials=KEY) as client:
        await client.call(method, params)
        wire = await next_link(memory, client)

        assert [name for name in wire.methods if name in (ARM, DISARM)] == again


@pytest.mark.looptime
@pytest.mark.parametrize(("params", "said"), [({}, True), ({"invalidate_token": False}, False)])
async def test_logout_by_name(memory: MemoryExchange, remember: Make, params: Any, said: bool) -> None:
    """By its name a logout does the same: tokens end with it unless told otherwise."""
    Desk(memory, 1000)

    def leave(wire: Wire, _: Message) -> Any:
        wire.drop(1000)
        return MUTE

    memory.answers["private/logout"] = leave
    async with remember(credentials=KEY) as client:
        await client.call("private/logout", params)

        assert memory.wire.requests[-1][1]["params"] == {"invalidate_token": said}
        assert client.state is State.CLOSED


@pytest.mark.looptime
async def test_logout_that_failed(memory: MemoryExchange, remember: Make) -> None:
    """A logout that was refused, or could not be sent, leaves the client as it was, to go on after a drop."""
    Desk(memory, 1000)
    memory.answers["private/logout"] = refusing(13021)
    async with remember(credentials=KEY) as client:
        with pytest.raises(RpcError):
            await client.logout()
        memory.dial_seconds = 1.0
        memory.wire.drop()
        await until(lambda: client.state is State.CONNECTING, 60)
        with pytest.raises(RequestNotSent):
            await client.logout()
        await client.wait_connected()

        assert await client.call(POSITIONS) == []


@pytest.mark.looptime
async def test_channels_are_a_list(memory: MemoryExchange, remember: Make) -> None:
    """One text in place of a list of channels is a UsageError, and nothing is subscribed."""
    async with remember() as client:
        for channels in ("weather", None, 3):
            with pytest.raises(UsageError, match="list"):
                await client.call("public/subscribe", channels=channels)

        assert memory.wire.asked("public/subscribe") == []


@pytest.mark.looptime
async def test_unsubscribe_all_is_of_one_scope(memory: MemoryExchange, remember: Make) -> None:
    """`private/unsubscribe_all` lets go of private channels only, and is not sent as it is."""
    Desk(memory, 1000)
    async with remember(credentials=KEY) as client:
        await client.subscribe(ORDERS, BOOK)
        await client.call("private/unsubscribe_all")

        assert client.subscribed == {BOOK}
        assert memory.wire.asked("private/unsubscribe_all") == []


# --- what came with the numbered logins


@pytest.mark.looptime
async def test_blame_ends_with_the_link(memory: MemoryExchange, remember: Make) -> None:
    """A method that no login mended asks for one again on the next link."""
    desk = Desk(memory, 1000)
    async with remember(credentials=KEY) as client:
        await asyncio.sleep(10)
        memory.answers[POSITIONS] = refusing(13009)
        with pytest.raises(AuthError):
            await client.call(POSITIONS)
        memory.answers[POSITIONS] = desk.private
        await next_link(memory, client)
        await asyncio.sleep(10)
        desk.until = 0.0

        assert await client.call(POSITIONS) == []


@pytest.mark.looptime
async def test_refused_before_a_renewal(memory: MemoryExchange, remember: Make) -> None:
    """A 13009 asked for before a renewal is no reason for another: the call is made again as it is."""
    desk = Desk(memory, 1000)
    loop = asyncio.get_running_loop()
    async with remember(credentials=KEY) as client:

        def private(wire: Wire, request: Message) -> Any:
            if len(desk.asked) > 1:
                return []
            error = {"code": 13009, "message": "unauthorized"}
            loop.call_later(20, lambda: wire.say(id=request["id"], error=error))
            return MUTE

        memory.answers[POSITIONS] = private
        await asyncio.sleep(790)

        assert await client.call(POSITIONS) == []
        assert desk.grants == ["client_credentials", "refresh_token"]


@pytest.mark.looptime
async def test_no_life_to_speak_of(memory: MemoryExchange, remember: Make) -> None:
    """However short the life of tokens is, they are renewed no more than twice a second."""
    desk = Desk(memory, 0.01)
    async with remember(credentials=KEY):
        await asyncio.sleep(10)

        assert 15 <= len(desk.asked) <= 21
