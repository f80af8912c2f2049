"""Rows 41 and 42: orders in flight while the link breaks; maintenance, and instruments that expire.

Knows: what the exchange's ledger says of an order, and what the user was told. Judges that; `invariants`
holds that no order was sent twice, and that each own fill came once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from deribit_ws import OrderNotPlaced, RequestNotSent, SubscriptionRejected
from deribit_ws.testing import Cut, CutRequest, Ending, Maintenance, Moment
from deribit_ws.types import Order
from tests.faults.dialled import comes_back, ours
from tests.faults.row import BOTH, MEMORY, SOCKETS, row
from tests.faults.stage import HARD_SECONDS, RETRY_SECONDS, Layer, Recovery, Stage
from tests.faults.subject import BTC

ARRIVES = (Moment.UNANSWERED, Moment.HALF_ANSWERED)  # the exchange does what it was asked
ROUND_TRIPS = 0.1  # seconds for two, the exchange's own time and a back-fill's page with them
VALID_SECONDS = 1.0  # of an order: that there is none is proved only once it can't come any more,
PROOF_SECONDS = VALID_SECONDS + 1.0 + 2.0  # by the later of two clocks, and by two looks 2 s apart
AMOUNT = 10.0  # USD
BELOW = 200  # ticks under the mark: an order that rests
HEALTHY_SECONDS = 1.5  # after which the step of a drop is taken back
SHUT_SECONDS = 120.0  # of maintenance, the scoreboard's
SHUT_SHORTLY = 3.0  # over sockets
GOING_AWAY = 1001
IN_FLIGHT = "drop with an order in flight, or filled meanwhile"
SHUT = "maintenance, and an instrument that expires"

Act = Callable[[Stage, Moment, Order], Awaitable[None]]


# --- 41: orders


@row(41, IN_FLIGHT, BOTH)
async def order_in_flight(stage: Stage) -> None:
    """Whenever in the life of an order's call the link breaks, its outcome is told, and is true."""
    method, act = stage.choose(("buy", _buy), ("edit", _edit), ("cancel", _cancel))
    stage.subject.rest()  # so that the call that is cut is the one below
    first = stage.seed // 3 % len(Moment)
    count = len(Moment) if stage.layer is Layer.MEMORY else 1
    for moment in ([*Moment] * 2)[first : first + count]:
        if stage.layer is Layer.SOCKETS and moment is Moment.UNSENT:
            moment = Moment.UNRECEIVED  # all that a proxy can do
        await _cut(stage, method, act, moment)
        await asyncio.sleep(HEALTHY_SECONDS)


async def _cut(stage: Stage, method: str, act: Act, moment: Moment) -> None:
    order = await _resting(stage)
    stage.links.inject(CutRequest(f"private/{method}", moment, stage.rng.choice((Ending.RST, Ending.FIN))))
    known: list[float] = []
    began = _now()
    work = asyncio.ensure_future(act(stage, moment, order))
    work.add_done_callback(lambda _: known.append(_now() - began))
    try:
        await stage.recovers(HARD_SECONDS + ROUND_TRIPS)
    finally:
        await work
    proof = 0.0 if moment in ARRIVES else PROOF_SECONDS
    stage.recoveries.append(Recovery(known[0], HARD_SECONDS + ROUND_TRIPS + proof))


async def _buy(stage: Stage, moment: Moment, _: Order) -> None:
    orders, ledger = ours(stage).client.orders, stage.exchange.ledger
    try:
        order = await orders.buy(BTC, amount=AMOUNT, type="market", label="cut", valid_for=VALID_SECONDS)
    except OrderNotPlaced as absent:
        assert moment not in ARRIVES, f"{moment}: it was placed"
        assert not ledger.labelled(absent.label), f"{moment}: it exists"
    else:
        assert moment in ARRIVES, f"{moment}: it can't have been placed"
        assert [one["order_id"] for one in ledger.labelled(str(order.label))] == [order.order_id]


async def _edit(stage: Stage, moment: Moment, before: Order) -> None:
    orders, price = ours(stage).client.orders, float(before.price or 0)
    try:
        await orders.edit(before.order_id, amount=2 * AMOUNT, price=price, valid_for=VALID_SECONDS)
    except OrderNotPlaced:
        assert moment not in ARRIVES, f"{moment}: it was changed"
    else:
        assert moment in ARRIVES, f"{moment}: it can't have been changed"
    amount = stage.exchange.ledger.versions(before.order_id)[-1]["amount"]
    assert amount == (2 * AMOUNT if moment in ARRIVES else AMOUNT), f"{moment}: {amount}"


async def _cancel(stage: Stage, moment: Moment, before: Order) -> None:
    try:
        order = await ours(stage).client.orders.cancel(before.order_id)
    except RequestNotSent:
        assert moment is Moment.UNSENT, f"{moment}: it was on the wire"
    else:
        assert order.order_state == _state(stage, order) == "cancelled", f"{moment}: {order.order_state}"


