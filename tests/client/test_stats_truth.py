"""`client.stats` over many drops of all kinds, each figure held against what the exchange and a tap noted."""

import asyncio
import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from deribit_ws import Client, Gap, Trade
from deribit_ws.client.stats import ClientStats
from deribit_ws.testing import AcceptThenClose, Drop, RefuseHandshake, Say, SimulatedExchange, SkipChange
from deribit_ws.testing.faults import Fault
from tests.client.conftest import Build, Ears, until
from tests.client.test_stats import Heard, lifecycle_of

BTC = "BTC-PERPETUAL"
BOOK, TRADES, TICKER = f"book.{BTC}.100ms", f"trades.{BTC}.100ms", f"ticker.{BTC}.100ms"
ROUNDS = 3
DROPS: list[tuple[Fault, str]] = [
    (Drop.rst(), "reset"),
    (Drop.fin(), "end_of_stream"),
    (Drop.fin(inside_frame=True), "end_of_stream"),
    (Drop.close(1001, "going away"), "close_1001"),
    (Drop.close(4000), "close_4000"),
    (Drop.close(), "close_1005"),
    (Say(binary=b"\x00"), "protocol"),
    (Say(text=b"\xff"), "protocol"),
]


class Sampler:
    """Another thread, that looks at the stats all the time: what only grows never shrinks."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._over = threading.Event()
        self.looks = 0
        self.shrunk: list[str] = []

    def run(self) -> None:
        last = grown(self._client.stats)
        while not self._over.wait(0.0002):
            now = grown(self._client.stats)
            self.looks += 1
            self.shrunk += [f"{name}: {last[name]} → {now[name]}" for name in now if now[name] < last[name]]
            last = now

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()


def grown(stats: ClientStats) -> dict[str, int]:
    counts = "connections dials_failed messages received_bytes dropped gaps lost resyncs back_fills recovered"
    sums = {name: getattr(stats, name) for name in [*counts.split(), "errors"]}
    return sums | {"drops": sum(stats.drops.values())}


def trades_heard(tap: Heard) -> set[int]:
    """The trades that came live, by the frames."""
    told = [json.loads(frame) for frame in tap.frames if b'"channel":"' + TRADES.encode() in frame[:120]]
    return {trade["trade_seq"] for message in told for trade in message["params"]["data"]}


async def play(exchange: SimulatedExchange, client: Client, read: list[Any]) -> None:
    """Drop the client's link in every way, with dials that fail and links that never live between."""
    for n, (fault, _) in enumerate(DROPS * ROUNDS):
        if n % 5 == 1:
            exchange.inject(RefuseHandshake(503))
        if n % 5 == 3:
            exchange.inject(AcceptThenClose(1001))
        if n % 4 == 2:
            exchange.inject(SkipChange(BOOK))
        exchange.step(3)
        await until(lambda n=n: client.stats.resyncs >= (n + 2) // 4, 30)  # type: ignore[misc]
        exchange.inject(fault)
        exchange.step(5)
        links = client.stats.connections
        await until(lambda links=links: client.stats.connections > links, 30)  # type: ignore[misc]  # its default
        exchange.step(2)
        made = exchange.ledger.trade_seqs_made(BTC)
        await until(lambda made=made: not made or (read and read[-1] >= made[-1]), 30)  # type: ignore[misc]


async def test_every_figure_is_true(build: Build) -> None:
    """Over many drops of all kinds each figure is what the exchange, the marks and the frames say."""
    exchange = await build(seed=3)
    ears, tap, seqs = Ears(), Heard(), list[int]()
    client = Client(exchange.url, retry_seconds=0.01)
    client.add_handler(ears)
    lifecycle_of(client).tap = tap
    gaps: list[Gap] = []

    async def read(trades: Any) -> None:
        async for item in trades:
            if isinstance(item, Trade):
                seqs.append(item.trade_seq)
            elif isinstance(item, Gap):
                gaps.append(item)

    def fail(payload: dict[str, Any]) -> None:
        raise ValueError("made up")

    failing = client.register(TICKER, fail)
    sampler = Sampler(client)
    async with client, client.order_book(BTC) as book, client.trades(BTC, marks=True) as trades:
        reader = asyncio.create_task(read(trades))
        with sampler.looking():
            await play(exchange, client, seqs)
        failing.cancel()
        await until(lambda: book.valid and client.stats.queue_depth == 0)
        stats = client.stats
        judge_links(stats, exchange, ears)
        assert stats.messages == len(tap.frames) + ROUNDS  # what is not UTF-8 is handed to nobody
        assert stats.received_bytes >= sum(map(len, tap.frames)) + 2 * len(tap.frames)
        assert stats.recovered == trades.recovered == len(set(seqs) - trades_heard(tap)) > 0
        assert (stats.gaps, stats.lost) == (len(gaps), trades.lost)
        assert stats.back_fills >= ROUNDS * len(DROPS)
        assert stats.resyncs == book.resyncs > 0
        assert stats.errors == len(ears.errors) > ROUNDS * len(DROPS)
        assert stats.dropped == sum(mark.n for mark in ears.marks if type(mark).__name__ == "Lagged") == 0
    await reader

    assert sampler.looks > ROUNDS * len(DROPS) and not sampler.shrunk


def judge_links(stats: ClientStats, exchange: SimulatedExchange, ears: Ears) -> None:
    """Hold what is said of links and drops against the exchange's account of them, and the marks."""
    causes = [cause for _, cause in DROPS] * ROUNDS
    answered = Counter(handshake.status for handshake in exchange.ledger.handshakes)
    never_up = answered[101] - stats.connections
    told = Counter(ears.names)

    assert stats.drops == Counter(causes)
    assert [drop.cause for drop in stats.last_drops] == causes[-20:]
    assert all(drop.recovered is not None and 0 < drop.recovered < 20 for drop in stats.last_drops)
    assert stats.dials_failed == answered[503] > 0
    assert never_up > 0
    assert stats.connections == told["Connected"] == len(causes) + 1
    assert told["Disconnected"] == len(causes)
