"""The proof for trades: many of them, on many instruments, while the link is cut at random by all means.

Knows the public face of client and exchange. Its one judgement: per instrument what was delivered, and
what was declared lost, is what the exchange's ledger says was made. `python -m tests.trades.scenario`
plays it for as many seeds as asked, in virtual time or (`--sockets`) over loopback.
"""

import argparse
import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import looptime

from deribit_ws import Client, Gap, State, Trade
from deribit_ws.testing import (
    Drop,
    DropOnRequest,
    Duplicate,
    FailRequest,
    Garble,
    IgnoreRequest,
    RefuseConnections,
    RefuseHandshake,
    Reorder,
    SimulatedExchange,
    SkipChange,
)
from deribit_ws.testing.faults import Fault
from deribit_ws.testing.memory import MemoryNetwork, loop_clock
from deribit_ws.testing.proxy_faults import Cut, CutRequest, Ending, Moment

BY_SEQ = "public/get_last_trades_by_instrument"
BY_CURRENCY = "public/get_last_trades_by_currency"
STEP_SECONDS = 0.1  # of the market; also how often a 100ms channel speaks
QUIET_SECONDS = 60.0  # in which all must have been delivered after the last trade
RETRY_SECONDS = 0.05  # of the client: many cuts in little time
LATENCY = (0.001, 0.02)  # seconds, each way, in memory
SOCKET_SECONDS = 0.01  # between two steps over loopback
MOST = 60  # trades by hand in one step
HISTORY = 1_000_000  # trades that can be asked for, of each instrument


@dataclass
class Reader:
    """One open flow, the instruments it is about, and all it gave."""

    trades: Any
    is_about: Callable[[str], bool]
    seqs: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    gaps: dict[str, list[Gap]] = field(default_factory=lambda: defaultdict(list))
    marks: list[str] = field(default_factory=list)

    async def read(self) -> None:
        """Write down what comes."""
        async for item in self.trades:
            if isinstance(item, Gap):
                self.gaps[item.instrument].append(item)
            elif isinstance(item, Trade):
                self.seqs[item.instrument_name].append(item.trade_seq)
            else:
                self.marks.append(type(item).__name__)

    def at(self, name: str) -> int:
        """Give the last trade_seq delivered or declared lost; 0 before the first."""
        delivered = self.seqs[name][-1] if self.seqs[name] else 0
        return max(delivered, self.gaps[name][-1].last if self.gaps[name] else 0)

    def judge(self, name: str, made: list[int], where: str) -> None:
        """Hold what it has of an instrument against what was made since it was open."""
        delivered = self.seqs[name]
        assert delivered == sorted(set(delivered)), f"{where}: out of order, or more than once"
        assert sum(gap.last - gap.first for gap in self.gaps[name]) < len(made) + 1, (
            f"{where}: {self.gaps[name]}"
        )
        lost = [seq for gap in self.gaps[name] for seq in range(gap.first, gap.last + 1)]
        has = sorted(delivered + lost)
        lacking, extra = sorted(set(made) - set(has)), sorted(set(has) - set(made))
        assert has == made, (
            f"{where}: lacks {lacking[:10]} ({len(lacking)}), beyond it has {extra[:10]} ({len(extra)})"
        )


@dataclass
class Sums:
    """What a run came to."""

    seed: int
    made: int = 0
    delivered: int = 0
    recovered: int = 0
    duplicates: int = 0
    lost: int = 0
    links: int = 0
    cuts: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: made {self.made}, delivered {self.delivered} (recovered {self.recovered}, "
            f"copies dropped {self.duplicates}), lost {self.lost}; {self.cuts} cuts, {self.links} links, "
            f"{len(self.faults)} faults of other kinds; {self.seconds:.1f} s"
        )


