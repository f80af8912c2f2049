"""What Prometheus is given: the client's own numbers, by its conventions, in whichever thread it asks."""

import asyncio
import contextlib
import dataclasses
import importlib
import re
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from deribit_ws import Client, ClientStats, Credentials, UsageError
from deribit_ws.metrics import ClientCollector
from deribit_ws.testing import Drop, SimulatedExchange, SkipChange
from tests.client.conftest import dropped, until

BTC = "BTC-PERPETUAL"
HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "metrics.md"
KEY = Credentials("simulated", "secret")


@pytest.fixture
async def exchange() -> AsyncIterator[SimulatedExchange]:
    async with SimulatedExchange(step_seconds=0.01) as running:
        yield running


@pytest.fixture
def registry() -> CollectorRegistry:
    """As the default one is: it asks a collector for its names."""
    return CollectorRegistry(auto_describe=True)


def value(registry: CollectorRegistry, name: str, client: str = "desk", **labels: str) -> float | None:
    return registry.get_sample_value(f"deribit_ws_{name}", {"client": client} | labels)


async def test_a_clients_numbers(exchange: SimulatedExchange, registry: CollectorRegistry) -> None:
    """After a drop, what is scraped is what `client.stats` says."""
    async with Client(exchange.url, credentials=KEY, retry_seconds=0.01) as client:
        ClientCollector({"desk": client}, registry=registry)
        async with client.stream(f"ticker.{BTC}.100ms") as tickers:
            await anext(tickers)
            await dropped(exchange, client, Drop.close(1012, "restart"))
            await anext(tickers)
            stats = client.stats
            scraped = {
                "connected": value(registry, "connected"),
                "connections": value(registry, "connections_total"),
                "drops": value(registry, "drops_total", cause="close_1012"),
                "state": value(registry, "state", state="connected"),
                "closed": value(registry, "state", state="closed"),
                "channels": value(registry, "channels"),
                "recovery": value(registry, "last_recovery_seconds"),
            }
            more = value(registry, "messages_total"), value(registry, "received_bytes_total")
            credits = value(registry, "credits_left", pool="trading")

    assert scraped == {
        "connected": 1,
        "connections": 2,
        "drops": 1,
        "state": 1,
        "closed": 0,
        "channels": 1,
        "recovery": stats.last_drops[-1].recovered,
    }
    assert (more[0] or 0) >= stats.messages > 0
    assert (more[1] or 0) >= stats.received_bytes > 0
    assert credits == pytest.approx(stats.credits["trading"], rel=0.1)


async def test_what_was_made_good(exchange: SimulatedExchange, registry: CollectorRegistry) -> None:
    """Books asked for anew, readings of history, and what these gave, are counted where they happen."""
    async with Client(exchange.url, credentials=KEY, retry_seconds=0.01) as client:
        ClientCollector({"desk": client}, registry=registry)
        async with client.order_book(BTC) as book, client.trades(BTC) as trades:
            await book.wait_valid()
            exchange.inject(SkipChange(f"book.{BTC}.100ms"))
            await until(lambda: book.resyncs)
            await anext(trades)
            exchange.inject(Drop.rst())
            exchange.step(200)
            await until(lambda: trades.recovered)
            await until(lambda: value(registry, "recovered_events_total"))
            await client.orders.wait_valid()
            before = value(registry, "back_fills_total") or 0
            await dropped(exchange, client)
            await client.orders.wait_valid()

    assert value(registry, "book_resyncs_total") == 1
    assert value(registry, "recovered_events_total") == trades.recovered
    assert (value(registry, "back_fills_total") or 0) > before >= 1


async def test_nothing_known_yet(registry: CollectorRegistry) -> None:
    """What a client does not know has no sample, rather than a wrong one; what it counts is 0."""
    ClientCollector({"desk": Client("ws://127.0.0.1:1")}, registry=registry)

    assert value(registry, "connected") == 0
    assert value(registry, "connections_total") == 0
    for name in ("uptime_seconds", "round_trip_seconds", "lag_seconds", "last_recovery_seconds"):
        assert value(registry, name) is None


def test_before_it_is_opened(registry: CollectorRegistry) -> None:
    """A client that is not open yet can be scraped, with no loop anywhere; it opens all the same."""
    client = Client("ws://127.0.0.1:1", retry_seconds=0.01)
    ClientCollector({"desk": client}, registry=registry)

    async def opened() -> str:
        task = asyncio.create_task(client.__aenter__())
        await until(lambda: client.stats.dials_failed)
        await client.aclose()
        with pytest.raises(UsageError):
            await task
        return client.state.value

    assert value(registry, "state", state="new") == 1
    assert asyncio.run(opened()) == "closed"
    assert value(registry, "state", state="closed") == 1


