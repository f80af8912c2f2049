"""A game of drops: an account trades by one client, another listens to it, and its link is cut at random.

Knows the exchange's ledger, and what every private channel promises. Must not know how what was missed is
found again. Run by `python -m tests.orders.recovery_game --seeds 20 --cuts 20`, or a little of it by the
suite.
"""

import argparse
import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from random import Random
from typing import Any

import looptime
import msgspec

from deribit_ws import Client, Credentials, DeribitError, Handler, Notification, RpcError
from deribit_ws.testing import Direction, Duplicate, FailRequest, Garble, SimulatedExchange
from deribit_ws.testing.memory import MemoryNetwork, loop_clock
from deribit_ws.testing.proxy_faults import Cut, CutAfter, CutRequest, Ending, Moment, Way

KEY = Credentials("simulated", "secret")
BTC, ETH, QUIET = "BTC-PERPETUAL", "ETH-PERPETUAL", "BTC-25DEC26-45000-P"
ORDERS = (
    f"user.orders.{BTC}.raw",
    "user.orders.any.any.raw",
    "user.orders.future.BTC.100ms",
    "user.orders.any.any.agg2",
)
TRADES = ("user.trades.any.any.raw", f"user.trades.{BTC}.100ms", "user.trades.any.ETH.agg2")
CHANGES = ("user.changes.any.any.raw", "user.changes.any.BTC.100ms")
CHANNELS = (*ORDERS, *TRADES, *CHANGES)
READS = ("private/get_open_orders_by_currency", "private/get_order_history_by_currency", "public/auth")


class Ear:
    """What the listener was given on each channel."""

    def __init__(self) -> None:
        self.orders: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.trades: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.recovered: Counter[str] = Counter()

    def hear(self, notification: Notification[Any]) -> None:
        data = msgspec.to_builtins(notification.data)
        channel = notification.channel
        self.recovered[channel] += notification.recovered
        if channel in CHANGES:
            self.orders[channel] += data.get("orders", [])
            self.trades[channel] += data.get("trades", [])
        elif channel in TRADES:
            self.trades[channel] += data
        else:
            self.orders[channel] += data if isinstance(data, list) else [data]