class Scene:
    """One exchange, one client, and what befalls them."""

    def __init__(
        self, exchange: SimulatedExchange, network: MemoryNetwork | None, client: Client, seed: int
    ) -> None:
        self.exchange = exchange
        self.network = network
        self.client = client
        self.rng = random.Random(seed)
        self.before: dict[str, int] = {}  # the last trade_seq before anybody listened
        self.readers: list[Reader] = []

    @property
    def names(self) -> tuple[str, ...]:
        """All instruments."""
        return self.exchange.instruments

    @property
    def is_up(self) -> bool:
        """Tell whether the client has a link."""
        return self.client.state is State.CONNECTED

    def last(self, name: str) -> int:
        """Give an instrument's newest trade_seq; 0 before the first."""
        return self.exchange.market[name].next_trade_seq - 1

    def made(self) -> int:
        """Count the trades made since the readers were open."""
        return sum(self.last(name) - self.before.get(name, 0) for name in self.names)

    def list_option(self) -> None:
        """Bring an option to life."""
        self.exchange.list_option(strike=200_000.0 + 1000 * len(self.names))

    def trade(self, name: str) -> None:
        """Make some trade on an instrument."""
        line = self.exchange.market[name]
        amount = line.instrument.min_trade_amount * self.rng.randint(1, 3)
        price = line.instrument.price(max(1, line.instrument.ticks(line.mark_price)))
        self.exchange.market.place(name, "sell", price=price, amount=amount)
        self.exchange.market.take(name, "buy", amount=amount)

    def cut(self) -> None:
        """Cut the link, somehow, now or at a moment soon to come."""
        rng, exchange = self.rng, self.exchange
        drops: list[Fault] = [
            Drop.rst(),
            Drop.fin(),
            Drop.fin(inside_frame=True),
            Drop.close(rng.choice([1000, 1001, 1011, 1012, 4000])),
        ]
        soon: list[Fault] = [
            DropOnRequest(rng.choice([BY_SEQ, BY_CURRENCY]), Drop.rst(), before_reply=rng.random() < 0.5),
            DropOnRequest("public/subscribe", Drop.rst(), before_reply=rng.random() < 0.5),
            RefuseHandshake(503),
            RefuseConnections(rng.randint(1, 3)),
        ]
        if rng.random() < 0.3:
            exchange.inject(rng.choice(soon))
        if self.network is not None and rng.random() < 0.5:
            if rng.random() < 0.3:
                self.network.inject(CutRequest(BY_SEQ, rng.choice(list(Moment))))
            self.network.inject(Cut(rng.choice([Ending.RST, Ending.FIN, Ending.HALF_OPEN])))
        else:
            exchange.inject(rng.choice(drops))

    def disturb(self) -> str:
        """Let something smaller go wrong; tell what."""
        rng = self.rng
        channel = rng.choice([reader.trades.channel for reader in self.readers])
        faults: list[Fault] = [
            SkipChange(channel, rng.randint(1, 3)),
            Duplicate(channel, rng.randint(1, 3)),
            Reorder(channel),
            Garble(channel, kind=rng.choice(["truncated", "wrong_shape", "no_data"])),
            FailRequest(rng.choice([BY_SEQ, BY_CURRENCY]), rng.choice([13028, 11051, 10040]), 1),
            IgnoreRequest(rng.choice([BY_SEQ, BY_CURRENCY])),
        ]
        fault = rng.choice(faults)
        self.exchange.inject(fault)
        return type(fault).__name__

    def behind(self) -> list[str]:
        """Say which readers are not where the ledger is, in words."""
        return [
            f"{reader.trades.channel}: {name} at {reader.at(name)} of {self.last(name)}"
            for reader in self.readers
            for name in filter(reader.is_about, self.names)
            if max(reader.at(name), self.before.get(name, 0)) < self.last(name)
        ]

    def judge(self, sums: Sums) -> None:
        """Hold what each reader has against the ledger; raise AssertionError where they differ."""
        sums.made = self.made()
        for reader in self.readers:
            for name in self.names:
                where = f"seed {sums.seed}, {reader.trades.channel}, {name}"
                assert reader.is_about(name) or not reader.seqs[name], f"{where}: not asked for"
                if reader.is_about(name):
                    since = self.before.get(name, 0) + 1
                    reader.judge(name, self.exchange.ledger.trade_seqs_made(name, since=since), where)
            sums.delivered += sum(map(len, reader.seqs.values()))
            sums.recovered += reader.trades.recovered
            sums.duplicates += reader.trades.duplicates
            sums.lost += reader.trades.lost


async def play(
    seed: int,
    trades: int,
    instruments: int = 20,
    cuts: int = 50,
    *,
    disturbances: int = 0,
    births: int = 0,
    sockets: bool = False,
    hold: float | None = 5.0,
) -> Sums:
    """Play a scene to its end and judge it; give its sums.

    Args:
        seed: of all chance.
        trades: made at least, on all instruments together.
        instruments: each with a reader of its own; two more readers hear those of a kind.
        cuts: of the link, at random moments by random means.
        disturbances: messages left out, doubled, swapped or spoiled, and reads that fail.
        births: options listed meanwhile.
        sockets: over loopback, and not in memory.
        hold: as of `Client.trades`.
    """
    random.seed(seed)  # the back-off's
    begun = time.perf_counter()
    sums = Sums(seed, cuts=cuts)
    async with _scene(seed, sockets=sockets) as scene, AsyncExitStack() as stack:
        while len(scene.names) < instruments:
            scene.list_option()
        trades_of: Callable[..., Any] = scene.client.trades
        await stack.enter_async_context(scene.client)
        of = {name: {"instrument": name} for name in scene.names}
        scene.before = {name: scene.last(name) for name in scene.names}
        for where, is_about in [
            *((where, name.__eq__) for name, where in of.items()),
            ({"kind": "any", "currency": "BTC"}, lambda name: _is(scene, name, settlement="BTC")),
            ({"kind": "option", "currency": "any"}, lambda name: _is(scene, name, kind="option")),
        ]:
            opened = await stack.enter_async_context(trades_of(**where, marks=True, hold=hold))
            scene.readers.append(Reader(opened, is_about))
        reading = [asyncio.create_task(reader.read()) for reader in scene.readers]
        try:
            await _perform(scene, sums, trades, cuts, disturbances, births)
        finally:
            for task in reading:
                task.cancel()
            await asyncio.wait(reading)
        sums.links = scene.readers[0].marks.count("Connected") + 1
        scene.judge(sums)
    sums.seconds = time.perf_counter() - begun
    return sums