@row(41, IN_FLIGHT, BOTH)
async def filled_meanwhile(stage: Stage) -> None:
    """What fills while nobody listens is told as a fill, once, and the order is open no more."""
    order = await _resting(stage)
    stage.links.inject(Cut(Ending.RST))
    line = stage.exchange.market[BTC]
    while _state(stage, order) == "open":
        stage.exchange.market.take(BTC, "sell", amount=1000 * line.instrument.min_trade_amount)
    await stage.recovers(HARD_SECONDS + ROUND_TRIPS)

    subject = ours(stage)
    assert _state(stage, order) == "filled" and order.order_id not in subject.client.orders.open
    states = subject.observed.owned.states
    await stage.until(lambda: states[order.order_id]["order_state"] == "filled", 1.0)
    assert any(fill["order_id"] == order.order_id for fill in subject.observed.owned.fills)


@row(41, IN_FLIGHT, BOTH, cancel_on_disconnect=True)
async def cancelled_meanwhile(stage: Stage) -> None:
    """With cancel-on-disconnect the orders of a lost link are known to be gone, and it is armed anew."""
    order = await _resting(stage)
    stage.links.inject(Cut(stage.choose(Ending.RST, Ending.FIN)))
    await stage.recovers(HARD_SECONDS + ROUND_TRIPS)

    subject = ours(stage)
    assert _state(stage, order) == "cancelled" and order.order_id not in subject.client.orders.open
    await stage.until(
        lambda: subject.observed.owned.states[order.order_id]["order_state"] == "cancelled", 1.0
    )
    assert stage.exchange.connections[stage.newest].cancel_on_disconnect, "not armed"


async def _resting(stage: Stage) -> Order:
    line = stage.exchange.market[BTC]
    price = line.instrument.price(line.instrument.ticks(line.mark_price) - BELOW)
    return await ours(stage).client.orders.buy(BTC, amount=AMOUNT, price=price, label="rests")


def _state(stage: Stage, order: Order) -> str:
    return str(stage.exchange.ledger.versions(order.order_id)[-1]["order_state"])


# --- 42: the exchange's own doings


@row(42, SHUT, MEMORY)
@row(42, SHUT, SOCKETS, most_seeds=5)
async def maintenance(stage: Stage) -> None:
    """What the exchange says of maintenance is handed on; refused for two minutes, the client comes back."""
    client = ours(stage).client
    said: list[dict[str, Any]] = []

    def hear(data: dict[str, Any]) -> None:
        said.append(data)

    registration = client.register("platform_state", hear)
    await stage.until(lambda: "platform_state" in stage.exchange.connections[stage.newest].channels)
    stage.exchange.publish("platform_state", {"price_index": "btc_usd", "locked": True, "reasons": []})
    stage.exchange.set_state(BTC, "locked")
    await stage.until(lambda: said, 1.0)
    shut = SHUT_SECONDS if stage.layer is Layer.MEMORY else SHUT_SHORTLY
    stage.exchange.inject(Maintenance(shut))
    last_wait = RETRY_SECONDS[stage.layer.value]  # the one that may begin just before it is open again
    await comes_back(stage, shut + last_wait + HARD_SECONDS)

    stage.exchange.set_state(BTC, "open")
    registration.cancel()
    assert {"maintenance": True} in said, f"heard {said}"
    assert [turn.code for turn in stage.subject.observed.turns if not turn.up] == [GOING_AWAY]
    await stage.until(lambda: "platform_state" not in stage.exchange.connections[stage.newest].channels)


@row(42, SHUT, BOTH)
async def expired(stage: Stage) -> None:
    """The channel of an instrument that expired is told as refused, once, and wanted until it is let go."""
    subject = ours(stage)
    name = stage.exchange.list_option("BTC", strike=50_000.0 + 500 * stage.rng.randint(0, 20), fridays=1)
    channel = f"ticker.{name}.100ms"
    await subject.client.subscribe(channel)
    stage.exchange.expire(name)
    await asyncio.sleep(HEALTHY_SECONDS)
    stage.links.inject(Cut(Ending.RST))
    await stage.recovers(HARD_SECONDS)
    await asyncio.sleep(HEALTHY_SECONDS)
    asked = _asked_for(stage, channel)
    assert asked > 1 and channel in subject.client.subscribed, "dropped though nobody said so"
    await subject.client.unsubscribe(channel)
    await asyncio.sleep(2 * HEALTHY_SECONDS)

    rejected = [error for error in subject.observed.errors if isinstance(error, SubscriptionRejected)]
    assert [error.channels for error in rejected] == [(channel,)], f"told {rejected}"
    assert _asked_for(stage, channel) == asked, "asked for again"


def _asked_for(stage: Stage, channel: str) -> int:
    asked = stage.exchange.ledger.requests_of("public/subscribe")
    return sum(channel in request.params["channels"] for request in asked)


def _now() -> float:
    now: float = asyncio.get_running_loop().time()
    return now
