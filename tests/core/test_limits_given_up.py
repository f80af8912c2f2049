"""Requests that ended without an answer: they may arrive yet, and are paid for then; in virtual time."""

import asyncio

import pytest

from deribit_ws.errors import CallTimeout, OutcomeUnknown, RpcError, UsageError, WireError
from deribit_ws.limits import Limits
from tests.core.traffic import CANCEL, FOREVER, READ, Traffic, now, taken

pytestmark = pytest.mark.looptime


async def given_up(limits: Limits, traffic: Traffic, count: int = 86) -> None:
    """Send so many reads at once, of which none is answered, and give up on them a second later."""
    for number in range(count):
        traffic.send(f"given up {number}", READ, answered=False)
    await asyncio.sleep(1)
    for number in range(count):
        if number % 2:
            traffic.cancel(f"given up {number}")
        else:
            traffic.fail(f"given up {number}", CallTimeout("late"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_given_up_but_on_its_way(limits: Limits, traffic: Traffic) -> None:
    """What ended without an answer may arrive yet: for 20 s nothing is sent in its place."""
    await given_up(limits, traffic)
    for number in range(100):
        traffic.send(f"patient {number}", READ)
        traffic.send(f"hasty {number}", READ, deadline=now() + 10)
    await asyncio.sleep(19.9)

    assert len(traffic.went) == 86
    assert limits.snapshot().pools["non_matching_engine"].left == pytest.approx(10.0)
    await asyncio.sleep(1.1)
    assert len(traffic.went) == 86 + 19


@pytest.mark.parametrize("how", ["answer", "refusal", "disconnected", "arrived"])
async def test_arrived_after_all(limits: Limits, traffic: Traffic, how: str) -> None:
    """Once a later request was answered, whatever it was, or the link is gone, the pools refill."""
    await given_up(limits, traffic)
    traffic.send("next", READ)
    traffic.send("cancel", CANCEL, answered=False)
    await asyncio.sleep(1)
    match how:
        case "answer":
            traffic.answer("cancel")
        case "refusal":
            traffic.fail("cancel", RpcError(11044, "not_open_order"))
        case "disconnected":
            limits.disconnected()
        case _:  # the answer to one that nobody awaits any more
            limits.arrived(86)
    await asyncio.sleep(0.5)

    assert traffic.when("next") == pytest.approx(2.0 + 1 / 19.6, abs=0.002)


async def test_answers_out_of_order(limits: Limits, traffic: Traffic) -> None:
    """An answer shows that what was sent before it arrived, not what was sent after it."""
    for name in ("before", "answered", "after"):
        traffic.send(name, READ, answered=False)
    await asyncio.sleep(0)
    for name in ("before", "after"):
        traffic.cancel(name)
    await asyncio.sleep(0)
    traffic.answer("answered")
    await asyncio.sleep(10)

    assert limits.snapshot().pools["non_matching_engine"].left == 95.0


async def test_a_login_after_a_stall(limits: Limits, traffic: Traffic) -> None:
    """When a link is given up with all it held back, the next one's login needn't wait for that."""
    await given_up(limits, traffic)
    for number in range(8):
        traffic.send(f"login {number}", ("public/auth", {}), answered=False)
    await asyncio.sleep(1)
    for number in range(8):
        traffic.fail(f"login {number}", CallTimeout("late"))
    await asyncio.sleep(1)
    limits.disconnected()
    traffic.send("login", ("public/auth", {}))
    await asyncio.sleep(1)

    assert traffic.when("login") == pytest.approx(3.0 + 1 / 19.6, abs=0.002)


@pytest.mark.parametrize("error", [CallTimeout("late"), ValueError("a fault of ours")])
async def test_held_by_what_may_be_on_its_way(limits: Limits, error: Exception) -> None:
    """Only what was answered, lost with its link or never sent is free at once."""
    for free in (RpcError(10009, "not_enough_funds"), OutcomeUnknown("lost"), WireError("?", raw=b"?")):
        with pytest.raises(type(free)):
            async with limits.turn(*READ, deadline=FOREVER):
                raise free
    with taken(limits) as took, pytest.raises(UsageError):
        async with limits.turn(*READ, deadline=FOREVER):
            raise UsageError("no JSON")
    with pytest.raises(type(error)):
        async with limits.turn(*READ, deadline=FOREVER):
            raise error
    await asyncio.sleep(10)

    assert took == {}
    assert limits.snapshot().pools["non_matching_engine"].left == 95.0
    await asyncio.sleep(11)
    assert limits.snapshot().pools["non_matching_engine"].left == 96.0
