"""A game of drops: an account trades by one client, another listens to it, and its link is cut at random.

Knows the exchange's ledger, and what every private channel promises. Must not know how what was missed is
found again. Run by `python -m tests.orders.recovery_game --seeds 20 --cuts 20`, with `--sockets` over real
ones and in real time, or a little of it by the suite.
"""

import argparse
import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from random import Random
from typing import Any

import aiohttp
import looptime
import msgspec

from deribit_ws import Client, Credentials, DeribitError, Handler, Notification, RpcError, SlowConsumer
from deribit_ws.handlers.queues import BoundedQueue
from deribit_ws.testing import Direction, Duplicate, FailRequest, Garble, SimulatedExchange
from deribit_ws.testing.memory import MemoryNetwork, loop_clock
from deribit_ws.testing.portfolio import summary
from deribit_ws.testing.proxy import ChaosProxy
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
SUMS = ("user.portfolio.btc", "user.portfolio.any")
CHANNELS = (*ORDERS, *TRADES, *CHANGES)
SLOW = ("user.orders.any.any.raw", "user.trades.any.any.raw", "user.changes.any.BTC.100ms")
QUEUE = (1024, 5_000)  # items and bytes of a slow listener: so few that it runs full
EARLY = (Ending.RST, Ending.FIN)  # ends that are told
SOCKETS_PACE = 0.1  # seconds, real ones for each
SETTLE_SECONDS = 6.0  # over sockets, until all is recovered after the last trouble; holding ends after 5
READS = ("private/get_open_orders_by_currency", "private/get_order_history_by_currency", "public/auth")


class Ear:
    """What the listener was given on each channel."""

    def __init__(self) -> None:
        self.orders: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.trades: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.sums: dict[str, float] = {}  # the last balance by currency
        self.recovered: Counter[str] = Counter()

    def hear(self, notification: Notification[Any]) -> None:
        data = msgspec.to_builtins(notification.data)
        channel = notification.channel
        self.recovered[channel] += notification.recovered
        if channel in SUMS:
            self.sums[data["currency"]] = data["balance"]
        elif channel in CHANGES:
            self.orders[channel] += data.get("orders", [])
            self.trades[channel] += data.get("trades", [])
        elif channel in TRADES:
            self.trades[channel] += data
        else:
            self.orders[channel] += data if isinstance(data, list) else [data]