class RecoveryGame(Handler):
    """One exchange, an account that trades, and a listener whose link is cut."""

    def __init__(self, seed: int, troubles: int) -> None:
        self.rng = Random(seed)
        self.seed = seed
        self.troubles = troubles
        self.ear = Ear()
        self.was_late = False  # the client said that something came out of order, as it could not be read

    async def play(self) -> None:
        random.seed(self.seed)  # the back-off draws from it
        self.exchange = SimulatedExchange(seed=self.seed, listen=False, wall_clock=loop_clock(), credits=None)
        async with (
            self.exchange,
            self.exchange.memory(seed=self.seed, latency=(0.001, 0.05)) as self.network,
            self.exchange.memory(seed=self.seed, latency=(0.001, 0.01)) as quiet,
        ):
            trader = Client(self.exchange.url, session=quiet.session, credentials=KEY)
            self.client = self.listener(self.network)
            async with trader, self.client:
                await self.client.orders.wait_valid()
                trading = asyncio.create_task(self.trade(trader))
                for _ in range(self.troubles):
                    await asyncio.sleep(self.rng.choice((0.05, 0.5, 3, 12)) * self.rng.random())
                    await self.trouble()
                await asyncio.sleep(30)
                trading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await trading
                self.network.clear_faults()
                await self.client.wait_connected()
                await asyncio.sleep(30)
                await self.client.orders.wait_valid()
                self.check()

    def listener(self, network: MemoryNetwork) -> Client:
        client = Client(self.exchange.url, session=network.session, credentials=KEY, retry_seconds=0.05)
        for channel in CHANNELS:
            client.register(channel, self.ear.hear)
        client.orders.valid  # noqa: B018  begins the view
        client.add_handler(self)
        return client

    def on_error(self, error: Exception) -> None:
        self.was_late |= "out of order" in str(error)

    async def trouble(self) -> None:
        """Cut the link in some way, or lose or repeat a message, or end the login."""
        rng, network, exchange = self.rng, self.network, self.exchange
        how = rng.choice((Ending.RST, Ending.RST, Ending.FIN, Ending.FIN, Ending.HALF_OPEN))
        match rng.randrange(10):
            case 0:
                network.inject(CutRequest(rng.choice(READS), rng.choice(list(Moment)), how))
            case 1:
                network.inject(CutAfter(rng.randrange(200, 20_000), Way.DOWN, how))
            case 2:
                exchange.inject(FailRequest(rng.choice(READS), 11094, times=rng.randint(1, 3)))
            case 3:
                return exchange.inject(Garble(rng.choice(CHANNELS)))
            case 4:
                return exchange.inject(Duplicate(rng.choice(CHANNELS), times=3))
            case 5 if len(exchange.connections) > 1:
                await asyncio.sleep(6)  # a younger login is not taken to have ended
                exchange.expire_tokens(max(exchange.connections))
                with contextlib.suppress(DeribitError):
                    await self.client.private.get_positions()
                return None
        return network.inject(Cut(how))

    # --- what the account does

    async def trade(self, trader: Client) -> None:
        moves = [self.place] * 6 + [self.edit] * 3 + [self.cancel] * 2 + [self.crowd] * 4
        while True:
            await asyncio.sleep(self.rng.choice((0.001, 0.02, 0.3)))
            with contextlib.suppress(RpcError):
                await self.rng.choice(moves)(trader)

    def price(self, name: str) -> float:
        line = self.exchange.market[name]
        middle = 200 if name == QUIET else line.instrument.ticks(line.mark_price)
        return line.instrument.price(middle + self.rng.randint(-12, 12))

    async def place(self, trader: Client) -> None:
        rng, name = self.rng, self.rng.choice((BTC, BTC, ETH, QUIET))
        amount = {BTC: 10.0, ETH: 1.0, QUIET: 0.1}[name] * rng.randint(1, 40)
        act = trader.private.buy if rng.random() < 0.5 else trader.private.sell
        kind = rng.choice(("limit", "limit", "limit", "market", "stop_limit"))
        params: dict[str, Any] = {"instrument_name": name, "amount": amount, "type": kind, "label": "a"}
        if kind != "market":
            params["price"] = self.price(name)
        if kind == "stop_limit":
            params |= {"trigger": "last_price", "trigger_price": self.price(name)}
        elif kind == "limit":
            params["time_in_force"] = rng.choice(
                ("good_til_cancelled", "good_til_cancelled", "immediate_or_cancel")
            )
        await act(**params)

    async def edit(self, trader: Client) -> None:
        if order := self.any_order():
            await trader.private.edit(
                order_id=order["order_id"], amount=order["amount"], price=self.price(order["instrument_name"])
            )

    async def cancel(self, trader: Client) -> None:
        if order := self.any_order():
            await trader.private.cancel(order_id=order["order_id"])

    async def crowd(self, trader: Client) -> None:
        name = self.rng.choice((BTC, QUIET))
        amount = self.exchange.market[name].instrument.amount(self.rng.randint(1, 300))
        self.exchange.market.take(name, self.rng.choice(list(Direction)), amount=amount)

    def any_order(self) -> dict[str, Any] | None:
        alive = self.alive()
        return self.rng.choice(alive) if alive else None

    def alive(self) -> list[dict[str, Any]]:
        last = self.exchange.ledger.last_versions(10)
        return [order for order in last.values() if order["order_state"] in ("open", "untriggered")]

    # --- what must hold

    def check(self) -> None:
        ledger = self.exchange.ledger
        for channel in (*ORDERS, *CHANGES):
            self.check_orders(
                channel, [o for o in ledger.orders[10] if covers(channel, o["instrument_name"])]
            )
        for channel in (*TRADES, *CHANGES):
            made = [t for t in ledger.user_trades[10] if covers(channel, t["instrument_name"])]
            heard = self.ear.trades[channel]
            assert Counter(t["trade_id"] for t in heard) == Counter(t["trade_id"] for t in made), channel
            if channel in TRADES:
                times = [t["timestamp"] for t in heard]
                assert times == sorted(times) or self.was_late, channel
        self.check_view()

    def check_orders(self, channel: str, made: list[dict[str, Any]]) -> None:
        """Each version heard was made, was heard once, in its order's order; the last of each was heard."""
        heard: defaultdict[str, list[Any]] = defaultdict(list)
        for order in self.ear.orders[channel]:
            heard[order["order_id"]].append(version(order))
        history: defaultdict[str, list[Any]] = defaultdict(list)
        for order in made:
            if version(order) not in history[order["order_id"]]:
                history[order["order_id"]].append(version(order))
        assert heard.keys() == history.keys(), (channel, len(heard), len(history))
        for order_id, versions in heard.items():
            places = [history[order_id].index(one) for one in versions]
            assert places == sorted(set(places)), (channel, order_id, versions, history[order_id])
            assert versions[-1] == history[order_id][-1], (channel, order_id, versions, history[order_id])

    def check_view(self) -> None:
        orders = self.client.orders
        assert orders.valid
        assert {o.order_id: (o.filled_amount, o.amount, o.price) for o in orders.open.values()} == {
            o["order_id"]: (o["filled_amount"], o["amount"], o["price"]) for o in self.alive()
        }
        sums: Counter[str] = Counter()
        for trade in self.exchange.ledger.user_trades[10]:
            sign = 1 if trade["direction"] == "buy" else -1
            sums[trade["instrument_name"]] += sign * round(trade["amount"] * 1e6)
        held = {name: round(p.size * 1e6) for name, p in orders.positions.items()}
        assert held == {name: size for name, size in sums.items() if size}


def version(order: dict[str, Any]) -> tuple[Any, ...]:
    names = ("last_update_timestamp", "order_state", "filled_amount", "amount", "price")
    return tuple(order.get(name) for name in names)


def covers(channel: str, instrument: str) -> bool:
    match channel.split(".")[2:]:
        case [name, _]:
            return name == instrument
        case [kind, currency, _]:
            is_future = instrument.endswith("PERPETUAL")
            return (kind == "any" or is_future) and (currency == "any" or instrument.startswith(currency))
        case _:
            raise AssertionError(channel)


def run(seed: int, cuts: int) -> RecoveryGame:
    """Play one game in virtual time."""
    game = RecoveryGame(seed, cuts)
    loop = looptime.new_event_loop()
    try:
        loop.run_until_complete(game.play())
    finally:
        loop.close()
    return game


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Cut an account's listener at random, and compare with the ledger."
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--cuts", type=int, default=20)
    options = parser.parse_args()
    for seed in range(options.first, options.first + options.seeds):
        try:
            game = run(seed, options.cuts)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        made = game.exchange.ledger
        print(
            f"seed {seed}: {options.cuts} cuts, {len(made.orders[10])} versions, "
            f"{len(made.user_trades[10])} fills,"
            f" {sum(game.ear.recovered.values())} messages recovered"
        )


if __name__ == "__main__":
    main()
