"""`deribit-ws monitor` as a process: on terminals of several sizes, in a pipe, and with wrong input."""

import importlib.util
import signal
from pathlib import Path

import pytest

from deribit_ws.testing import Drop, DropChannels, Maintenance, SimulatedExchange
from tests.cli.conftest import Run, exchange, in_place
from tests.cli.shell import ROOT, SOON, ran, running
from tests.monitor.scenes import BOOK, INDEX, TICKER
from tests.monitor.terminal import ALTERNATE, HIDDEN, SHOWN, on_a_terminal

__all__ = ["exchange", "in_place"]

TRADES = "trades.BTC-PERPETUAL.100ms"
needs_rich = pytest.mark.skipif(importlib.util.find_spec("rich") is None, reason="rich is not installed")
WITHOUT_RICH = (
    "import importlib.util as u\nfind = u.find_spec\n"
    "u.find_spec = lambda name, *rest: None if name == 'rich' else find(name, *rest)\n"
)


@needs_rich
@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_screen_through_a_drop(exchange: SimulatedExchange, size: tuple[int, int]) -> None:
    """The screen fills the terminal through a drop, which it tells; Ctrl-C leaves the terminal as it was."""
    words = ("monitor", BOOK, TICKER, TRADES, "--url", exchange.url)
    monitor = await on_a_terminal(*words, size=size)
    first = await monitor.sees("connected", "valid", " ok ", lines=size[1])
    exchange.inject(Maintenance(1.0))
    down = await monitor.sees("INVALID", "close_1001", "recovering")
    after = await monitor.sees("connected", "valid", "back in", lines=size[1])
    status, rest = await monitor.end(signal.SIGINT)

    assert status == 130
    assert all(len(line) <= size[0] for screen in monitor.terminal.screens for line in screen)
    assert {len(screen) for screen in monitor.terminal.screens} == {size[1]}
    assert "drops 0" in "\n".join(first) and "drops 1 (close_1001 1)" in "\n".join(after)
    assert "50 " not in down and any("no levels" in line for line in down)
    assert monitor.terminal.written.count(ALTERNATE) == 1
    assert monitor.terminal.written.rindex(HIDDEN) < monitor.terminal.written.rindex(SHOWN)
    assert rest.strip().startswith(b"Watched ") and b"1 drops (close_1001 1)" in rest and b"\x1b" not in rest


@needs_rich
async def test_resized_terminal_is_filled_anew(exchange: SimulatedExchange) -> None:
    """A terminal that changes its size gets screens of the new one."""
    monitor = await on_a_terminal("monitor", BOOK, TICKER, "--url", exchange.url, size=(120, 40))
    await monitor.sees("valid", lines=40)
    monitor.terminal.resize(60, 16)
    small = await monitor.sees("connected", lines=16)
    monitor.terminal.resize(200, 50)
    large = await monitor.sees("connected", "messages", lines=50)
    await monitor.end(signal.SIGTERM)

    assert max(map(len, small)) <= 60 < max(map(len, large)) <= 200


@needs_rich
async def test_no_color_is_honoured(exchange: SimulatedExchange) -> None:
    """With NO_COLOR nothing on the screen has a colour."""
    words = ("monitor", TICKER, "--url", exchange.url)
    colourful, plain = await on_a_terminal(*words), await on_a_terminal(*words, NO_COLOR="1")
    for monitor in (colourful, plain):
        await monitor.sees("connected", " ok ")
        await monitor.end(signal.SIGTERM)

    assert b"\x1b[32m" in colourful.terminal.written and b"\x1b[32m" not in plain.terminal.written


@needs_rich
async def test_ascii_terminal(exchange: SimulatedExchange) -> None:
    """A terminal that knows ASCII alone gets nothing else, chart included."""
    monitor = await on_a_terminal("monitor", TICKER, "--url", exchange.url, PYTHONIOENCODING="ascii")
    await monitor.sees("* connected", "-3.0 s")
    status, _ = await monitor.end(signal.SIGINT)

    assert status == 130
    assert monitor.terminal.written.isascii()


