"""`deribit-ws demo`: it drops, it recovers, and its account is the ledger's."""

import asyncio
import os
import pty
import signal
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.shell import COMMAND, PATIENCE, ROOT, SOON, environment, ran, running, until

VIEW_IS_UP = "● connected".encode()
ALTERNATE_SCREEN_LEFT = b"\x1b[?1049l"


class Terminal:
    """A terminal of 80 by 24, read by a thread: asyncio has no transport for one."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        self.shown = b""
        self._reader = threading.Thread(target=self._read)

    def open(self) -> None:
        """Begin to read; the other end belongs to the command from here on."""
        os.close(self.theirs)
        self._reader.start()

    def close(self) -> None:
        """Wait for all that was written; the command must have ended."""
        self._reader.join()
        os.close(self._ours)

    def _read(self) -> None:
        with suppress(OSError):  # how a terminal says that the other side is gone
            while data := os.read(self._ours, 65_536):
                self.shown += data


async def on_a_terminal(
    *words: str, seen: bytes, number: signal.Signals, **environ: str
) -> tuple[int, bytes]:
    """Run the command with stdout on a terminal, signal it once `seen` is there; give status and output."""
    terminal = Terminal()
    size = {"COLUMNS": "80", "LINES": "24"}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, stdout=terminal.theirs, cwd=ROOT, env=environment(**size, **environ)
    )
    terminal.open()
    await until(lambda: seen in terminal.shown)
    process.send_signal(number)
    async with asyncio.timeout(PATIENCE):
        status = await process.wait()
    terminal.close()
    return status, terminal.shown


async def test_short_demo_adds_up() -> None:
    """Six seconds see five kinds of drops, and every trade, book and order comes out of them whole."""
    ended = await ran("demo", "--seconds", "6")
    summary = ended.objects[-1]
    trades, books, orders = summary["trades_total"], summary["books_total"], summary["orders"]
    events = [event["event"] for event in ended.objects]

    assert (ended.status, ended.err) == (0, ""), summary
    assert summary["event"] == "summary" and summary["adds_up"] and summary["discrepancies"] == []
    assert len({drop["kind"] for drop in summary["drops"]}) >= 5
    assert all(drop["back_ms"] is not None for drop in summary["drops"])
    assert events.count("fault") == events.count("disconnected") == len(summary["drops"])
    assert events.count("connected") == events.count("disconnected") + 1
    assert 6 <= summary["seconds"] < 9.6
    assert trades["made"] == trades["delivered"] > trades["sent"] > 0
    assert trades["recovered"] >= trades["delivered"] - trades["sent"]
    assert trades["missed"] == trades["duplicates"] == trades["out_of_order"] == trades["declared_lost"] == 0
    assert books["compared"] == books["equal"] > 0 == books["crossed"]
    assert books["not_valid"] >= 5 and books["resyncs"] >= 1
    assert orders["placed"] == orders["at_exchange"] > 0 < orders["not_placed"]
    assert orders["cut"] >= 2 and orders["open"] == 0
    assert summary["messages_delivered"] <= summary["messages_sent"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", ["started", "fault"])
async def test_signal_ends_it_with_an_account(number: signal.Signals, after: str) -> None:
    """A signal at any time ends it in time, with the account of so far, which adds up."""
    async with running("demo", "--seconds", "20") as demo:
        while f'"{after}"' not in await demo.line():
            pass
        ended = await demo.end(number)

    assert (ended.status, ended.err) == (128 + number, "")
    assert ended.seconds < SOON
    assert ended.objects[-1]["event"] == "summary" and ended.objects[-1]["interrupted"]
    assert ended.objects[-1]["discrepancies"] == []


async def test_live_view_leaves_the_terminal_as_it_was() -> None:
    """On a terminal it shows the view on the other screen; a signal restores it; the account follows."""
    pytest.importorskip("rich")
    status, shown = await on_a_terminal("demo", seen=VIEW_IS_UP, number=signal.SIGINT)
    view, _, after = shown.rpartition(ALTERNATE_SCREEN_LEFT)

    assert status == 130
    assert b"BTC-PERPETUAL" in view and b"Drops so far" in view
    assert after.strip().startswith(b"Account of") and b"\x1b[?25l" not in after


async def test_no_color_is_honoured() -> None:
    """With NO_COLOR the view has no colour."""
    pytest.importorskip("rich")
    _, coloured = await on_a_terminal("demo", seen=VIEW_IS_UP, number=signal.SIGTERM)
    _, plain = await on_a_terminal("demo", seen=VIEW_IS_UP, number=signal.SIGTERM, NO_COLOR="1")

    assert b"\x1b[32m" in coloured and b"\x1b[32m" not in plain


async def test_without_rich_it_tells_in_plain_lines(tmp_path: Path) -> None:
    """On a terminal without rich it is a line per event, without a single escape code."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'rich' else find(name, *rest)\n"
    )
    path = f"{tmp_path}:{ROOT}"
    status, shown = await on_a_terminal("demo", seen=b"connected", number=signal.SIGINT, PYTHONPATH=path)

    assert status == 130
    assert b"connected" in shown and b"Account of" in shown and b"\x1b" not in shown


async def test_reader_that_leaves_ends_it_quietly() -> None:
    """`demo | head -1` ends with 141 long before its time, and says nothing of a pipe."""
    words = " ".join([*COMMAND, "demo"])
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
    async with asyncio.timeout(PATIENCE / 2):
        out, err = await process.communicate()

    assert (process.returncode, err) == (141, b"")
    assert len(out.splitlines()) == 1
