"""A universe that changes: what is listed is heard, what expires is left, also across drops."""

import asyncio
import os
import random
from typing import Any

import pytest

from deribit_ws import Client, Handler, RpcError, State, on
from deribit_ws.marks import Connected, Disconnected, InstrumentAdded, InstrumentRemoved
from deribit_ws.testing import Drop, SimulatedExchange
from deribit_ws.wire.market import Ticker
from tests.client.conftest import Ears, Make, dropped, until

NEW, LATER, LAST = "BTC-27NOV26-91000-C", "BTC-27NOV26-92000-C", "BTC-27NOV26-93000-C"
SEEDS = int(os.environ.get("DERIBIT_WS_SEEDS", "8"))  # more by hand


class Universe(Ears):
    """Remembers what is told of instruments as well."""

    def on_instrument_added(self, event: Any) -> None:
        self.marks.append(event)

    on_instrument_removed = on_instrument_added


def ignore(ticker: Ticker) -> None:
    """Wants a channel only for its subscription."""


def options_of(exchange: SimulatedExchange) -> set[str]:
    return {name for name in exchange.instruments if name.startswith("BTC-") and name[-2:] in ("-C", "-P")}


def tickers(exchange: SimulatedExchange) -> set[str]:
    """The instruments whose tickers the newest connection is subscribed to."""
    connections = exchange.connections
    channels = connections[max(connections)].channels if connections else ()
    return {channel.split(".")[1] for channel in channels if channel.startswith("ticker.")}


async def test_listed_and_expired(exchange: SimulatedExchange, make: Make) -> None:
    """A new strike's channel is subscribed and heard, an expired one's is left, and each is told once."""
    client, told, heard = make(), Universe(), set[str]()
    client.add_handler(told)
    options = client.instruments("option", "BTC", where=lambda i: i.instrument_name != LAST)

    @client.on("ticker.{instrument}.100ms", instrument=options)
    def show(ticker: Ticker, instrument: str) -> None:
        heard.add(instrument)

    first = options_of(exchange)
    async with client:
        await until(lambda: heard == first)
        exchange.add_instrument(NEW)
        exchange.add_instrument(LAST)
        await until(lambda: NEW in heard)
        exchange.expire(NEW)
        await until(lambda: tickers(exchange) == first)
        kind = options[min(first)].kind

    assert (set(options), kind) == (first, "option")
    assert told.marks[1:3] == [InstrumentAdded(NEW), InstrumentRemoved(NEW, "delivered")]
    assert (LAST in heard, told.errors) == (False, [])


async def test_complete_before_connected(exchange: SimulatedExchange, make: Make) -> None:
    """When Connected is told, on each connection, the set is complete and its channels are confirmed."""
    client = make()
    options = client.instruments("option", "BTC")
    client.register("ticker.{instrument}.100ms", ignore, instrument=options)
    seen: list[Any] = []

    class Watch(Handler):
        def on_connected(self, event: Connected) -> None:
            seen.append((set(options), tickers(exchange), event.channels))

    client.add_handler(Watch())
    first = options_of(exchange)
    async with client:
        exchange.add_instrument(NEW)
        await dropped(exchange, client)
    second = first | {NEW}

    assert seen == [(first, first, len(first) + 2), (second, second, len(second) + 2)]


async def test_changed_while_down(exchange: SimulatedExchange, make: Make) -> None:
    """What was listed and expired while the link was down is told on the next one, the difference only."""
    client, told = make(), Universe()
    client.add_handler(told)
    options = client.instruments("option", "BTC")
    client.register("ticker.{instrument}.100ms", ignore, instrument=options)
    async with client:
        exchange.add_instrument(NEW)
        await until(lambda: NEW in tickers(exchange))
        exchange.inject(Drop.rst(), max(exchange.connections))
        exchange.expire(NEW)
        exchange.add_instrument(LATER)
        await until(lambda: Disconnected in map(type, told.marks) and client.state is State.CONNECTED)
        await until(lambda: tickers(exchange) == options_of(exchange))

    assert told.names == [
        "Connected",
        "InstrumentAdded",
        "Disconnected",
        "InstrumentRemoved",
        "InstrumentAdded",
        "Connected",
    ]
    assert (set(options), told.errors) == (options_of(exchange), [])


