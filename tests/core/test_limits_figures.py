"""An account's own figures: what is learned, and which budgets hold then; in virtual time."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from deribit_ws.limits import Limits
from tests.core.traffic import (
    BUY,
    BUY_ETH,
    BUY_SPOT,
    CANCEL,
    COMBO,
    LINEAR,
    QUOTE,
    Request,
    Traffic,
    goes_at_once,
    taken,
    too_many,
)

pytestmark = pytest.mark.looptime

TESTNET = {  # as a new account of 2026 is told
    "matching_engine": {
        "block_rfq_maker": {"rate": 10, "burst": 20},
        "cancel_all": {"rate": 5, "burst": 20},
        "guaranteed_mass_quotes": {"rate": 2, "burst": 2},
        "maximum_mass_quotes": {"rate": 10, "burst": 10},
        "maximum_quotes": {"rate": 500, "burst": 500},
        "spot": {"rate": 5, "burst": 20},
        "trading": {"total": {"rate": 5, "burst": 20}},
    },
    "limits_per_currency": False,
    "non_matching_engine": {"rate": 20, "burst": 100},
}
PER_CURRENCY = {
    "limits_per_currency": True,
    "matching_engine": {
        "spot": {"rate": 200, "burst": 250},
        "btc": {
            "maximum_mass_quotes": {"rate": 10, "burst": 10},
            "maximum_quotes": {"rate": 500, "burst": 500},
            "trading": {"perpetuals": {"rate": 10, "burst": 20}, "total": {"rate": 100, "burst": 150}},
        },
        "eth": {"trading": {"total": {"rate": 200, "burst": 250}}},
    },
}


def figures(limits: Limits) -> dict[str, tuple[float, float]]:
    return {name: (pool.rate, pool.burst) for name, pool in limits.snapshot().pools.items()}


async def test_learned(limits: Limits) -> None:
    """What the account is granted replaces the defaults; quotes of a block RFQ get a pool of their own."""
    assert goes_at_once(limits, ("private/add_block_rfq_quote", {}))
    limits.learn(TESTNET)

    assert figures(limits) == {
        "non_matching_engine": (20, 100),
        "get_instruments": (1, 50),
        "subscribe": (pytest.approx(3.3333, abs=1e-4), 10),
        "get_transaction_log": (1, 8),
        "move_positions": (0.1, 6),
        "trading": (5, 20),
        "spot": (5, 20),
        "cancel_all": (5, 20),
        "maximum_mass_quotes": (10, 10),
        "maximum_quotes": (500, 500),
        "guaranteed_mass_quotes": (2, 2),
        "block_rfq_maker": (10, 20),
    }
    with taken(limits) as took:
        assert goes_at_once(limits, ("private/add_block_rfq_quote", {}))
    assert took == {"block_rfq_maker": 1.0}


@pytest.mark.parametrize(
    ("request_", "pools"),
    [
        (BUY, {"btc.trading", "btc.trading.perpetuals"}),
        (("private/buy", {"instrument_name": "BTC-27NOV26"}), {"btc.trading"}),
        (("private/buy", {"instrument_name": "BTC-27NOV26-90000-C"}), {"btc.trading"}),
        (("private/buy", COMBO), {"btc.trading", "btc.trading.perpetuals", "spot"}),
        (BUY_ETH, {"eth.trading"}),
        (("private/buy", LINEAR), {"trading"}),
        (BUY_SPOT, {"spot"}),
        (CANCEL, {"btc.trading", "btc.trading.perpetuals", "spot"}),
        (
            ("private/cancel", {"order_id": "OTO-1"}),
            {"btc.trading", "btc.trading.perpetuals", "eth.trading", "spot"},
        ),
        (
            ("private/mass_quote", {"quotes": [QUOTE]}),
            {"btc.maximum_mass_quotes", "btc.maximum_quotes"},
        ),
    ],
)  # fmt: skip
async def test_per_currency(limits: Limits, request_: Request, pools: set[str]) -> None:
    """Where an account has limits per currency, those hold; the common ones where a currency has none."""
    limits.learn(PER_CURRENCY)
    with taken(limits) as took:
        assert goes_at_once(limits, request_)

    assert set(took) == pools


MANY = {"rate": 200, "burst": 250}
WHOLLY_PER_CURRENCY = {
    "limits_per_currency": True,
    "matching_engine": {
        currency: {"trading": {"total": MANY}, "spot": MANY, "cancel_all": MANY, "maximum_quotes": MANY}
        for currency in ("btc", "eth", "usdc")
    },
}
FLAT = {"matching_engine": {"rate": 30, "burst": 100}}
NO_SPOT = {"matching_engine": {"trading": {"total": MANY}, "cancel_all": MANY}}
KINDS_ONLY = {"matching_engine": {"btc": {"trading": {"perpetuals": MANY, "futures": MANY}}}}
OF_ANYTHING = ("private/cancel", {"order_id": "OTO-1"})
ALL_ORDERS: Request = ("private/cancel_all", {})


@pytest.mark.parametrize(
    ("told", "request_", "pools"),
    [
        (WHOLLY_PER_CURRENCY, CANCEL, {"btc.trading", "btc.spot"}),
        (
            WHOLLY_PER_CURRENCY,
            OF_ANYTHING,
            {"btc.trading", "eth.trading", "usdc.trading", "btc.spot", "eth.spot", "usdc.spot"},
        ),
        (WHOLLY_PER_CURRENCY, ALL_ORDERS, {"btc.cancel_all", "eth.cancel_all", "usdc.cancel_all"}),
        (WHOLLY_PER_CURRENCY, BUY_SPOT, {"btc.spot", "usdc.spot"}),
        (
            WHOLLY_PER_CURRENCY,
            ("private/mass_quote", {"quotes": [QUOTE]}),
            {"btc.trading", "btc.maximum_quotes"},
        ),
        *((FLAT, each, {"trading"}) for each in (BUY, BUY_SPOT, CANCEL, OF_ANYTHING, ALL_ORDERS)),
        (FLAT, ("private/mass_quote", {"quotes": [QUOTE]}), {"trading"}),
        *((NO_SPOT, each, {"trading"}) for each in (BUY, BUY_SPOT, CANCEL, OF_ANYTHING)),
        (NO_SPOT, ALL_ORDERS, {"cancel_all"}),
        (KINDS_ONLY, BUY, {"btc.trading.perpetuals"}),
        (KINDS_ONLY, CANCEL, {"btc.trading.perpetuals", "btc.trading.futures"}),
        (KINDS_ONLY, BUY_ETH, {"trading"}),
    ],
)
async def test_nothing_but_its_own(
    limits: Limits, told: dict[str, Any], request_: Request, pools: set[str]
) -> None:
    """Once an account's figures are known, what it doesn't name is no brake beside what it does."""
    limits.learn(told)
    with taken(limits) as took:
        assert goes_at_once(limits, request_)

    assert set(took) == pools


@pytest.mark.parametrize("told", [WHOLLY_PER_CURRENCY, FLAT, NO_SPOT])
@pytest.mark.parametrize("request_", [CANCEL, ("private/cancel", {"order_id": "ETH-7"}), ALL_ORDERS])
async def test_cancels_at_the_accounts_pace(
    limits: Limits, traffic: Traffic, told: dict[str, Any], request_: Request
) -> None:
    """Sixty cancels at once go at once where the account has a burst for them."""
    limits.learn(told)
    await asyncio.sleep(5)
    for number in range(60):
        traffic.send(str(number), request_)
    await asyncio.sleep(0.1)

    assert len(traffic.went) == 60


async def test_other_budgets_for_those_in_line(limits: Limits, traffic: Traffic) -> None:
    """Those in line for a default wait for the account's own budgets once these are known, in their order."""
    for number in range(60):
        traffic.send(str(number), (CANCEL, OF_ANYTHING)[number % 2])
    await asyncio.sleep(0.1)
    limits.learn(WHOLLY_PER_CURRENCY)
    await asyncio.sleep(0.3)

    assert traffic.names == [str(number) for number in range(60)]
    assert limits.snapshot().pools["btc.trading"].left < 60


