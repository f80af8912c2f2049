"""Checks against a simulated exchange: one that keeps its promises, and ones that break them."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from deribit_ws.testing import (
    Drop,
    DropChannels,
    DropOnRequest,
    FailRequest,
    Fault,
    Garble,
    SimulatedExchange,
    SkipChange,
    SkipSnapshot,
)
from tests.testnet.conftest import Build, judge
from tools.testnet.catalogue import CHECKS
from tools.testnet.checks import Needs

TICKER = "ticker.BTC-PERPETUAL.100ms"
BOOK = "book.BTC-PERPETUAL.100ms"
pytestmark = pytest.mark.looptime  # sockets on loopback are quick enough for it: see its cycles without time

# Where the simulated exchange is known to differ from what is believed of the real one.
KNOWN = {"compression-offered", "first-messages/incremental_ticker.BTC-PERPETUAL"}


async def test_nothing_is_refuted_on_an_exchange_that_keeps_its_promises(build: Build) -> None:
    """Of an exchange that does as believed nothing is refuted but what it is known to do otherwise."""
    exchange = await build(extra_options=300)
    verdicts = await judge(exchange, seconds=90)

    refuted = {name: seen for name, (verdict, seen) in verdicts.items() if verdict == "REFUTED"}
    assert refuted.keys() <= KNOWN, refuted
    confirmed = {name.partition("/")[0] for name, (verdict, _) in verdicts.items() if verdict == "CONFIRMED"}
    assert len(confirmed) >= 40
    assert all("could not read" not in seen for _, seen in verdicts.values()), verdicts
    assert not exchange.ledger.refusals_of(10028)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (FailRequest("public/get_no_such_thing", 10001), "unknown-method"),
        (FailRequest("public/subscribe", 10001), "raw-without-a-login"),
        (FailRequest("public/get_time", 10001), "id-as-text"),
        (FailRequest("private/get_positions", 13021), "login-lifts-the-token"),
        (FailRequest("private/subscribe", 13021), "private-subscribe-without-a-login"),
        (FailRequest("public/auth", 13009), "wrong-secret"),
        (DropChannels(TICKER), "bad-channels-are-left-out/some"),
        (SkipSnapshot(BOOK, times=2), "fresh-subscribe-gives-a-snapshot"),
        (SkipChange(BOOK), "book-chain/chain"),
        (Garble("quote.BTC-PERPETUAL", kind="wrong_shape"), "drift-channels/quote.{instrument_name}"),
        (DropChannels("quote.BTC-PERPETUAL"), "drift-channels/quote.{instrument_name}"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_broken_promises_are_refuted(build: Build, fault: Fault, name: str) -> None:
    """A check says REFUTED of an exchange that breaks the promise it is about."""
    exchange = await build()
    exchange.inject(fault)

    verdicts = await judge(exchange, name.partition("/")[0])

    assert verdicts[name][0] == "REFUTED", verdicts


async def published(exchange: SimulatedExchange, channel: str, data: Any, seconds: float) -> None:
    """Say something on a channel again and again, as long as a check listens."""
    async with asyncio.timeout(seconds):
        while True:
            exchange.publish(channel, data)
            await asyncio.sleep(0.05)


async def test_unknown_fields_are_named(build: Build) -> None:
    """A field that no struct knows is named, with where it stands."""
    exchange = await build()
    data = {"price_index": "btc_usd", "locked": True, "more": {"deep": 1}, "reasons": []}
    saying = asyncio.create_task(published(exchange, "platform_state", data, 20))
    verdicts = await judge(exchange, "drift-channels")
    saying.cancel()

    assert verdicts["drift-channels/platform_state"] == ("REFUTED", "unknown fields: more")


async def test_data_before_the_answer(build: Build) -> None:
    """Where data overtake the answer that is told, and the other checks miss none of them."""
    exchange = await build(shuffle_answers=True)
    verdicts = await judge(exchange, "data-and-the-answer", "empty-side", "fresh-subscribe-gives-a-snapshot")

    assert verdicts["data-and-the-answer"][0] == "REFUTED"
    assert verdicts["empty-side"][0] == "CONFIRMED"
    assert verdicts["fresh-subscribe-gives-a-snapshot"][0] == "CONFIRMED"


async def test_second_snapshot_is_seen(build: Build) -> None:
    """A book that begins anew, though it is subscribed to already, refutes that it does not."""
    exchange = await build()
    saying = asyncio.create_task(published(exchange, BOOK, {"type": "snapshot", "bids": [], "asks": []}, 20))
    verdicts = await judge(exchange, "second-subscribe-gives-no-snapshot")
    saying.cancel()

    assert verdicts["second-subscribe-gives-no-snapshot"][0] == "REFUTED"


async def test_label_is_found_where_it_is(build: Build) -> None:
    """A private notification without its label refutes that it comes back."""
    exchange = await build()
    saying = asyncio.create_task(published(exchange, "user.portfolio.any", {"currency": "BTC"}, 20))
    verdicts = await judge(exchange, "place-of-the-label")
    saying.cancel()

    assert verdicts["place-of-the-label"] == ("REFUTED", "label found: nowhere")


@pytest.mark.parametrize(("kept", "verdict"), [(False, "CONFIRMED"), (True, "REFUTED")])
async def test_channels_of_a_token_that_ran_out(build: Build, kept: bool, verdict: str) -> None:
    """Whether private channels outlive their token is told from what unsubscribing removes."""
    exchange = await build(private_outlives_token=kept)
    verdicts = await judge(exchange, "token-runs-out", seconds=20)

    assert verdicts["token-runs-out/channels"][0] == verdict, verdicts
    assert verdicts["token-runs-out/calls"][0] == "CONFIRMED"


HEARTBEATS = ("heartbeat-timing", "heartbeat-unanswered", "idle-cut", "subscribed-socket-is-not-cut")


async def test_heartbeats_in_time_are_confirmed(build: Build) -> None:
    """Heartbeats, the close 4000 and the idle cut are confirmed where they come when they should."""
    verdicts = await judge(await build(autoplay=False), *HEARTBEATS, seconds=90)

    assert {verdict for verdict, _ in verdicts.values()} == {"CONFIRMED"}, verdicts


async def test_heartbeats_out_of_time_are_refuted(build: Build) -> None:
    """The same are refuted where they come half as late as they should."""
    exchange = await build(autoplay=False, heartbeat_scale=0.5)
    verdicts = await judge(exchange, *HEARTBEATS[:3], seconds=90)

    for name in ("heartbeat-timing/first", "heartbeat-timing/next", "heartbeat-unanswered", "idle-cut"):
        assert verdicts[name][0] == "REFUTED", verdicts


async def test_too_many_sessions(build: Build) -> None:
    """With consent, the 17th session of a key is seen to remove the oldest."""
    exchange = await build()
    verdicts = await judge(exchange, "seventeenth-session", may_act=True)

    assert verdicts["seventeenth-session"][0] == "CONFIRMED", verdicts


async def test_lost_connection_decides_nothing(build: Build) -> None:
    """A connection that breaks under a check leaves it undecided, and says so."""
    exchange = await build()
    exchange.inject(DropOnRequest("public/get_time", Drop.rst()))

    verdict, seen = (await judge(exchange, "id-as-text"))["id-as-text"]

    assert verdict == "UNDECIDED"
    assert "connection lost (1006" in seen


WITHOUT: list[tuple[dict[str, Any], Callable[[Any], bool], str]] = [
    ({"logged_in": False}, lambda check: check.needs is not Needs.NOTHING, "no credentials"),
    ({}, lambda check: check.needs is Needs.CONSENT, "--orders was not given"),
    ({}, lambda check: check.takes > 2 and check.needs is not Needs.CONSENT, "--seconds allows 1.5"),
]


@pytest.mark.parametrize(("terms", "meant", "why"), WITHOUT, ids=["login", "orders", "seconds"])
async def test_what_is_not_allowed_is_not_done(
    build: Build, terms: dict[str, Any], meant: Callable[[Any], bool], why: str
) -> None:
    """Without a login, consent or time, the checks that need it connect nowhere and say why."""
    exchange = await build()
    names = [check.name for check in CHECKS if meant(check)]
    verdicts = await judge(exchange, *names, **terms)

    assert names
    assert all(verdict == "UNDECIDED" and why in seen for verdict, seen in verdicts.values()), verdicts
    assert not exchange.ledger.handshakes


def test_checks_are_told_apart() -> None:
    """Every check has a name of its own, a claim and the section of the facts it is about."""
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert re.fullmatch(r"§\d+(\.\d+)?(, §\d+(\.\d+)?)*", check.facts), check
        assert check.claim, check
