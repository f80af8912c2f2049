"""Dials that fail: which end the iteration, which are tried again, and when."""

import asyncio
import datetime
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from email.utils import format_datetime
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from deribit_ws import ConnectFailed, ConnectionLost, websocket_generator
from deribit_ws.aiohttp_transport import Dialer
from deribit_ws.aiohttp_transport.resolver import DaemonResolver
from deribit_ws.errors import Retry
from tests.peers import frames
from tests.peers.far_end import FarEnd, Line, hold

Script = Callable[[Line], Awaitable[None]]


def answering(status: int, *headers: str) -> Script:
    """Answer the upgrade with this status."""

    async def script(line: Line) -> None:
        await line.answer(status, *headers)

    return script


async def stall(line: Line) -> None:
    """Accept, and never answer the upgrade."""


async def failed_dial(url: str, **options: Any) -> ConnectFailed:
    """Dial once, and give the failure."""
    settings: dict[str, Any] = {
        "session": None,
        "open_timeout": 2.0,
        "close_timeout": 0.2,
        "max_message": 1000,
    }
    dialer = Dialer(url, **(settings | options))
    with pytest.raises(ConnectFailed) as failure:
        await dialer.dial()
    return failure.value


# --- answers


@pytest.mark.parametrize("status", [200, 204, 301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 426, 451])
async def test_fatal_answers(status: int) -> None:
    """Any answer that a later dial would only repeat ends the first dial, after this one attempt."""
    async with FarEnd(answering(status)) as far:
        with pytest.raises(ConnectFailed, match=str(status)) as failure:
            await anext(websocket_generator(far.url))

        assert (failure.value.status, failure.value.retryable) == (status, False)
        assert len(far.lines) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 521, 599])
async def test_passing_answers(status: int) -> None:
    """An answer that may pass is worth another dial."""
    async with FarEnd(answering(status)) as far:
        failure = await failed_dial(far.url)

        assert (failure.retry, failure.status) == (Retry.YES, status)


@pytest.mark.parametrize("status", [408, 500, 503])
async def test_passing_answers_are_dialled_again(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """An answer that may pass is followed by another dial, with a warning for each."""
    async with FarEnd(answering(status), answering(status), hold) as far:
        async with websocket_generator(far.url, 0.05) as websockets:
            await anext(websockets)

        assert len(far.lines) == 3
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        kept = [arg for record in caplog.records for arg in record.args or () if isinstance(arg, Exception)]
        assert [f"HTTP {status}" in warning for warning in warnings] == [True, True]
        assert kept == []  # a record that is kept would keep all that the exception's frames refer to


def in_seconds(seconds: int) -> str:
    return format_datetime(
        datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds), usegmt=True
    )


@pytest.mark.parametrize(
    ("said", "low", "high"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("-3", 0, 0),
        ("86400", 300, 300),
        ("inf", 300, 300),
        (lambda: in_seconds(120), 60, 120),
        (lambda: in_seconds(-120), 0, 0),
        (lambda: in_seconds(86400), 300, 300),
        (lambda: in_seconds(120).replace(" GMT", ""), 60, 120),
        ("Mon, 01 Jan 0001 00:00:00 -0000", 0, 0),
    ],
    ids=range(10),
)
async def test_retry_after(said: str | Callable[[], str], low: float, high: float) -> None:
    """`Retry-After` is understood in seconds and as a date, and heeded up to 300 seconds."""
    said = said if isinstance(said, str) else said()  # a date made when collected may be past when run
    async with FarEnd(answering(429, f"Retry-After: {said}")) as far:
        failure = await failed_dial(far.url)

        assert failure.retry_after is not None
        assert low <= failure.retry_after <= high


