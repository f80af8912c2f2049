"""`deribit-ws simulate --from`: a recording served to whoever comes, as a process of its own."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from deribit_ws import Client
from deribit_ws.cli.arguments import parser
from deribit_ws.cli.simulate import run
from deribit_ws.errors import SubscriptionRejected
from tests.cli.conftest import Run
from tests.cli.recorded import BOOK, DAY, TICKER, TRADES, said, ticker, write
from tests.cli.shell import SOON, ran, running


async def test_tail_sees_the_recorded_day(tmp_path: Path) -> None:
    """A client of the served recording gets its messages and its drop; the file's channels and no others."""
    path = str(write(tmp_path / "day.jsonl.gz"))
    async with running("simulate", "--from", path, "--speed", "2") as simulate:
        url = json.loads(await simulate.line())["url"]
        async with running("tail", BOOK, TICKER, TRADES, "nope.nope", "--url", url) as tail:
            lines = [json.loads(await tail.line()) for _ in range(4)]
            told = await tail.end(signal.SIGTERM)
        ended = await simulate.end(signal.SIGINT)

    assert [line["channel"] for line in lines] == [BOOK, TICKER, TRADES, TRADES]
    assert lines[1]["data"] == ticker(0.5, 90_000.0)
    assert "4000 bye" in told.err and told.err.count("nope.nope") >= 1
    assert ended.status == 130 and ended.seconds < SOON
    assert "drop, as recorded: 4000 bye" in ended.err and f"tail --url {url} {BOOK}" in ended.err


async def test_what_is_not_in_it_is_refused(tmp_path: Path) -> None:
    """Channels that were not recorded are left out, and methods that would ask a market are refused."""
    path = str(write(tmp_path / "day.jsonl"))
    async with running("simulate", "--from", path) as simulate:
        url = json.loads(await simulate.line())["url"]
        async with Client(url) as client:
            with pytest.raises(SubscriptionRejected):
                await client.subscribe("quote.BTC-PERPETUAL")
        refused = await ran("call", "public/get_instruments", "currency=BTC", "--url", url)
        await simulate.end(signal.SIGTERM)

    assert refused.status == 1 and "10033" in refused.err


@pytest.mark.usefixtures("in_place")  # puts logging back
async def test_a_signal_is_heeded_while_it_looks_for_channels(tmp_path: Path) -> None:
    """A long recording is gone through in short turns: a signal, which cancels, is heeded at once."""
    path = write(tmp_path / "long.jsonl", [said(n, TICKER, ticker(n, 1.0)) for n in range(300)] * 100)
    serving = asyncio.create_task(run(parser(lambda: "").parse_args(["simulate", "--from", str(path)])))
    await asyncio.sleep(0.01)  # real time: a tenth of what it takes
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(1):
            await serving


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--speed", "10"], "--from"),
        (["--from", "{day}", "--seed", "1"], "--seed"),
        (["--from", "{day}", "--drop-every", "1"], "--drop-every"),
        (["--from", "{day}", "--speed", "0"], "'0'"),
        (["--from", ""], "--from"),
        (["--from", "{silent}"], "no message of any channel"),
    ],
)
def test_wrong_words_are_one_line(in_place: Run, tmp_path: Path, words: list[str], named: str) -> None:
    """What can't be done with a recording is one line that names it."""
    files = {"day": write(tmp_path / "day.jsonl"), "silent": write(tmp_path / "silent.jsonl", DAY[:4])}
    ended = in_place("simulate", *[word.format(**files) for word in words])

    assert ended.status in (1, 2) and ended.out == ""
    assert len(ended.complaints) == 1 and named in ended.err