async def test_several_clients(exchange: SimulatedExchange, registry: CollectorRegistry) -> None:
    """Each client has its own label; one put into the mapping later is exported, one taken out no more."""
    clients: dict[str, Client] = {}
    ClientCollector(clients, registry=registry)
    async with Client(exchange.url) as one, Client(exchange.url) as other:
        clients |= {"one": one, "other": other}
        assert [value(registry, "connected", name) for name in clients] == [1, 1]
        await other.aclose()
        assert [value(registry, "connected", name) for name in clients] == [1, 0]
        del clients["other"]

        assert value(registry, "connected", "one") == 1
        assert value(registry, "connected", "other") is None


class Scraper:
    """Another thread, that scrapes all the time, at moments it does not choose."""

    def __init__(self, collector: ClientCollector) -> None:
        self._collector = collector
        self._over = threading.Event()
        self.scrapes = 0
        self.faults: list[Exception] = []

    def _run(self) -> None:
        try:
            while not self._over.wait(0.0002):  # else the loop itself hardly gets a turn
                self.scrapes += len(list(self._collector.collect())) > 20
        except Exception as error:
            self.faults.append(error)

    @contextlib.asynccontextmanager
    async def scraping(self) -> AsyncIterator[None]:
        """Scrape while threads take turns as often as they can: what may be seen half done is seen."""
        usual = sys.getswitchinterval()
        thread = threading.Thread(target=self._run)
        sys.setswitchinterval(1e-6)
        thread.start()
        try:
            yield
        finally:  # whatever happens: a thread left at it would slow all tests after this one
            self._over.set()
            await asyncio.to_thread(thread.join)
            sys.setswitchinterval(usual)


async def test_scraped_by_another_thread(exchange: SimulatedExchange, registry: CollectorRegistry) -> None:
    """A scrape may come from any thread at any moment: of a busy client, one being dropped, one closed."""
    client = Client(exchange.url, credentials=KEY, retry_seconds=0.01)
    scraper = Scraper(ClientCollector({"desk": client}, registry=registry))
    async with scraper.scraping(), client:
        kept = [client.register(f"quote.{BTC}", id) for _ in range(100)]
        for _ in range(3):
            async with client.order_book(BTC) as book, client.trades(BTC):
                await book.wait_valid()
                await dropped(exchange, client)
                before = scraper.scrapes
                while not scraper.faults and scraper.scrapes < before + 20:
                    kept.append(client.register(f"quote.{BTC}", id))
                    kept.pop(0).cancel()
                    await asyncio.sleep(0)

    assert scraper.faults == []
    assert scraper.scrapes > 60


async def test_served(exchange: SimulatedExchange, registry: CollectorRegistry) -> None:
    """prometheus-client's own server gives the numbers, from its own thread."""

    async def get(port: int) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer.decode()

    async with Client(exchange.url) as client:
        ClientCollector({"desk": client}, registry=registry)
        server, thread = start_http_server(0, "127.0.0.1", registry)
        try:
            answer = await get(server.server_port)
        finally:
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            thread.join()

    assert 'deribit_ws_connected{client="desk"} 1.0' in answer


async def test_registered_twice(registry: CollectorRegistry) -> None:
    """A second collector in one registry is refused, whether or not the first has clients."""
    ClientCollector({}, registry=registry)

    with pytest.raises(ValueError, match="Duplicated"):
        ClientCollector({}, registry=registry)


async def test_all_is_exported_and_told() -> None:
    """Every number of `client.stats` is exported, and every metric stands in the how-to."""
    read: set[str] = set()

    class Watched(ClientStats):
        def __getattribute__(self, name: str) -> object:
            read.add(name)
            return super().__getattribute__(name)

    client = Client("ws://127.0.0.1:1")
    stats = client.stats
    fields = [field.name for field in dataclasses.fields(stats)]
    watched = Watched(**{name: getattr(stats, name) for name in fields})

    class Same(Client):
        stats = watched

    metrics = list(ClientCollector({"desk": Same("ws://127.0.0.1:1")}, registry=None).collect())
    told = set(re.findall(r"`deribit_ws_([a-z_]+?)(?:_total)?(?:\{[a-z]+\})?`", HOW_TO.read_text()))

    assert set(fields) - read == set()
    assert {metric.name.removeprefix("deribit_ws_") for metric in metrics} == told


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without prometheus-client the import says in one line what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "deribit_ws.metrics")

    with pytest.raises(
        ImportError, match=r"^deribit_ws.metrics needs .* pip install 'deribit_ws\[metrics\]'$"
    ):
        importlib.import_module("deribit_ws.metrics")