async def test_new_pools_are_not_full(limits: Limits) -> None:
    """What was charged to a default is missing in the account's own pool: that begins where it stood."""
    for _ in range(12):
        assert goes_at_once(limits, BUY)
    limits.learn(WHOLLY_PER_CURRENCY)
    pools = limits.snapshot().pools

    assert pools["btc.trading"].left == pytest.approx(7.0)
    assert pools["btc.spot"].left == pytest.approx(19.0)


@pytest.mark.parametrize(
    ("told", "pool", "expected"),
    [
        ({"matching_engine": {"rate": 30, "burst": 100}}, "trading", (30, 100)),
        ({"matching_engine": {"quotes": {"rate": 50, "burst": 60}}}, "maximum_quotes", (50, 60)),
        ({"matching_engine": {"max_quotes": {"rate": 3, "burst": 4}}}, "maximum_mass_quotes", (3, 4)),
        ({"matching_engine": {"trading": {"total": {"rate": 0, "burst": 0}}}}, "trading", (5, 20)),
        ({"matching_engine": {"trading": {"total": {"rate": "7"}}}}, "trading", (5, 20)),
        ({"matching_engine": {"trading": {}}}, "trading", (5, 20)),
        ({"matching_engine": 2, "matching_engine_burst": 20}, "trading", (5, 20)),
        ({"non_matching_engine": {"rate": 1000, "burst": 1500}}, "non_matching_engine", (1000, 1500)),
        ({"non_matching_engine": None, "matching_engine": None}, "non_matching_engine", (20, 100)),
        ({}, "trading", (5, 20)),
    ],
)
async def test_any_shape(
    limits: Limits, told: dict[str, Any], pool: str, expected: tuple[float, float]
) -> None:
    """Older shapes are understood; what is missing or makes no sense leaves the figures as they were."""
    limits.learn(told)

    assert figures(limits)[pool] == expected


@pytest.mark.parametrize("name", ["", "_cross_margin"])
async def test_recorded(limits: Limits, captures: Path, name: str) -> None:
    """The limits of recorded accounts are learned, all of them."""
    recorded = json.loads((captures / "nautilus" / f"http_get_account_summaries{name}.json").read_bytes())
    told = [summary["limits"] for summary in recorded["result"]["summaries"] if "limits" in summary]
    for one in told:
        limits.learn(one)

    if told:
        assert figures(limits)["trading"] == (200, 250)
        assert figures(limits)["maximum_quotes"] == (500, 500)
        assert figures(limits)["non_matching_engine"] == (1000, 1500)


async def test_those_in_line_gain(limits: Limits, traffic: Traffic) -> None:
    """What is learned holds at once for those in line."""
    limits.learn({"matching_engine": {"trading": {"total": {"rate": 0.01, "burst": 20}}}})
    for number in range(30):
        traffic.send(str(number), BUY)
    await asyncio.sleep(1)
    limits.learn({"matching_engine": {"trading": {"total": {"rate": 100, "burst": 20}}}})
    await asyncio.sleep(0.5)

    assert traffic.names == [str(number) for number in range(30)]


async def test_new_pools_in_a_pause(limits: Limits) -> None:
    """A pool that is first heard of in a pause waits as well."""
    limits.refused(too_many(""))
    limits.learn(PER_CURRENCY)

    assert not goes_at_once(limits, BUY)