@pytest.mark.parametrize("said", ["soon", "nan", "", "Mon, 99 Foo 2026 00:00:00 GMT"])
async def test_retry_after_of_no_sense(said: str) -> None:
    """A `Retry-After` that makes no sense is as good as none."""
    async with FarEnd(answering(503, f"Retry-After: {said}")) as far:
        failure = await failed_dial(far.url)

        assert (failure.retry, failure.retry_after) == (Retry.YES, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("own", [True, False])
async def test_redirects_are_not_followed(status: int, own: bool) -> None:
    """A redirect is never followed, whoever made the session: its target sees no request."""
    async with FarEnd(hold) as target:
        location = target.url.replace("ws://", "http://")
        async with (
            FarEnd(answering(status, f"Location: {location}")) as far,
            aiohttp.ClientSession() as session,
        ):
            failure = await failed_dial(far.url, session=None if own else session)

            assert (failure.retry, failure.status) == (Retry.ONCE_LIVED, status)
            assert (len(far.lines), target.lines) == (1, [])
            assert session.trace_configs == []


async def test_other_requests_may_be_redirected() -> None:
    """While we dial on the user's session, the user's own requests on it are redirected as ever."""
    async with (
        FarEnd(answering(200)) as target,
        FarEnd(answering(302, f"Location: {target.url.replace('ws', 'http', 1)}")) as moved,
        FarEnd(stall) as far,
        aiohttp.ClientSession() as session,
    ):
        dialling = asyncio.create_task(failed_dial(far.url, session=session, open_timeout=0.3))
        await far.until_accepted(1)
        async with session.get(moved.url.replace("ws", "http", 1)) as response:
            status = response.status
        await dialling

        assert (status, len(target.lines)) == (200, 1)


@pytest.mark.parametrize("status", [403, 503])
async def test_session_that_raises_for_status(status: int) -> None:
    """A session with `raise_for_status` changes nothing in the verdict."""
    async with FarEnd(answering(status, "Retry-After: 9")) as far:
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            failure = await failed_dial(far.url, session=session)

        assert (failure.status, failure.retry_after) == (status, 9)
        assert failure.retryable is (status == 503)


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"\x00" * 100,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: wrong\r\n\r\n",
    ],
)
async def test_answers_that_are_none(answer: bytes) -> None:
    """What is no proper answer, a 101 with a wrong key included, says nothing about the next dial."""

    async def babble(line: Line) -> None:
        await line.until(lambda line: line.request)
        line.write(answer)
        line.fin()

    async with FarEnd(babble) as far:
        failure = await failed_dial(far.url)

        assert failure.retry is Retry.YES


async def reset(line: Line) -> None:
    line.rst()


async def leave(line: Line) -> None:
    line.fin()


async def reset_when_asked(line: Line) -> None:
    await line.until(lambda line: line.request)
    line.rst()


async def half_an_answer(line: Line) -> None:
    await line.until(lambda line: line.request)
    line.write(b"HTTP/1.1 101 Switch")
    line.fin()


@pytest.mark.parametrize("script", [reset, leave, reset_when_asked, half_an_answer])
async def test_cut_handshakes(script: Script) -> None:
    """A handshake that is cut off is tried again."""
    async with FarEnd(script, hold) as far, websocket_generator(far.url, 0.05) as websockets:
        await anext(websockets)

        assert len(far.lines) == 2


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("script", [reset, leave, reset_when_asked, half_an_answer])
async def test_one_dial_is_one_connection(script: Script, own: bool) -> None:
    """A dial is one connection: nothing below tries again at once, past the back-off."""
    async with FarEnd(script) as far, aiohttp.ClientSession() as session:
        failure = await failed_dial(far.url, session=None if own else session)

        assert (failure.retry, len(far.lines)) == (Retry.YES, 1)


