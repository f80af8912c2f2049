"""`deribit-ws tail`: every message a line, through drops, into whatever reads it."""

import asyncio
import json
import shutil
import signal

import pytest

from deribit_ws.testing import Drop, Say, SimulatedExchange
from tests.cli.shell import COMMAND, PATIENCE, ROOT, SOON, environment, ran, running, until

BOOK = "book.BTC-PERPETUAL.100ms"
TRADES = "trades.BTC-PERPETUAL.100ms"
RAW = "book.BTC-PERPETUAL.raw"
LOGIN = {"DERIBIT_CLIENT_ID": "simulated", "DERIBIT_CLIENT_SECRET": "secret"}


async def test_gives_what_was_sent(exchange: SimulatedExchange) -> None:
    """Each line is an object of channel, data and time, in the order the exchange sent them."""
    async with running("tail", BOOK, TRADES, "--url", exchange.url) as tail:
        await until(lambda: exchange.ledger.frames_sent(TRADES) > 5)
        ended = await tail.end(signal.SIGTERM)

    books = [line["data"]["change_id"] for line in ended.objects if line["channel"] == BOOK]
    trades = [t["trade_seq"] for line in ended.objects if line["channel"] == TRADES for t in line["data"]]
    sent, seqs = exchange.ledger.change_ids_sent(BOOK), exchange.ledger.trade_seqs_sent(TRADES)

    assert all(line.keys() == {"channel", "data", "received_at"} for line in ended.objects)
    assert books == sent[: len(books)] and len(books) >= len(sent) - 2
    assert trades == seqs[: len(trades)] and len(trades) > 5


async def test_tells_a_drop_once(exchange: SimulatedExchange) -> None:
    """A drop and the new link are told in a line each on stderr; stdout goes on with data only."""
    async with running("tail", BOOK, "--url", exchange.url) as tail:
        await tail.line()
        exchange.inject(Drop.close(4000, "forged\nline \x1b[31mred"))
        await until(lambda: 2 in exchange.connections and exchange.ledger.frames_sent(BOOK, 2) > 2)
        ended = await tail.end(signal.SIGINT)

    assert [line.split()[1] for line in ended.complaints] == ["connected:", "disconnected", "connected"]
    assert "\x1b" not in ended.err and r"forged\x0aline" in ended.err
    assert {line["channel"] for line in ended.objects} == {BOOK}


async def test_forged_text_stays_one_line(exchange: SimulatedExchange) -> None:
    """Control characters in what a server sends reach no line of JSON unescaped, and mean the same."""
    name = "user\u009b31m\u2028x"
    data = json.dumps({"name": name}, ensure_ascii=False)
    said = f'{{"jsonrpc":"2.0","method":"subscription",\n"params":{{"channel":"{BOOK}","data":\n{data}}}}}'
    async with running("tail", BOOK, "--url", exchange.url) as tail:
        await tail.line()
        exchange.inject(Say(text=said))
        await asyncio.sleep(0.3)  # the other process has to read it
        ended = await tail.end(signal.SIGTERM)

    assert [line["data"]["name"] for line in ended.objects if "name" in line["data"]] == [name]
    assert "\u009b" not in ended.out and "\u2028" not in ended.out


@pytest.mark.skipif(shutil.which("bash") is None, reason="the pipe is bash's")
async def test_reader_that_leaves_ends_it_quietly(exchange: SimulatedExchange) -> None:
    """`| head -1` gets its line; the command ends with 141 and says nothing of a pipe."""
    words = " ".join([*COMMAND, "tail", TRADES, BOOK, "--url", exchange.url])
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        f"set -o pipefail; {words} | head -1",
        stdout=pipe,
        stderr=pipe,
        cwd=ROOT,
        env=environment(),
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()

    assert process.returncode == 141
    assert len(out.splitlines()) == 1 and json.loads(out)["channel"]
    assert b"Traceback" not in err and b"roken" not in err
    await until(lambda: [f.code for f in exchange.ledger.farewells] == [1000])