def _is(scene: Scene, name: str, **wanted: str) -> bool:
    instrument = scene.exchange.market[name].instrument
    return all(getattr(instrument, field) == value for field, value in wanted.items())


@asynccontextmanager
async def _scene(seed: int, *, sockets: bool) -> AsyncIterator[Scene]:
    if sockets:
        # History reaches back to the beginning: with a cut a second a reader can fall far behind for want of
        # credits, and what the exchange has forgotten by then would rightly be declared lost.
        async with SimulatedExchange(
            seed=seed, autoplay=False, step_seconds=STEP_SECONDS, history=HISTORY
        ) as exchange:
            yield Scene(exchange, None, Client(exchange.url, retry_seconds=RETRY_SECONDS), seed)
        return
    exchange = SimulatedExchange(
        seed=seed,
        autoplay=False,
        step_seconds=STEP_SECONDS,
        listen=False,
        wall_clock=loop_clock(),
        history=HISTORY,
    )
    async with exchange, exchange.memory(seed=seed, latency=LATENCY) as network:
        client = Client(exchange.url, session=network.session, retry_seconds=RETRY_SECONDS)
        yield Scene(exchange, network, client, seed)


async def _perform(scene: Scene, sums: Sums, trades: int, cuts: int, disturbances: int, births: int) -> None:
    rng = scene.rng
    acts = [(rng.randrange(trades), scene.cut) for _ in range(cuts)]
    acts += [
        (rng.randrange(trades), lambda: sums.faults.append(scene.disturb())) for _ in range(disturbances)
    ]
    acts += [(rng.randrange(trades), scene.list_option) for _ in range(births)]
    acts.sort(key=lambda act: act[0])
    weight: dict[str, float] = defaultdict(lambda: rng.paretovariate(1.0))  # some are busy, many quiet
    while (made := scene.made()) < trades or acts:
        if acts and acts[0][0] <= made and scene.is_up:  # one at a time: a link that is down can't be cut
            acts.pop(0)[1]()
        for name in rng.choices(scene.names, [weight[name] for name in scene.names], k=rng.randint(0, MOST)):
            scene.trade(name)
        scene.exchange.step()
        await asyncio.sleep(rng.uniform(0, 2 * STEP_SECONDS) if scene.network else SOCKET_SECONDS)
    await _quiet(scene, sums)


async def _quiet(scene: Scene, sums: Sums) -> None:
    """Let no more go wrong, and the last trades arrive."""
    scene.exchange.clear_faults()
    if scene.network is not None:
        scene.network.clear_faults()
    await scene.client.wait_connected()
    for (
        name
    ) in scene.names:  # one more each, so that one left out just before it shows; then all trading stops
        scene.trade(name)
        scene.exchange.set_state(name, "locked")
    try:
        async with asyncio.timeout(QUIET_SECONDS):
            while scene.behind():
                scene.exchange.step()
                await asyncio.sleep(STEP_SECONDS)
    except TimeoutError:
        raise AssertionError(f"seed {sums.seed}: not delivered: {scene.behind()[:10]}") from None


def main() -> None:
    """Play it for some seeds, and print the sums of each."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--trades", type=int, default=100_000)
    parser.add_argument("--instruments", type=int, default=20)
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--disturbances", type=int, default=100)
    parser.add_argument("--births", type=int, default=5)
    parser.add_argument("--sockets", action="store_true")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)  # each cut is a warning or two
    make_loop = asyncio.new_event_loop if given.sockets else looptime.new_event_loop
    for seed in range(given.first, given.first + given.seeds):
        scene = play(
            seed,
            given.trades,
            given.instruments,
            given.cuts,
            disturbances=given.disturbances,
            births=given.births,
            sockets=given.sockets,
            # In real time a cut comes each second, faster than the credits allow 22 readers to ask: with a
            # hold of 5 s some of them would have to give up.
            hold=None if given.sockets else 5.0,
        )
        with asyncio.Runner(loop_factory=make_loop) as runner:
            print(runner.run(scene), flush=True)


if __name__ == "__main__":
    main()
