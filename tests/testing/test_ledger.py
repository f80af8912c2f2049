"""The ledger against what clients really received."""

from collections import Counter

import pytest

from deribit_ws.testing import Drop, SimulatedExchange
from deribit_ws.testing import ledger as ledger_module
from deribit_ws.testing.ledger import Sent
from tests.testing.conftest import Build, Dial
from tests.testing.peer import Peer

BTC, ETH = "BTC-PERPETUAL", "ETH-PERPETUAL"


async def test_frames_are_counted_by_connection_and_channel(
    exchange: SimulatedExchange, peer: Peer, dial: Dial
) -> None:
    """The ledger's counts are what each client received on each channel."""
    channels = [f"{family}.{BTC}.100ms" for family in ("book", "ticker", "trades")] + [f"quote.{ETH}"]
    other = await dial(exchange)
    await peer.subscribe(*channels)
    await other.subscribe(channels[0])
    exchange.step(50)
    for number, client in ((1, peer), (2, other)):
        await client.result("public/get_time")
        got = Counter(message["params"]["channel"] for message in client.heard)

        assert got == {name: sent.frames for name, sent in exchange.ledger.sent[number].items()}
        assert exchange.ledger.frames_sent(connection=number) == got.total()


async def test_trades_made_and_sent(exchange: SimulatedExchange, peer: Peer) -> None:
    """trade_seqs made and sent can be compared, by range, channel and instrument."""
    wide = "trades.any.any.100ms"
    await peer.subscribe(wide)
    since = {name: exchange.market[name].next_trade_seq for name in (BTC, ETH)}
    exchange.step(100)
    await peer.said()
    for name in (BTC, ETH):
        made = exchange.ledger.trade_seqs_made(name, since=since[name])

        assert exchange.ledger.trade_seqs_sent(wide, name) == made
        assert exchange.ledger.trade_seqs_made(name, since=made[1], until=made[3]) == made[1:4]


async def test_trades_during_a_drop_are_made_and_not_sent(
    exchange: SimulatedExchange, peer: Peer, dial: Dial
) -> None:
    """What happens between two connections is in the ledger as made, and not as sent."""
    channel = f"trades.{BTC}.100ms"
    await peer.subscribe(channel)
    exchange.step(40)
    exchange.inject(Drop.rst())
    await peer.ending()
    missed_from = exchange.market[BTC].next_trade_seq
    exchange.step(40)
    missed_to = exchange.market[BTC].next_trade_seq
    second = await dial(exchange)
    await second.subscribe(channel)
    exchange.step(40)
    await second.said()
    sent = exchange.ledger.trade_seqs_sent(channel)
    made = exchange.ledger.trade_seqs_made(BTC, since=sent[0])

    assert missed_to > missed_from
    assert sorted({*sent, *range(missed_from, missed_to)}) == made
    assert exchange.ledger.trade_seqs_sent(channel, connection=2)[0] == missed_to


async def test_past_books_can_be_looked_up(exchange: SimulatedExchange) -> None:
    """The book at any recent change_id is known, and none at a change_id that never was."""
    remembered = {}
    for _ in range(50):
        exchange.step()
        line = exchange.market[BTC]
        bids = [(line.instrument.price(t), line.instrument.amount(n)) for t, n in line.book.bids.levels()]
        remembered[line.change_id] = bids

    for change_id, bids in remembered.items():
        book = exchange.ledger.book_at(BTC, change_id)
        assert book is not None

        assert book[0] == bids
    assert exchange.ledger.book_at(BTC, min(remembered) + 1) is None or min(remembered) + 1 in remembered
    assert exchange.ledger.book_at(BTC, 1) is None


async def test_requests_are_kept_without_secrets(exchange: SimulatedExchange, peer: Peer) -> None:
    """A request is kept with connection, id and parameters, but no secret or token."""
    tokens = await peer.login()
    await peer.result("private/unsubscribe_all", access_token=tokens["access_token"])
    await peer.result("public/auth", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    kept = list(exchange.ledger.requests)

    assert [(r.connection, r.id) for r in kept] == [(1, 1), (1, 2), (1, 3)]
    assert "secret" not in str([request.params for request in kept])
    assert tokens["refresh_token"] not in str(kept) + str(exchange.ledger.requests_of("public/auth"))


async def test_ends_are_kept(exchange: SimulatedExchange, peer: Peer, dial: Dial) -> None:
    """Who ended a connection and how is kept: a fault told, or the client's close code, or nothing."""
    polite, dropped = await dial(exchange), await dial(exchange)
    await polite.socket.close(code=1001)
    exchange.inject(Drop.fin(), connection=3)
    await dropped.ending()
    response = peer.socket._response
    assert response.connection is not None and response.connection.transport is not None
    response.connection.transport.abort()
    await exchange.ledger.until(lambda: not exchange.connections)

    assert [(drop.connection, drop.fault) for drop in exchange.ledger.drops] == [(3, Drop.fin())]
    assert {f.connection: f.code for f in exchange.ledger.farewells} == {1: None, 2: 1001, 3: None}


async def test_the_record_is_bounded(
    exchange: SimulatedExchange, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many frames and connections are remembered; counts stay exact."""
    monkeypatch.setattr(ledger_module, "FRAMES_KEPT", 10)
    monkeypatch.setattr(ledger_module, "CONNECTIONS_KEPT", 3)
    sent = Sent()
    for change_id in range(1000):
        sent.add(change_id)
    for _ in range(5):
        await (await dial(exchange)).result("public/test")

    assert (sent.frames, sent.change_ids[-1]) == (1000, 999)
    assert len(sent.marks) <= 10
    assert list(exchange.ledger.sent) == [3, 4, 5]


async def test_the_same_seed_sends_the_same(build: Build, dial: Dial) -> None:
    """Two exchanges of one seed, clock and course of events say the same, byte for byte."""
    said = []
    for _ in range(2):
        exchange = await build(seed=9, wall_clock=lambda: 1_795_348_800.0)
        peer = await dial(exchange)
        await peer.subscribe(f"book.{BTC}.100ms", f"ticker.{ETH}.100ms", "platform_state")
        exchange.step(100)
        await peer.result("public/get_time")
        said.append(peer.heard)

    assert said[0] == said[1]