async def test_reader_that_stalls_does_not_hold_it(exchange: SimulatedExchange) -> None:
    """With a full pipe that nobody reads, a signal still ends it in time, with a close frame."""
    channels = [f"{kind}.{name}" for name in exchange.instruments[:4] for kind in ("book", "ticker")]
    async with running("tail", *[f"{c}.100ms" for c in channels], "--url", exchange.url) as tail:
        assert tail.process.stdout is not None
        tail.process.stdout._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio has no public way
        await until(lambda: sum(exchange.ledger.frames_sent(f"{c}.100ms") for c in channels) > 400)
        tail.process.stdout._transport.resume_reading()  # type: ignore[attr-defined]  # as above
        ended = await tail.end(signal.SIGTERM)

    assert ended.status == 143 and ended.seconds < SOON
    assert [f.code for f in exchange.ledger.farewells] == [1000]


async def test_unknown_channel_is_named(exchange: SimulatedExchange) -> None:
    """A channel that the exchange does not know ends it with status 1 and one line."""
    ended = await ran("tail", "nope.nope", "--url", exchange.url)

    assert (ended.status, ended.out) == (1, "")
    assert len(ended.complaints) == 1 and "nope.nope" in ended.err


async def test_known_channels_go_on_beside_an_unknown_one(exchange: SimulatedExchange) -> None:
    """One unknown channel among others costs a warning only."""
    async with running("tail", "nope.nope", BOOK, "--url", exchange.url) as tail:
        line = json.loads(await tail.line())
        ended = await tail.end(signal.SIGTERM)

    assert line["channel"] == BOOK
    assert ended.err.count("nope.nope") == 1


async def test_raw_channels_log_in(exchange: SimulatedExchange) -> None:
    """Credentials from the environment open raw channels, and are shown nowhere, even with -v."""
    async with running("tail", "-v", RAW, "--url", exchange.url, **LOGIN) as tail:
        line = json.loads(await tail.line())
        ended = await tail.end(signal.SIGTERM)

    assert line["channel"] == RAW
    assert "secret" not in ended.err + ended.out


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps here")
async def test_the_secret_is_in_no_process_list(exchange: SimulatedExchange) -> None:
    """What `ps` shows of a command that is logged in holds its channel, and no secret."""
    async with running("tail", RAW, "--url", exchange.url, **LOGIN) as tail:
        await tail.line()
        command = ("ps", "-ww", "-o", "args=", "-p", str(tail.process.pid))
        listing = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        shown, _ = await listing.communicate()
        await tail.end(signal.SIGTERM)

    assert RAW in shown.decode()
    assert "secret" not in shown.decode()


async def test_public_channels_do_not_log_in(exchange: SimulatedExchange) -> None:
    """Credentials that nothing asks for are not sent."""
    async with running("tail", BOOK, "--url", exchange.url, **LOGIN) as tail:
        await tail.line()
        await tail.end(signal.SIGTERM)

    assert exchange.ledger.requests_of("public/auth") == []


async def test_wrong_secret_is_one_line(exchange: SimulatedExchange) -> None:
    """A refused login ends it with status 1 and one line without the secret."""
    wrong = LOGIN | {"DERIBIT_CLIENT_SECRET": "hunter2"}
    ended = await ran("tail", RAW, "--url", exchange.url, **wrong)

    assert (ended.status, ended.out) == (1, "")
    assert len(ended.complaints) == 1 and "13004" in ended.err and "hunter2" not in ended.err


async def test_url_may_come_from_the_environment(exchange: SimulatedExchange) -> None:
    """DERIBIT_URL is where it dials when no option says otherwise."""
    async with running("tail", BOOK, DERIBIT_URL=exchange.url) as tail:
        line = json.loads(await tail.line())
        await tail.end(signal.SIGTERM)

    assert line["channel"] == BOOK


async def test_full_disk_is_one_line(exchange: SimulatedExchange) -> None:
    """Output that can't be written ends it with status 1 and says why."""
    words = " ".join([*COMMAND, "tail", BOOK, "--url", exchange.url])
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", f"{words} > /dev/full", stderr=asyncio.subprocess.PIPE, cwd=ROOT, env=environment()
    )
    async with asyncio.timeout(PATIENCE):
        _, err = await process.communicate()

    assert process.returncode == 1
    assert b"No space left" in err and b"Traceback" not in err