async def test_refused(caplog: pytest.LogCaptureFixture) -> None:
    """A port where nobody listens is dialled again, until somebody does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    async with websocket_generator(f"ws://127.0.0.1:{port}/", 0.05) as websockets:
        turn = asyncio.create_task(anext(websockets))
        while len(caplog.records) < 3:  # noqa: ASYNC110  # a log has no event to wait for
            await asyncio.sleep(0.01)

        assert not turn.done()
        turn.cancel()
        await asyncio.wait([turn])


async def test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that can't be resolved is dialled again, and looked up anew each time."""
    asked: list[str] = []
    async with FarEnd(hold) as far:

        async def resolve(_: Any, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
            asked.append(host)
            if len(asked) < 3:
                raise OSError(None, "no such name")
            return [
                {
                    "hostname": host,
                    "host": "127.0.0.1",
                    "port": port,
                    "family": socket.AF_INET,
                    "proto": 0,
                    "flags": 0,
                }
            ]

        monkeypatch.setattr(DaemonResolver, "resolve", resolve)
        async with websocket_generator(f"ws://far.test:{far.port}/", 0.05) as websockets:
            await anext(websockets)
            await anext(websockets)

        assert asked == ["far.test"] * 4


async def test_too_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dial for which this machine has no socket left is tried again."""

    def no_more(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    async with FarEnd(hold) as far:
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", no_more)
            failure = await failed_dial(far.url)

        assert failure.retry is Retry.YES


async def test_open_timeout() -> None:
    """A dial that gets no answer is given up after the open timeout, its socket freed, and tried again."""
    async with FarEnd(stall, hold) as far:
        async with websocket_generator(far.url, 0.05, open_timeout=0.2) as websockets:
            await anext(websockets)
            await far.lines[0].until_gone()

        assert 0.2 <= far.waits[0] < 0.2 + 0.05 + 0.15


@pytest.mark.parametrize(
    "url",
    [
        "",
        "not a URL",
        "http://127.0.0.1/",
        "ws:///no-host",
        "ws://127.0.0.1:port/",
        "ws://127.0.0.1:65536/",
        "ws://[::1/",
        "ws://a..b/",
        f"ws://{'a' * 70}.test/",
    ],
)
async def test_bad_urls(url: Any) -> None:
    """A URL that can't be dialled raises at once, at any time."""
    failure = await failed_dial(url)

    assert failure.retry is Retry.NEVER


async def test_bad_url_keeps_the_password() -> None:
    """A URL that can't be dialled is shown without what stands before the @."""
    failure = await failed_dial("http://me:secret@127.0.0.1/")

    assert "secret" not in str(failure)


# --- the user's session


async def test_closed_session() -> None:
    """A closed session raises at the first dial."""
    session = aiohttp.ClientSession()
    await session.close()
    failure = await failed_dial("ws://127.0.0.1:9/", session=session)

    assert (failure.retry, "closed" in str(failure)) == (Retry.NEVER, True)


async def test_session_closed_in_mid_life() -> None:
    """A session closed under a live websocket loses this, and raises at the next turn."""
    async with FarEnd(hold) as far, aiohttp.ClientSession() as session:
        websockets = websocket_generator(far.url, 0.05, session=session)
        websocket = await anext(websockets)
        await session.close()
        with pytest.raises(ConnectionLost):
            await websocket.recv()
        with pytest.raises(ConnectFailed, match="ClientSession is closed"):
            await anext(websockets)

        assert len(far.lines) == 1


async def test_session_closed_in_the_dial() -> None:
    """A session closed in the middle of a dial raises, then or at the next attempt."""
    async with FarEnd(stall) as far, aiohttp.ClientSession() as session:
        websockets = websocket_generator(far.url, 0.05, session=session)
        turn = asyncio.create_task(anext(websockets))
        await far.until_accepted(1)
        await session.close()
        with pytest.raises(ConnectFailed) as failure:
            await turn

        assert failure.value.retry is Retry.NEVER


# --- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the default verification trust the authority, so that our own session is tested as it is."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", context)
    yield


def certified(authority: trustme.CA, name: str, **options: Any) -> ssl.SSLContext:
    """What a server needs that calls itself `name`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **options).configure_cert(context)
    return context


@pytest.mark.usefixtures("trusting")
async def test_tls(authority: trustme.CA) -> None:
    """Over TLS everything goes as without: messages, then the drop, then the next link, then the close."""

    async def speak_and_close(line: Line) -> None:
        await line.upgrade(*[frames.encode(frames.TEXT, b"secret")] * 3)
        line.fin()

    async with FarEnd(speak_and_close, hold, tls=certified(authority, "127.0.0.1")) as far:
        got = []
        async for websocket in websocket_generator(far.url, 0.05, ping_interval=0.05, ping_timeout=0.5):
            try:
                while len(far.lines) == 1:
                    got.append(await websocket.recv())
            except ConnectionLost as lost:
                assert lost.code == 1006
                continue
            await far.last.until(lambda line: line.pings)
            break
        await far.last.until(lambda line: line.close_code)

        assert got == ["secret"] * 3
        assert far.last.close_code == 1000


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("kind", ["unknown authority", "wrong host", "expired"])
@pytest.mark.parametrize("lived", [False, True])
async def test_tls_verification(
    kind: str, lived: bool, authority: trustme.CA, loop_errors: list[dict[str, Any]]
) -> None:
    """A certificate that does not verify is fatal after one attempt, also when a link has lived before."""
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    bad = {
        "unknown authority": lambda: certified(trustme.CA(), "127.0.0.1"),
        "wrong host": lambda: certified(authority, "deribit.test"),
        "expired": lambda: certified(authority, "127.0.0.1", not_after=yesterday),
    }[kind]()
    async with FarEnd(hold, tls=certified(authority, "127.0.0.1")) as good:
        url, port = good.url, good.port
        websockets = websocket_generator(url, 0.05)
        if lived:
            await anext(websockets)
    async with FarEnd(hold, tls=bad, port=port) as far, websockets:
        with pytest.raises(ConnectFailed, match="verif") as failure:
            await anext(websockets)

        assert failure.value.retry is Retry.NEVER
        assert (len(far.accepts), far.lines) == (1, [])
    loop_errors.clear()  # with asyncio's debug mode on, the far end's loop tells of its side


@pytest.mark.parametrize("cut", [reset, leave])
async def test_tls_cut(cut: Script) -> None:
    """A TLS handshake that is cut off is worth another dial."""

    async def cut_half_way(line: Line) -> None:
        await line.until(lambda line: line.heard)
        await cut(line)

    async with FarEnd(cut_half_way) as far:
        failure = await failed_dial(far.url.replace("ws", "wss", 1))

        assert failure.retry is Retry.YES


async def test_tls_stalled() -> None:
    """A TLS handshake that stalls is given up after the open timeout, and worth another dial."""
    async with FarEnd(stall) as far:
        failure = await failed_dial(far.url.replace("ws", "wss", 1), open_timeout=0.1)

        assert (failure.retry, "0.1 s" in str(failure)) == (Retry.YES, True)


async def test_no_tls_there() -> None:
    """wss:// to a port that speaks no TLS ends the first dial."""

    async def speak_plainly(line: Line) -> None:
        await line.until(lambda line: line.heard)
        line.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with FarEnd(speak_plainly) as far:
        failure = await failed_dial(far.url.replace("ws", "wss", 1))

        assert failure.retry is Retry.ONCE_LIVED


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("deaf", [False, True])
async def test_tls_close_has_a_deadline(deaf: bool, authority: trustme.CA) -> None:
    """A half-open peer over TLS holds up neither the close nor the next dial."""

    async def ignore(line: Line) -> None:
        line.answers_close = False
        await line.upgrade()
        if deaf:
            line.deafen()

    async with (
        FarEnd(ignore, hold, tls=certified(authority, "127.0.0.1")) as far,
        websocket_generator(far.url, 0.05, close_timeout=0.1) as websockets,
    ):
        await anext(websockets)
        async with asyncio.timeout(0.1 + 0.05 + 0.25):
            await anext(websockets)


@pytest.mark.usefixtures("trusting")
async def test_tls_break(authority: trustme.CA) -> None:
    """A bare loop over TLS that is left has said 1000."""
    async with FarEnd(hold, tls=certified(authority, "127.0.0.1")) as far:
        async for _ in websocket_generator(far.url):
            break
        await far.last.until_gone()

        assert far.last.close_code == 1000


class _NoMemory(AbstractResolver):
    """A resolver that meets the end of memory."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        raise MemoryError

    async def close(self) -> None:
        """Nothing is kept."""


async def test_no_memory() -> None:
    """A dial that meets the end of memory may be tried again: it may have passed by then."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=_NoMemory())) as session:
        dialer = Dialer(
            "ws://name.test", session=session, open_timeout=1.0, close_timeout=1.0, max_message=1024
        )
        with pytest.raises(ConnectFailed, match="out of memory") as caught:
            await dialer.dial()

    assert caught.value.retryable