async def test_refused_read(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """A refused read holds nothing up: the client connects, is told, and the set is filled when it can be."""
    exchange.refuse("public/get_instruments", 11051)
    client = make()
    options = client.instruments("option", "BTC")
    async with client:
        early = (options.ready, len(options))
        await asyncio.wait_for(options.wait_ready(), 5)

    assert (early, set(options)) == ((False, 0), options_of(exchange))
    assert [error.code for error in ears.errors if isinstance(error, RpcError)] == [11051]


async def test_no_such_coin(exchange: SimulatedExchange, make: Make, ears: Ears) -> None:
    """Who waits for a set of a coin that there is not hears so; `on_error` once, over all connections."""
    client = make()
    coins = client.instruments("option", "NOCOIN")
    async with client:
        with pytest.raises(RpcError, match="-32602"):
            await asyncio.wait_for(coins.wait_ready(), 5)
        await dropped(exchange, client)

    assert [type(error).__name__ for error in ears.errors].count("RpcError") == 1


async def test_choice_that_moves(exchange: SimulatedExchange, make: Make) -> None:
    """After a review, the channels are those of the instruments that are chosen now."""
    client, chosen = make(), set[str]()
    options = client.instruments("option", "BTC", where=lambda option: option.instrument_name in chosen)
    client.register("ticker.{instrument}.100ms", ignore, instrument=options)
    async with client:
        for names in (options_of(exchange), {min(options_of(exchange))}):
            chosen.clear()
            chosen |= names
            options.review()
            await until(lambda names=names: tickers(exchange) == names)  # type: ignore[misc]


async def test_everywhere(exchange: SimulatedExchange, make: Make) -> None:
    """A set made while connected serves handlers and streams; marks stand in order among a stream's data."""

    class Desk(Handler):
        def __init__(self) -> None:
            self.heard: set[str] = set()

        @on("quote.{instrument}")
        async def quote(self, quote: Any, instrument: str) -> None:
            self.heard.add(instrument)

    desk = Desk()
    async with make() as client:
        options = client.instruments("option", "BTC")
        await options.wait_ready()
        client.add_handler(desk, instrument=options)
        async with client.stream("ticker.{instrument}.100ms", instrument=options, marks=True) as stream:
            exchange.add_instrument(NEW)
            while (item := await anext(stream)) != InstrumentAdded(NEW):
                assert item.channel.split(".")[1] in options
            while (await anext(stream)).channel != f"ticker.{NEW}.100ms":
                pass
            await until(lambda: desk.heard == options_of(exchange))


async def test_closed_before_it_was_filled(exchange: SimulatedExchange, make: Make) -> None:
    """Who waits for a set hears of the client's end."""
    exchange.refuse("public/get_instruments", 11051, times=None)
    client = make()
    async with client:
        waiting = asyncio.create_task(client.instruments("option", "BTC").wait_ready())
        await asyncio.sleep(0.05)

    with pytest.raises(Exception, match="closed"):
        await asyncio.wait_for(waiting, 1)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_any_moment(exchange: SimulatedExchange, make: Make, ears: Ears, seed: int) -> None:
    """Whenever strikes are listed, halted or expire and links drop, both ends agree afterwards."""
    chance = random.Random(seed)
    client: Client = make()
    options = client.instruments("option", "BTC")
    client.register("ticker.{instrument}.100ms", ignore, instrument=options)
    strikes = iter(range(100_000, 200_000, 1000))

    def act() -> None:
        live = sorted(options_of(exchange))
        what = chance.choice(["list", "list", "expire", "stop", "drop"])
        if what == "list":
            exchange.list_option(strike=next(strikes))
        elif what == "drop" and exchange.connections:
            exchange.inject(chance.choice([Drop.rst(), Drop.close(1001)]), max(exchange.connections))
        elif what in ("expire", "stop") and len(live) > 1:
            name = chance.choice(live)
            if what == "stop":
                exchange.set_state(name, "halted")
                exchange.set_state(name, "open")
            else:
                exchange.expire(name)

    async with client:
        for _ in range(40):
            act()
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.01]))
        await until(lambda: client.state is State.CONNECTED)
        await until(lambda: set(options) == options_of(exchange) == tickers(exchange))