@pytest.mark.parametrize("way", ["--plain", "without rich"])
async def test_plain_lines_on_a_terminal(exchange: SimulatedExchange, tmp_path: Path, way: str) -> None:
    """Asked for, or where nothing better is to be had, it is a line per second and event, without escapes."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_RICH)
    (options, path) = (["--plain"], str(ROOT)) if way == "--plain" else ([], f"{tmp_path}:{ROOT}")
    monitor = await on_a_terminal("monitor", *options, TICKER, "--url", exchange.url, PYTHONPATH=path)
    await monitor.writes("drops 0")
    exchange.inject(Drop.close(1012, "service restart"))
    await monitor.writes("drops 1")
    status, _ = await monitor.end(signal.SIGINT)
    lines = monitor.terminal.written.decode().splitlines()

    assert status == 130
    assert b"\x1b" not in monitor.terminal.written and monitor.terminal.written.isascii()
    assert any("disconnected  code=1012  reason=service restart" in line for line in lines)
    assert sum("needs rich" in line for line in lines) == (way == "without rich")
    assert lines[-1].startswith("Watched ")


async def test_json_lines_in_a_pipe(exchange: SimulatedExchange) -> None:
    """Into a pipe it writes one JSON object per event and second, and a summary when it is ended."""
    exchange.inject(DropChannels("nope.nope"))
    async with running("monitor", BOOK, "nope.nope", "--url", exchange.url) as monitor:
        lines = ""
        while '"valid": true' not in lines:
            lines += await monitor.line()
        exchange.inject(Drop.rst())
        ended = await monitor.end(signal.SIGTERM)
    first = [line.partition('"event": "')[2].partition('"')[0] for line in lines.splitlines()]

    assert (ended.status, ended.err) == (143, "")
    assert first[0] == "started" and {"connected", "refused", "state"} <= {*first}
    assert ended.objects[-1]["event"] == "summary" and ended.objects[-1]["messages"] > 0
    assert ended.seconds < SOON
    assert "\x1b" not in lines + ended.out


@pytest.mark.parametrize("options", [[], ["--plain"]])
async def test_all_refused_ends_it(exchange: SimulatedExchange, options: list[str]) -> None:
    """When the exchange gives none of the channels it ends with status 1 and one line that names them."""
    exchange.inject(DropChannels(TICKER, INDEX))
    ended = await ran("monitor", *options, TICKER, INDEX, "--url", exchange.url)

    assert ended.status == 1
    assert len(ended.complaints) == 1 and TICKER in ended.err and INDEX in ended.err


@needs_rich
async def test_view_makes_room_for_the_last_word(exchange: SimulatedExchange) -> None:
    """What ends the live view is told once the terminal is as it was."""
    exchange.inject(DropChannels(BOOK))
    monitor = await on_a_terminal("monitor", BOOK, "--url", exchange.url)
    status, rest = await monitor.end()

    assert status == 1
    assert rest.decode().splitlines()[-1] == f"deribit-ws: the exchange did not subscribe {BOOK}"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "CHANNEL"),
        (["a b"], "a b"),
        (["ticker.*.100ms"], "ticker.*.100ms"),
        (["user.lock"], "DERIBIT_CLIENT_ID"),
        (["book.X.raw"], "DERIBIT_CLIENT_SECRET"),
        (["--url", "http://127.0.0.1/", "a"], "http://127.0.0.1/"),
        (["--speed", "a"], "--speed"),
    ],
)
def test_wrong_input_is_one_line(in_place: Run, words: list[str], named: str) -> None:
    """Wrong input ends it with status 2 and one line that names the fault, before anything is dialled."""
    ended = in_place("monitor", *words)

    assert (ended.status, ended.out) == (2, "")
    assert len(ended.complaints) == 1 and named in ended.err


async def test_rich_and_the_simulated_exchange_are_not_loaded(exchange: SimulatedExchange) -> None:
    """In a pipe it loads neither rich nor the simulated exchange."""
    exchange.inject(DropChannels(TICKER))
    ended = await ran("monitor", TICKER, "--url", exchange.url, PYTHONPROFILEIMPORTTIME="1")

    assert "deribit_ws.monitor" in ended.err
    assert "rich" not in ended.err.replace("|", " ").split() and "deribit_ws.testing" not in ended.err
