"""Credentials go over plain ws to this machine only, however the address is dressed up."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st

from deribit_ws import Client, Credentials, RefreshToken, UsageError, websocket_generator
from deribit_ws.endpoints import fault_of, is_private
from deribit_ws.errors import ConnectFailed

SECRET = "hush-hush-hush"
LOGINS: list[Callable[[], Any]] = [lambda: Credentials("id", SECRET), lambda: RefreshToken(SECRET)]

OTHER_MACHINES = [
    "ws://www.deribit.com/ws/api/v2",
    "WS://WWW.DERIBIT.COM/",
    "ws://10.0.0.1/",
    "ws://0.0.0.0/",  # to most systems this machine, but nobody promises it
    "ws://[::]/",
    "ws://127.0.0.1.evil.test/",
    "ws://localhost.evil.test/",
    "ws://evil.test/127.0.0.1",
    "ws://evil.test#@127.0.0.1",
    "ws://evil.test?@127.0.0.1",
    "ws://localhost./",  # may be looked up at a name server
    "ws://sub.localhost/",
    "ws://ip6-localhost/",
    "ws://2130706433/",
    "ws://0x7f000001/",
    "ws://0177.0.0.1/",
    "ws://127.1/",
    "ws://127.0.0.1./",
    "ws://１２７.０.０.１/",  # full-width digits, which IDNA makes plain ones
    "ws://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "ws://loⅽalhost/",
    "ws://lócalhost/",
    "ws://localhoſt/",
    "ws://xn--localhost-/",
    "ws://[::ffff:10.0.0.1]/",
    "ws://[fe80::1%25lo]/",
]
DISGUISED = [  # refused as URLs, whoever reads them how
    "ws://evil.test\\@127.0.0.1/",
    "ws://127.0.0.1\\.evil.test/",
    "ws://127.0.0.1\t.evil.test/",
    "ws://127.0.0.1\n.evil.test/",
    " ws://127.0.0.1/",
    "ws://user:pass@evil.test/",
    "ws://127.0.0.1@evil.test/",
    "ws://127.0.0.1:80@evil.test/",
    "ws://localhost:x@evil.test:80/",
    "ws:127.0.0.1",
    "ws:///127.0.0.1",
    "//127.0.0.1",
]
THIS_MACHINE = ["localhost", "LOCALHOST", "127.0.0.1", "127.255.0.9", "[::1]", "[0:0:0:0:0:0:0:1]"]


@pytest.mark.parametrize("url", OTHER_MACHINES + DISGUISED)
@pytest.mark.parametrize("login", LOGINS, ids=["key", "token"])
def test_refused(url: str, login: Callable[[], Any]) -> None:
    """A key or a token for plain ws to another machine is a UsageError, which shows neither."""
    with pytest.raises(UsageError) as refused:
        Client(url, credentials=login())

    assert SECRET not in repr(refused.value)


@pytest.mark.parametrize("host", THIS_MACHINE)
@pytest.mark.parametrize("login", LOGINS, ids=["key", "token"])
def test_this_machine(host: str, login: Callable[[], Any]) -> None:
    """Plain ws to loopback is allowed: nobody else can listen."""
    Client(f"ws://{host}:8080/", credentials=login())


@pytest.mark.parametrize("url", ["ws://10.0.0.1/", "ws://exchange.internal/"])
def test_allowed_by_name(url: str) -> None:
    """`allow_plaintext=True` is needed for any other machine, and enough."""
    Client(url, credentials=Credentials("id", SECRET), allow_plaintext=True)


@pytest.mark.parametrize("url", ["ws://me:hunter2@evil.test/", "ws://127.0.0.1:hunter2@evil.test/"])
async def test_a_password_in_a_url(url: str) -> None:
    """A password in a plain URL of another machine, which would travel as a header, is never dialled."""
    with pytest.raises(UsageError) as refused:
        Client(url, allow_plaintext=True)
    with pytest.raises(ConnectFailed) as failed:
        await anext(websocket_generator(url))

    assert "hunter2" not in f"{refused.value!r}{failed.value!r}"
    assert "another machine" in str(failed.value)


_HOSTS = ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "[::1%evil]", "::1", "evil.test", "0", "80"]
_MARKS = ["@", ":", "/", "\\", "#", "?", ".", "[", "]", ";", "&", "'", "-"]
_ODDITIES = ["%2e", "%40", "%25", "①", "。", "ſ", "\u200b", "\xa0"]
_PIECES = st.sampled_from([*_HOSTS, *_MARKS, *_ODDITIES])


@given(st.lists(_PIECES, max_size=6).map("".join))
def test_who_reads_a_url_reads_the_same(rest: str) -> None:
    """What we take for this machine is what the library that dials takes for it."""
    url = f"ws://{rest}"
    if fault_of(url) is None and is_private(url):
        with suppress(ValueError):  # then it is not dialled at all
            host = yarl.URL(url).host or ""

            assert is_private(f"ws://[{host}]/" if ":" in host else f"ws://{host}/"), f"{url!r}: {host!r}"
            assert "evil" not in host.partition("%")[0]
