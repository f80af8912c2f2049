"""The command as a process of its own: what it prints and writes, and with what status it ends."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from deribit_ws.testing import Account, FailRequest, RefuseHandshake, SimulatedExchange
from tests.cli.shell import PATIENCE, ROOT, environment
from tests.testnet.conftest import CLIENT_ID, SECRET

KEY = {"DERIBIT_CLIENT_ID": CLIENT_ID, "DERIBIT_CLIENT_SECRET": SECRET}


COMMAND = (sys.executable, "-m", "tools.testnet")


@pytest.fixture
async def exchange() -> AsyncIterator[SimulatedExchange]:
    async with SimulatedExchange(accounts={CLIENT_ID: Account(SECRET)}) as exchange:
        yield exchange


@asynccontextmanager
async def running(*words: str, **environ: str) -> AsyncIterator[Process]:
    """Start the command with these words; it is killed if it outlives the context."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, stdout=PIPE, stderr=PIPE, cwd=ROOT,
        env=environment(**environ),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ended(process: Process) -> tuple[int | None, str, str]:
    """Its status, and what it said on stdout and stderr."""
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()

    assert b"Traceback" not in out + err
    return process.returncode, out.decode(), err.decode()


async def ran(*words: str, **environ: str) -> tuple[int | None, str, str]:
    async with running(*words, **environ) as process:
        return await ended(process)


async def test_confirmed_checks_end_with_0(exchange: SimulatedExchange) -> None:
    """Each check is told as it ends, then all in a table; the status is 0 when nothing is refuted."""
    status, out, err = await ran("envelope", "maintenance", DERIBIT_URL=exchange.url)

    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"2 checks of {exchange.url}, without a login")
    assert "CONFIRMED  envelope/error" in out
    assert "CONFIRMED  envelope     §2, §14.1: Every answer" in out
    assert lines[-1] == "2 CONFIRMED, 0 REFUTED, 1 UNDECIDED"


async def test_refuted_checks_end_with_1(exchange: SimulatedExchange) -> None:
    """The status is 1 when anything is refuted, and what was seen instead is told."""
    exchange.inject(FailRequest("public/get_no_such_thing", 10001))
    status, out, _ = await ran("unknown-method", "bad-json", DERIBIT_URL=exchange.url)

    assert status == 1
    assert re.search(r"^REFUTED +unknown-method +10001 error", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "environ", "said"),
    [
        (["no-such-check"], {}, "no check begins with 'no-such-check'"),
        ([], {"DERIBIT_URL": "wss://www.deribit.com/ws/api/v2"}, "www.deribit.com is no test exchange"),
        ([], {"DERIBIT_URL": f"wss://user:{SECRET}@test.deribit.com/ws/api/v2"}, "no user or password"),
        ([], {"DERIBIT_URL": "http://127.0.0.1:1"}, "not a websocket URL"),
        ([], {"DERIBIT_CLIENT_ID": CLIENT_ID}, "half an API key"),
        ([], {**KEY, "DERIBIT_URL": "ws://test.example:1"}, "can be read by others"),
        (["--out", "/nonexistent/evidence.json"], {}, "--out: "),
        (["--seconds", "0"], {}, "must be above zero"),
    ],
)
async def test_wrong_usage_ends_with_2(words: list[str], environ: dict[str, str], said: str) -> None:
    """What can't be right is told in words before anything is dialled, and ends with 2."""
    status, out, err = await ran(*words, **environ)

    assert (status, out) == (2, "")
    assert said in err
    assert SECRET not in err


async def test_nothing_decided_ends_with_3(exchange: SimulatedExchange) -> None:
    """An exchange that lets nobody in decides nothing, nor do checks that can't."""
    open_points = await ran("maintenance", DERIBIT_URL=exchange.url)
    exchange.inject(RefuseHandshake(404))
    status, _, err = await ran("envelope", DERIBIT_URL=exchange.url)

    assert open_points[0] == 3
    assert status == 3
    assert err == f"testnet: {exchange.url}: no connection: HTTP 404 instead of a websocket\n"


async def test_interrupt_gives_the_table_so_far(exchange: SimulatedExchange, tmp_path: Path) -> None:
    """Ctrl-C ends with the table and the evidence of what has ended, and with 130."""
    out_file = tmp_path / "evidence.json"
    async with running("envelope", "idle-cut", "--out", str(out_file), DERIBIT_URL=exchange.url) as process:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while not (await process.stdout.readline()).startswith(b"CONFIRMED  envelope/error"):
                pass
        process.send_signal(signal.SIGINT)
        status, out, _ = await ended(process)

    assert status == 130
    assert "not ended  idle-cut" in out
    assert "1 check did not end" in out
    assert [check["name"] for check in json.loads(out_file.read_text())["checks"]] == ["envelope"]


LOGINS = (
    "wrong-secret",
    "default-scope",
    "signed-login",
    "refresh-rotates",
    "token-elsewhere",
    "client-logs-in",
)


async def test_no_secret_is_printed_or_written(exchange: SimulatedExchange, tmp_path: Path) -> None:
    """Key, secret, tokens and signatures are in nothing that is printed or written."""
    out_file = tmp_path / "evidence.json"
    status, out, err = await ran(*LOGINS, "--out", str(out_file), DERIBIT_URL=exchange.url, **KEY)
    written = out_file.read_text()

    assert status == 0, out
    for text in (out, err, written):
        assert SECRET not in text
        assert CLIENT_ID not in text
        assert not re.search(r"[0-9a-f]{60}", text)  # the form of tokens and signatures
    logins = [params for params in found("params", json.loads(written)) if "grant_type" in params]
    assert len(logins) > 5
    assert {params.get("client_id", "***") for params in logins} == {"***"}


def found(key: str, value: Any) -> list[Any]:
    """All that stands under a key, at any depth."""
    match value:
        case dict():
            here = [value[key]] if key in value else []
            return here + [one for inner in value.values() for one in found(key, inner)]
        case list():
            return [one for inner in value for one in found(key, inner)]
        case _:
            return []


async def test_nobody_reads_the_list() -> None:
    """A list whose reader has left ends quietly, with the status of a broken pipe."""
    unread, out = os.pipe()
    os.close(unread)
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--list", stdout=out, stderr=PIPE, cwd=ROOT, env=environment()
    )
    os.close(out)
    async with asyncio.timeout(PATIENCE):
        _, err = await process.communicate()

    assert (process.returncode, err) == (141, b"")


async def test_reader_leaves_under_the_checks(exchange: SimulatedExchange) -> None:
    """A run whose reader leaves ends there, and quietly."""
    async with running("envelope", "idle-cut", DERIBIT_URL=exchange.url) as process:
        assert process.stdout is not None and process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            first = await process.stdout.readline()
            process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # no other way
            err = await process.stderr.read()
            status = await process.wait()

    assert first.startswith(b"2 checks of")
    assert (status, err) == (141, b"")


async def test_list_names_every_check() -> None:
    """--list tells each check, its claim and what it needs, and connects nowhere."""
    status, out, _ = await ran("--list", DERIBIT_URL="ws://127.0.0.1:1")

    assert status == 0
    assert re.search(
        r"^logout +§4, §9, §14.7: A logout has no answer.*\[needs a login and --orders\]$", out, re.M
    )
    assert re.search(r"^maintenance .*\[not decided here\]$", out, re.M)
