"""`deribit-ws simulate`: an exchange that others can use, until it is stopped."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from deribit_ws import Client
from tests.cli.shell import SOON, ran, running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_serves_until_a_signal(number: signal.Signals) -> None:
    """Its first line says where it is; a client can talk to it; a signal ends it in time."""
    async with running("simulate") as simulate:
        urls = json.loads(await simulate.line())
        async with Client(urls["url"]) as client:
            now = await client.call("public/get_time")
        ended = await simulate.end(number)

    assert isinstance(now, int) and urls["http_url"].startswith("http://127.0.0.1:")
    assert ended.status == 128 + number and ended.seconds < SOON
    assert urls["url"] in ended.err


async def test_ends_in_time_with_clients_connected() -> None:
    """Clients that are still connected do not hold it up."""
    async with running("simulate") as simulate:
        url = json.loads(await simulate.line())["url"]
        async with running("tail", "book.BTC-PERPETUAL.100ms", "--url", url) as tail:
            await tail.line()
            ended = await simulate.end(signal.SIGTERM)
            await tail.end(signal.SIGTERM)

    assert ended.status == 143 and ended.seconds < SOON


async def test_drops_every_so_often() -> None:
    """With --drop-every, connections end in one way after another, and it says which."""
    async with running("simulate", "--drop-every", "0.3") as simulate:
        url = json.loads(await simulate.line())["url"]
        async with running("tail", "ticker.BTC-PERPETUAL.100ms", "--url", url) as tail:
            for _ in range(8):
                await tail.line()
            told = await tail.end(signal.SIGTERM)
        ended = await simulate.end(signal.SIGTERM)

    assert "drop: TCP reset" in ended.err
    assert "disconnected" in told.err


async def test_tls_is_trusted_as_it_says() -> None:
    """With --tls its certificate holds for whoever trusts the file it names, and for nobody else."""
    pytest.importorskip("trustme")
    channel = "quote.BTC-PERPETUAL"
    async with running("simulate", "--tls") as simulate:
        told = json.loads(await simulate.line())
        async with running("tail", channel, "--url", told["url"], SSL_CERT_FILE=told["ca_file"]) as tail:
            line = json.loads(await tail.line())
            await tail.end(signal.SIGTERM)
        stranger = await ran("tail", channel, "--url", told["url"])
        ended = await simulate.end(signal.SIGTERM)

    assert told["url"].startswith("wss://") and line["channel"] == channel
    assert f"SSL_CERT_FILE={told['ca_file']}" in ended.err
    assert not os.path.exists(told["ca_file"])  # noqa: ASYNC240, PTH110 - a glance at a local folder
    assert stranger.status == 1 and len(stranger.complaints) == 1 and "TLS" in stranger.err


async def test_tls_without_trustme_names_the_extra(tmp_path: Path) -> None:
    """Without trustme one line says what to install."""
    (tmp_path / "trustme.py").write_text("raise ImportError")
    ended = await ran("simulate", "--tls", PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[2]}")

    assert (ended.status, ended.out) == (2, "")
    assert len(ended.complaints) == 1 and "deribit_ws[cli]" in ended.err


async def test_taken_port_is_one_line() -> None:
    """A port in use ends it with status 1 and one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = await ran("simulate", "--port", str(taken.getsockname()[1]))

    assert (ended.status, ended.out) == (1, "")
    assert len(ended.complaints) == 1 and "in use" in ended.err


async def test_open_house_is_warned_of() -> None:
    """A host that others can reach is warned of."""
    async with running("simulate", "--host", "0.0.0.0") as simulate:
        await simulate.line()
        ended = await simulate.end(signal.SIGTERM)

    assert "warning: 0.0.0.0 can be reached from other machines" in ended.err
