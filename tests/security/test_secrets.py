"""No secret is shown: in no log at any level, no error, repr, note, traceback or warning."""

import asyncio
import copy
import io
import json
import logging
import pickle
import pprint
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from deribit_ws import AuthError, Client, Credentials, DeribitError, RefreshToken
from deribit_ws.aiohttp_transport import AiohttpTransport
from deribit_ws.auth import Grant
from deribit_ws.auth.credentials import GrantType
from deribit_ws.testing import Account, Drop, FailRequest, SimulatedExchange
from tests.client.conftest import Ears, until
from tests.peers.far_end import FarEnd
from tests.security.echo import QUOTES, SECRETS, quoting

SECRET = 'tOp/s3cr3t "quoted", s=p:a c\\e'  # with all that ends a word or a string somewhere
PLAIN = "tOps3cr3tWithoutAnyOddity"
GRANTS: tuple[GrantType, ...] = ("client_credentials", "client_signature")
LEAST_SHOWN = 16  # characters of a secret in a row that already give it away


class Told:
    """All that anybody could read of a session."""

    def __init__(self, log: pytest.LogCaptureFixture) -> None:
        self._log = log
        self._words: list[str] = []
        self.secrets: set[str] = set()

    def error(self, error: BaseException | None) -> None:
        """An error, its causes, and what a traceback of it says."""
        while error is not None:
            notes = getattr(error, "__notes__", ())
            self._words += [repr(error), str(error), repr(error.args), *notes]
            self._words += [word for word in map(repr, vars(error).values()) if not word.startswith("{")]
            self._words += traceback.format_exception(error)
            self._words += [json.dumps(getattr(error, "data", None), ensure_ascii=False)]
            error = error.__cause__ or error.__context__

    def shown(self, *values: Any) -> None:
        """Whatever else is printed."""
        for value in values:
            self._words += [repr(value), str(value), f"{value}", pprint.pformat(value)]

    def sent(self, frame: bytes) -> None:
        """A frame that went out, and with it perhaps a secret."""
        params = json.loads(frame)["params"]
        self.secrets |= {params[name] for name in SECRETS if name in params}

    def found(self) -> list[str]:
        """The secrets that can be read in it, whole or in a long enough piece."""
        text = "\n".join([*self._words, self._log.text])
        return [secret for secret in self.secrets if any(piece in text for piece in _pieces(secret))]


def _pieces(secret: str) -> Iterator[str]:
    escaped = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    for form in escaped:
        for start in range(max(1, len(form) - LEAST_SHOWN + 1)):
            yield form[start : start + LEAST_SHOWN]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """Listen to every logger at DEBUG, asyncio's and aiohttp's too."""
    caplog.set_level(logging.DEBUG)
    for name in ("asyncio", "aiohttp.client", "deribit_ws"):
        caplog.set_level(logging.DEBUG, logger=name)
    told = Told(caplog)
    send = AiohttpTransport.send_now

    def heard(transport: AiohttpTransport, frame: bytes) -> None:
        told.sent(frame)
        send(transport, frame)

    monkeypatch.setattr(AiohttpTransport, "send_now", heard)
    yield told


@pytest.mark.parametrize("how", QUOTES)
@pytest.mark.parametrize("login", [*GRANTS, "refresh_token"])
async def test_what_the_server_quotes(how: str, login: Any, told: Told, ears: Ears) -> None:
    """A server that quotes the secret it was sent, anywhere, does not bring it into logs or errors."""
    async with FarEnd(quoting(QUOTES[how])) as far:
        key: Any = RefreshToken(PLAIN) if login == "refresh_token" else Credentials("me", PLAIN, login)
        client = Client(far.url, credentials=key, retry_seconds=0.01, call_timeout=0.2, heartbeat=None)
        client.add_handler(ears)
        with pytest.raises((DeribitError, TimeoutError)) as failed:
            async with asyncio.timeout(0.25), client:
                pass

    told.error(failed.value)
    for error in ears.errors:
        told.error(error)
    told.shown(client, key, *ears.marks)

    assert told.secrets
    assert told.found() == []


async def test_a_scripted_session(told: Told, ears: Ears) -> None:
    """Logins of each kind, renewals, refusals and drops leave no secret or token behind, in asyncio's debug
    mode with every callback called slow as well."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    accounts = {"me": Account(SECRET, subaccounts=(11,))}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with SimulatedExchange(accounts=accounts, autoplay=False, token_seconds=1) as exchange:
            for grant in GRANTS:
                await _session(exchange, Credentials("me", SECRET, grant), told, ears)
            async with Client(exchange.url, credentials=Credentials("me", SECRET, session="desk")) as client:
                token = _keeper(client).grant.refresh_token
            await _session(exchange, RefreshToken(token), told, ears)
    loop.set_debug(False)
    told.shown(*(str(warning.message) for warning in warned), *ears.marks)
    for error in ears.errors:
        told.error(error)
    told.secrets.add(SECRET)

    assert len(told.secrets) > 12
    assert told.found() == []


def _keeper(client: Client) -> Any:
    assert client._logins is not None
    return client._logins._login


async def _session(exchange: SimulatedExchange, key: Any, told: Told, ears: Ears) -> None:
    client = Client(exchange.url, credentials=key, retry_seconds=0.01)
    client.add_handler(ears)
    with pytest.raises(DeribitError) as ended:
        async with client:
            logins = len(exchange.ledger.requests_of("public/auth"))
            await until(lambda: len(exchange.ledger.requests_of("public/auth")) > logins)  # renewed in time
            last = max(exchange.connections)
            exchange.inject(FailRequest("public/auth", 13004, data={"reason": key.secret}))
            exchange.inject(Drop.rst())
            await until(lambda: max(exchange.connections, default=0) > last and client.scope)
            told.shown(client, key, _keeper(client), _keeper(client).grant)
            told.secrets |= {_keeper(client).grant.refresh_token, *_access_tokens(exchange)}
            await client.call("private/get_positions", {"currency": 5})
    told.error(ended.value)


def _access_tokens(exchange: SimulatedExchange) -> set[str]:
    return set(exchange.logins._by_access)


@pytest.mark.parametrize(
    "value",
    [Credentials("id", SECRET), RefreshToken(SECRET), Grant(refresh_token=SECRET)],
    ids=lambda value: type(value).__name__,
)
def test_values(value: Any) -> None:
    """What holds a secret shows it in no repr, print or table, nor does a copy of it; it still works."""
    console = Console(file=io.StringIO(), record=True, width=200)
    console.print(value)
    for one in (value, copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        shown = [repr(one), str(one), f"{one}", f"{one!r}", f"{[one]}", pprint.pformat({"key": one})]

        assert one == value
        assert SECRET not in "".join([*shown, console.export_text()])
        assert "tOp" not in "".join(shown)


def test_a_wrong_key_is_not_repeated() -> None:
    """What is wrong with a key is told without the key."""
    wrong: Any
    for wrong in (SECRET, ("id", SECRET), {"client_secret": SECRET}):
        with pytest.raises(DeribitError) as refused:
            Client(credentials=wrong)

        assert SECRET not in repr(refused.value) and "tOp" not in str(refused.value)


async def test_an_error_of_a_login_has_no_past() -> None:
    """The refusal as it came, which may quote the secret, hangs on no error as cause or context."""
    async with FarEnd(quoting(QUOTES["refused"])) as far:
        with pytest.raises(AuthError) as refused:
            await Client(far.url, credentials=Credentials("me", PLAIN)).__aenter__()

    assert refused.value.__cause__ is None and refused.value.__context__ is None
    assert refused.value.code == 13004 and "***" in str(refused.value)
