"""What a dial sends and whom it obeys: no redirect, no cookie, no proxy of the environment, no HTTP login."""

import asyncio
import base64
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from deribit_ws import AuthError, Client, ConnectFailed, ConnectionLost, Credentials, websocket_generator
from tests.cli.shell import ran
from tests.peers.far_end import FarEnd, Line, Script, hold
from tests.security.certificates import Certified
from tests.security.echo import QUOTES, quoting

KEY = Credentials("simulated", "hush-hush-hush")
PASSWORD = "hunter2-hunter2"
PROXIES = ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy")
HEADERS = {
    *("host", "upgrade", "connection", "accept", "accept-encoding", "user-agent"),
    "sec-websocket-version",
    "sec-websocket-key",
}

Dial = Callable[[str], Awaitable[Any]]


async def _by_client(url: str) -> None:
    await Client(url, credentials=KEY, retry_seconds=0.01).__aenter__()


async def _by_generator(url: str) -> None:
    await anext(websocket_generator(url, 0.01))


def redirecting(status: int, location: str) -> Script:
    """Answer with a redirect, and a cookie for good measure."""

    async def answer(line: Line) -> None:
        await line.answer(status, f"Location: {location}", "Set-Cookie: track=1; Path=/")

    return answer


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("dial", [_by_client, _by_generator])
async def test_from_tls_to_plain(status: int, dial: Dial, server: Certified) -> None:
    """A redirect from wss to ws, or to wss elsewhere, is told after one attempt, and never followed."""
    async with FarEnd(hold) as plain, FarEnd(hold, tls=server.context) as other:
        for target in (plain.url, plain.url.replace("ws", "http", 1), other.url.replace("ws", "http", 1)):
            async with FarEnd(redirecting(status, target), tls=server.context) as far:
                with pytest.raises(ConnectFailed, match="redirect") as failed:
                    await dial(far.url)

                assert (failed.value.retryable, failed.value.status, len(far.accepts)) == (False, status, 1)
        assert (plain.accepts, other.accepts) == ([], [])


async def test_a_redirect_later() -> None:
    """Once a link has lived a redirect may be passing, and is waited out; it is never followed either."""

    async def leave(line: Line) -> None:
        await line.upgrade()
        line.fin()

    async with FarEnd(hold) as target:
        moved = redirecting(302, target.url.replace("ws", "http", 1))
        async with FarEnd(leave, moved) as far, websocket_generator(far.url, 0.01) as websockets:
            with pytest.raises(ConnectionLost):
                await (await anext(websockets)).recv()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await anext(websockets)

            assert (len(far.accepts), target.accepts) == (2, [])


async def test_the_command_is_not_redirected() -> None:
    """The command tells of a redirect in one line, and follows none."""
    moved = redirecting(302, "http://127.0.0.1:1/")
    async with FarEnd(moved) as far:
        ended = await ran("call", "public/test", "--url", far.url)

        assert (ended.status, len(ended.complaints), len(far.accepts)) == (1, 1, 1)
        assert "302" in ended.err


async def test_nothing_but_the_handshake() -> None:
    """A dial has no header but a websocket's: no Authorization, though a login follows, and no cookie."""

    async def give_a_cookie(line: Line) -> None:
        await line.answer(503, "Set-Cookie: track=1; Path=/")

    async with FarEnd(give_a_cookie, quoting(QUOTES["refused"])) as far:
        with pytest.raises(AuthError):
            await _by_client(far.url)
        requests = [line.request for line in far.lines]

    assert len(requests) == 2
    for request in requests:
        names = {header.partition(":")[0].lower() for header in request.splitlines()[1:]}

        assert names <= HEADERS


@pytest.mark.parametrize("status", [301, 302, 401, 503])
async def test_a_password_of_the_url(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """A user's password in a URL goes to that host alone, and is in no error, traceback or log."""
    async with FarEnd(hold) as target:
        answers = redirecting(status, target.url.replace("ws", "http", 1)), redirecting(404, "nowhere")
        async with FarEnd(*answers) as far:
            url = far.url.replace("ws://", f"ws://me:{PASSWORD}@")
            client = Client(url, retry_seconds=0.01)
            with pytest.raises(ConnectFailed) as failed:
                await client.__aenter__()
            sent = far.lines[0].request
        told = [*traceback.format_exception(failed.value), repr(failed.value), repr(client), caplog.text]

        assert f"Basic {base64.b64encode(f'me:{PASSWORD}'.encode()).decode()}" in sent
        assert PASSWORD not in "".join(told) and target.accepts == []


async def test_nothing_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, server: Certified, tmp_path: Path
) -> None:
    """Our own session asks no proxy that the environment names, and takes no login from a .netrc."""
    (tmp_path / "netrc").write_text("default login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with FarEnd(hold) as proxy, FarEnd(hold) as far, FarEnd(hold, tls=server.context) as secure:
        for name in PROXIES:
            for form in (name, name.upper()):
                monkeypatch.setenv(form, proxy.url.replace("ws", "http", 1))
        async with websocket_generator(far.url) as websockets:
            await anext(websockets)
        with pytest.raises(ConnectFailed, match="verif"):
            await anext(websocket_generator(secure.url))

        assert (proxy.accepts, len(far.accepts), len(secure.accepts)) == ([], 1, 1)
        assert "authorization" not in far.last.request.lower()