class RecoveryGame(Handler):
    """One exchange, an account that trades, and a listener whose link is cut.

    Args:
        seed: of all chance but, over sockets, the system's.
        troubles: how many befall the listener.
        pace: real seconds for each of virtual time's, where it is not virtual.
    """

    network: MemoryNetwork | ChaosProxy

    def __init__(self, seed: int, troubles: int, pace: float = 1.0) -> None:
        self.rng = Random(seed)
        self.seed = seed
        self.troubles = troubles
        self.pace = pace
        self.lapses = 1.0 if pace == 1 else 0.2  # they take real seconds
        # Half-open links are found after 20 s only: too long where time is real.
        self.endings = (*EARLY, *EARLY, Ending.HALF_OPEN) if pace == 1 else EARLY
        self.ear = Ear()
        self.slow_ear = Ear()
        self.awake = asyncio.Event()
        self.awake.set()
        self.was_late = False  # the client said that something came out of order, as it could not be read
        self.overruns = 0

    async def play(self) -> None:
        """Play in virtual time."""
        random.seed(self.seed)  # the back-off draws from it
        self.exchange = SimulatedExchange(seed=self.seed, listen=False, wall_clock=loop_clock(), credits=None)
        async with (
            self.exchange,
            self.exchange.memory(seed=self.seed, latency=(0.001, 0.05)) as self.network,
            self.exchange.memory(seed=self.seed, latency=(0.001, 0.01)) as quiet,
        ):
            await self.go_through(
                Client(self.exchange.url, session=quiet.session, credentials=KEY),
                self.listener(self.exchange.url, self.network.session),
            )

    async def play_on_sockets(self) -> None:
        """Play on loopback, in real time."""
        random.seed(self.seed)
        self.exchange = SimulatedExchange(seed=self.seed, credits=None)
        async with self.exchange, ChaosProxy(self.exchange.url, seed=self.seed) as self.network:
            await self.go_through(
                Client(self.exchange.url, credentials=KEY), self.listener(self.network.url, None)
            )

    async def go_through(self, trader: Client, listener: Client) -> None:
        self.client = listener
        async with trader, listener:
            await listener.orders.wait_valid()
            trading = asyncio.create_task(self.trade(trader))
            for _ in range(self.troubles):
                await self.sleep(self.rng.choice((0.05, 0.5, 3, 12)) * self.rng.random())
                await self.trouble()
            await self.sleep(30)
            trading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await trading
            self.awake.set()
            self.network.clear_faults()
            await listener.wait_connected()
            await asyncio.sleep(30 if self.pace == 1 else SETTLE_SECONDS)
            await listener.orders.wait_valid()
            self.check()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.pace)

    def listener(self, url: str, session: aiohttp.ClientSession | None) -> Client:
        client = Client(url, session=session, credentials=KEY, retry_seconds=0.05)
        for channel in (*CHANNELS, *SUMS):
            client.register(channel, self.ear.hear)
        for channel in SLOW:
            client.register(channel, self.hear_slowly)
        client.orders.valid  # noqa: B018  begins the view
        client.add_handler(self)
        return client

    async def hear_slowly(self, notification: Notification[Any]) -> None:
        await self.awake.wait()
        self.slow_ear.hear(notification)

    def on_error(self, error: Exception) -> None:
        self.was_late |= "out of order" in str(error)
        self.overruns += isinstance(error, SlowConsumer)

    async def trouble(self) -> None:
        """Cut the link in some way, or lose or repeat a message, or end the login."""
        rng, network, exchange = self.rng, self.network, self.exchange
        how = rng.choice(self.endings)
        match rng.randrange(12):
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
            case 10:
                return self.awake.clear()
            case 11:
                return self.awake.set()
            case 5 if len(exchange.connections) > 1 and rng.random() < self.lapses:
                await asyncio.sleep(6)  # a younger login is not taken to have ended; by the client's clock
                exchange.expire_tokens(max(exchange.connections))
                return await self.notice_lapse()
        return network.inject(Cut(how))

    async def notice_lapse(self) -> None:
        """Make private calls, as users do: the first that is refused for it has the login renewed."""
        for _ in range(5):
            try:
                await self.client.private.get_positions()
            except DeribitError:
                await asyncio.sleep(6)
            else:
                return

    # --- what the account does

    async def trade(self, trader: Client) -> None:
        moves = [self.place] * 6 + [self.edit] * 3 + [self.cancel] * 2 + [self.crowd] * 4
        while True:
            await self.sleep(self.rng.choice((0.001, 0.02, 0.3)))
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
        self.check_ear(self.ear, CHANNELS)
        self.check_ear(self.slow_ear, SLOW)
        self.check_view()
        self.check_sums()

    def check_ear(self, ear: Ear, channels: Collection[str]) -> None:
        ledger = self.exchange.ledger
        for channel in channels:
            if channel not in TRADES:
                made = [o for o in ledger.orders[10] if covers(channel, o["instrument_name"])]
                self.check_orders(channel, ear.orders[channel], made)
            if channel not in ORDERS:
                self.check_fills(channel, ear.trades[channel])

    def check_fills(self, channel: str, heard: list[dict[str, Any]]) -> None:
        """Each fill was heard once, in order."""
        made = [t for t in self.exchange.ledger.user_trades[10] if covers(channel, t["instrument_name"])]
        assert Counter(t["trade_id"] for t in heard) == Counter(t["trade_id"] for t in made), channel
        if channel in TRADES:
            times = [t["timestamp"] for t in heard]
            assert times == sorted(times) or self.was_late, channel

    def check_sums(self) -> None:
        """The last sums heard are the account's."""
        for currency in ("BTC", "ETH"):
            account = summary(self.exchange.market, self.exchange._venue.engine.positions, 10, currency)
            assert self.ear.sums.get(currency, account["balance"]) == account["balance"], currency

    def check_orders(self, channel: str, told: list[dict[str, Any]], made: list[dict[str, Any]]) -> None:
        """Each version heard was made, was heard once, in its order's order; the last of each was heard."""
        heard: defaultdict[str, list[Any]] = defaultdict(list)
        for order in told:
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


@contextlib.contextmanager
def small_queues() -> Iterator[None]:
    """Let callbacks' queues run full early."""
    init: Any = BoundedQueue.__init__
    before, init.__defaults__ = init.__defaults__, QUEUE
    try:
        yield
    finally:
        init.__defaults__ = before


def run(seed: int, cuts: int) -> RecoveryGame:
    """Play one game in virtual time."""
    game = RecoveryGame(seed, cuts)
    loop = looptime.new_event_loop()
    try:
        loop.run_until_complete(game.play())
    finally:
        loop.close()
    return game


def run_on_sockets(seed: int, cuts: int) -> RecoveryGame:
    """Play one game on loopback."""
    game = RecoveryGame(seed, cuts, pace=SOCKETS_PACE)
    asyncio.run(game.play_on_sockets())
    return game


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Cut an account's listener at random, and compare with the ledger."
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--sockets", action="store_true", help="on loopback, in real time")
    options = parser.parse_args()
    play = run_on_sockets if options.sockets else run
    late = 0
    for seed in range(options.first, options.first + options.seeds):
        try:
            with small_queues():
                game = play(seed, options.cuts)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        made = game.exchange.ledger
        print(
            f"seed {seed}: {options.cuts} cuts, {len(made.orders[10])} versions, "
            f"{len(made.user_trades[10])} fills,"
            f" {sum(game.ear.recovered.values())} messages recovered, {game.overruns} overruns, of which"
            f" {sum(game.slow_ear.recovered.values())} recovered"
            f"{', out of order' if game.was_late else ''}",
            flush=True,
        )
        late += game.was_late
    print(f"{options.seeds} seeds, {late} of them with something told out of order")


if __name__ == "__main__":
    main()
