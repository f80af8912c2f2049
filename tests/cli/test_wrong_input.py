"""Wrong input: one clear line on stderr and an exact status, never a traceback."""

import asyncio
import subprocess
import sys

import pytest

from tests.cli.conftest import Run
from tests.cli.shell import ROOT, ran

USAGE = 2
WRONG = [
    ([], "COMMAND"),
    (["bogus"], "bogus"),
    (["--bogus"], "COMMAND"),
    (["tail"], "CHANNEL"),
    (["tail", "--bogus", "a"], "--bogus"),
    (["tail", "ticker.*.100ms"], "ticker.*.100ms"),
    (["tail", "ticker.{instrument}.100ms"], "{instrument}"),
    (["tail", "user.>"], "user.>"),
    (["tail", ""], "not a channel"),
    (["tail", "a b"], "a b"),
    (["tail", "x" * 40_000], "not a channel"),
    (["tail", "--testnet", "--url", "ws://x", "a"], "not allowed with"),
    (["tail", "--url", "http://127.0.0.1/", "a"], "http://127.0.0.1/"),
    (["tail", "--url", "", "a"], "--url"),
    (["tail", "--url", "ws://", "a"], "no host"),
    (["tail", "--url", "ws://127.0.0.1:99999/", "a"], "not a URL"),
    (["tail", "user.lock"], "DERIBIT_CLIENT_ID"),
    (["tail", "book.BTC-PERPETUAL.raw"], "DERIBIT_CLIENT_SECRET"),
    (["call"], "METHOD"),
    (["call", "get_time"], "public/get_time"),
    (["call", "public/get_time", "now"], "not key=value: 'now'"),
    (["call", "public/get_time", "=1"], "not key=value"),
    (["call", "public/ticker", "a=1", "a=2"], "given twice: a"),
    (["call", "public/get_time", "--timeout", "0"], "--timeout"),
    (["call", "public/get_time", "--timeout", "soon"], "--timeout"),
    (["call", "public/get_time", "--timeout", "nan"], "--timeout"),
    (["call", "public/subscribe", "channels=[]"], "deribit-ws tail"),
    (["call", "private/get_positions"], "DERIBIT_CLIENT_ID"),
    (["simulate", "--port", "65536"], "65536"),
    (["simulate", "--port", "x"], "--port"),
    (["simulate", "--drop-every", "-1"], "--drop-every"),
    (["demo", "--seconds", "60"], "--seconds"),
    (["demo", "--seconds", "5"], "--seconds"),
    (["demo", "--seed", "1.5"], "--seed"),
    (["demo", "extra"], "extra"),
]


@pytest.mark.parametrize(("words", "named"), WRONG, ids=lambda value: str(value)[:40])
def test_names_what_is_wrong(in_place: Run, words: list[str], named: str) -> None:
    """One line on stderr names the fault, stdout stays empty, and the status is 2."""
    ended = in_place(*words)

    assert (ended.status, ended.out) == (USAGE, "")
    assert len(ended.complaints) == 1 and named in ended.err
    assert ended.err.startswith("deribit-ws: ") and "Traceback" not in ended.err


async def test_says_the_same_as_a_process() -> None:
    """Run as a process of its own, each command ends on wrong input with status 2 and one line."""
    wrong = (["tail"], ["call", "nope"], ["simulate", "--port", "x"], ["demo", "--seconds", "99"])
    endings = await asyncio.gather(*(ran(*words) for words in wrong))

    assert [(e.status, e.out, len(e.complaints)) for e in endings] == [(USAGE, "", 1)] * 4


def test_wrong_environment_is_named(in_place: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A DERIBIT_URL that can't be dialled is blamed on DERIBIT_URL, by name."""
    monkeypatch.setenv("DERIBIT_URL", "https://www.deribit.com")
    ended = in_place("tail", "ticker.BTC-PERPETUAL.100ms")

    assert ended.status == USAGE
    assert ended.err.startswith("deribit-ws: DERIBIT_URL: ") and len(ended.complaints) == 1


@pytest.mark.parametrize(
    "words", [["--help"], *([c, "--help"] for c in ("demo", "tail", "call", "simulate"))]
)
def test_help_fits_a_terminal(in_place: Run, words: list[str]) -> None:
    """`--help` gives examples and exit statuses within 80 columns, and ends with status 0."""
    ended = in_place(*words)

    assert (ended.status, ended.err) == (0, "")
    assert "examples:" in ended.out and "exit status:" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


def test_version_is_one_line(in_place: Run) -> None:
    """`--version` names the command and its version on one line."""
    ended = in_place("--version")

    assert ended.status == 0
    assert len(ended.out.splitlines()) == 1 and ended.out.startswith("deribit-ws ")


def test_control_characters_are_shown_not_obeyed(in_place: Run) -> None:
    """A name with an escape code in it is quoted harmlessly."""
    ended = in_place("tail", "ticker.\x1b[31mBTC\n.100ms")

    assert ended.status == USAGE
    assert "\x1b" not in ended.err and len(ended.complaints) == 1


async def test_password_in_a_url_is_not_repeated() -> None:
    """A URL with a password is refused without showing it."""
    ended = await ran("tail", "--url", "ws://me:hunter2@127.0.0.1/", "a")

    assert ended.status == USAGE
    assert "hunter2" not in ended.err and "DERIBIT_CLIENT_SECRET" in ended.err


async def test_secrets_are_not_taken_from_the_command_line() -> None:
    """`call public/auth` is refused, and what was typed with it is not shown."""
    ended = await ran("call", "public/auth", "client_id=me", "client_secret=hunter2")

    assert ended.status == USAGE
    assert "hunter2" not in ended.err and "DERIBIT_CLIENT_SECRET" in ended.err


@pytest.mark.parametrize("words", [["--help"], ["tail", "user.>"], ["call", "nope"]])
def test_simulated_exchange_is_not_loaded(words: list[str]) -> None:
    """What needs no simulated exchange does not load it, nor rich."""
    code = f"import sys; from deribit_ws.cli import main; main({words}); print(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )

    assert "deribit_ws.testing" not in process.stdout and "rich" not in process.stdout.split()
