"""Heartbeats, what comes of leaving them unanswered, and the idle cut. Times are scaled down."""

import asyncio

import aiohttp
import pytest

from deribit_ws.testing import SimulatedExchange
from deribit_ws.testing.pulse import BEAT_DELAY, FIRST_BEAT, IDLE_CUT
from tests.testing.conftest import Build, Dial
from tests.testing.peer import Peer

SCALE = 0.005  # an interval of 10 s becomes 50 ms


@pytest.fixture
async def exchange(build: Build) -> SimulatedExchange:
    return await build(heartbeat_scale=SCALE)


async def next_kind(peer: Peer) -> str:
    message = await peer.socket.receive_json()
    assert message["method"] == "heartbeat"
    kind: str = message["params"]["type"]
    return kind


async def test_heartbeats_come_in_pairs_on_an_idle_socket(peer: Peer) -> None:
    """Each interval an idle socket gets a heartbeat and a test_request, and lives on if it answers."""
    loop = asyncio.get_running_loop()
    await peer.result("public/set_heartbeat", interval=10)
    since, times = loop.time(), list[float]()
    for _ in range(3):
        assert [await next_kind(peer), await next_kind(peer)] == ["heartbeat", "test_request"]
        times.append((loop.time() - since) / SCALE)
        await peer.result("public/test")

    assert times[0] >= 10 * FIRST_BEAT - 1
    assert times[2] - times[1] >= 10 + BEAT_DELAY - 2


async def test_a_busy_socket_gets_only_test_requests(exchange: SimulatedExchange, peer: Peer) -> None:
    """Where data has flowed, the heartbeat message is left out."""
    await peer.result("public/set_heartbeat", interval=10)
    await peer.subscribe("quote.BTC-PERPETUAL")
    await peer.said()

    assert await next_kind(peer) == "test_request"


async def test_an_unanswered_test_request_closes(exchange: SimulatedExchange, peer: Peer) -> None:
    """One interval after an unanswered test_request the socket closes with 4000."""
    loop = asyncio.get_running_loop()
    await peer.result("public/set_heartbeat", interval=10)
    since = loop.time()
    message = await peer.ending()

    assert (message.data, message.extra) == (4000, "heartbeat close")
    assert (loop.time() - since) / SCALE >= 21
    assert [(drop.connection, drop.fault.code) for drop in exchange.ledger.drops] == [(1, 4000)]


async def test_other_requests_are_no_answer(peer: Peer) -> None:
    """Only public/test answers a test_request."""
    await peer.result("public/set_heartbeat", interval=10)
    while (await peer.socket.receive_json())["params"]["type"] != "test_request":
        pass
    await peer.ask("public/get_time")

    assert (await peer.ending()).data == 4000


async def test_heartbeats_can_be_switched_off(exchange: SimulatedExchange, peer: Peer) -> None:
    """After disable_heartbeat none comes, and nothing is asked."""
    await peer.result("public/set_heartbeat", interval=10)
    await peer.result("public/disable_heartbeat")
    message = await peer.ending()

    assert message.type is aiohttp.WSMsgType.CLOSED  # the idle cut, much later
    assert peer.socket.close_code == 1006


async def test_an_idle_socket_is_cut(exchange: SimulatedExchange, peer: Peer) -> None:
    """A socket that says and subscribes nothing ends after a minute, without a close frame."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    await peer.ending()

    assert peer.socket.close_code == 1006
    assert (loop.time() - since) / SCALE >= IDLE_CUT - 5


async def test_a_subscription_keeps_a_quiet_socket(exchange: SimulatedExchange, dial: Dial) -> None:
    """A socket with one silent subscription outlives one with none."""
    subscribed, idle = await dial(exchange), await dial(exchange)
    await subscribed.subscribe("platform_state")
    await idle.ending()
    await idle.socket.close()

    assert await subscribed.result("public/test")
