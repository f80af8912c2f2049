"""Accounts, tokens and what proves a login.

Knows: client ids, secrets, signatures, tokens and how long they live. Must not know: sockets or
other methods. `session_methods` asks it. Source: authentication pages of docs.deribit.com; refresh
tokens rotate, tokens of scope `connection` die with their connection.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from deribit_ws.testing.envelope import UNAUTHORIZED, Refusal
from deribit_ws.testing.params import Params

INVALID_CREDENTIALS = 13004
SIGNATURE_LIFE = 60_000  # ms by which a signature's timestamp may be off
GRANTS = ("client_credentials", "client_signature", "refresh_token")
AREAS = ("account", "trade", "wallet", "block_trade", "block_rfq")
FULL_SCOPE = " ".join(["mainaccount", *(f"{area}:read_write" for area in AREAS)])


@dataclass(frozen=True, slots=True)
class Login:
    """A token pair; `connection` None for a session-scoped one, `expires_at` in epoch seconds."""

    client_id: str
    access_token: str
    refresh_token: str
    connection: int | None
    expires_at: float


class Logins:
    """All logins of one exchange; `token_seconds` is how long a token lives unless its scope says less."""

    def __init__(
        self,
        accounts: Mapping[str, str],
        *,
        rng: Random,
        wall_clock: Callable[[], float],
        token_seconds: int,
    ) -> None:
        self._accounts = accounts
        self._rng = rng
        self._wall_clock = wall_clock
        self._token_seconds = token_seconds
        self._by_access: dict[str, Login] = {}
        self._by_refresh: dict[str, Login] = {}
        self._nonces: set[str] = set()

    def grant(self, params: Params, connection: int | None) -> tuple[Login, dict[str, Any]]:
        """Answer public/auth; raises Refusal 13004 for a wrong proof."""
        match params.text("grant_type", among=GRANTS):
            case "client_credentials":
                client_id = self._check_secret(params)
            case "client_signature":
                client_id = self._check_signature(params)
            case _:
                client_id = self._spend(params.text("refresh_token"))
        wishes = (params.optional("scope") or "").split()
        session = next((wish for wish in wishes if wish.startswith("session:")), None)
        lives = (wish.removeprefix("expires:") for wish in wishes if wish.startswith("expires:"))
        seconds = next((int(life) for life in lives if life.isdigit()), self._token_seconds)
        if session is None and connection is not None:
            self.forget(connection)  # a new login replaces the connection's own
        login = Login(
            client_id,
            self._token(),
            self._token(),
            None if session else connection,
            self._wall_clock() + seconds,
        )
        self._by_access[login.access_token] = self._by_refresh[login.refresh_token] = login
        return login, {
            "access_token": login.access_token,
            "refresh_token": login.refresh_token,
            "token_type": "bearer",
            "expires_in": seconds,
            "scope": f"{session or 'connection'} {FULL_SCOPE}",
            "sid": self._token()[:16],
            "enabled_features": [],
            **({"state": params.text("state")} if "state" in params else {}),
        }

    def check(self, access_token: str, connection: int | None) -> Login:
        """The login of a token; raises Refusal 13009 if it is unknown, expired or another connection's."""
        login = self._by_access.get(access_token)
        if login is None or not self.valid(login) or login.connection not in (None, connection):
            raise Refusal(UNAUTHORIZED, {"reason": "invalid_token"})
        return login

    def valid(self, login: Login) -> bool:
        """Whether a login has neither expired nor been given up."""
        return login.access_token in self._by_access and self._wall_clock() < login.expires_at

    def forget(self, connection: int) -> None:
        """A connection is gone, and its tokens with it."""
        for login in [login for login in self._by_access.values() if login.connection == connection]:
            self._drop(login)

    def _check_secret(self, params: Params) -> str:
        client_id, secret = params.text("client_id"), params.text("client_secret")
        if not hmac.compare_digest(self._accounts.get(client_id, "\0").encode(), secret.encode()):
            raise Refusal(INVALID_CREDENTIALS)
        return client_id

    def _check_signature(self, params: Params) -> str:
        client_id, nonce = params.text("client_id"), params.optional("nonce") or ""
        timestamp = params.integer("timestamp") or 0
        signed = f"{timestamp}\n{nonce}\n{params.optional('data') or ''}"
        secret = self._accounts.get(client_id, "\0").encode()
        expected = hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()
        late = abs(self._wall_clock() * 1000 - timestamp) > SIGNATURE_LIFE
        good = hmac.compare_digest(expected, params.text("signature"))
        if late or not good or client_id not in self._accounts or (nonce and nonce in self._nonces):
            raise Refusal(INVALID_CREDENTIALS)
        self._nonces.add(nonce)
        return client_id

    def _spend(self, refresh_token: str) -> str:
        login = self._by_refresh.get(refresh_token)
        if login is None:
            raise Refusal(INVALID_CREDENTIALS)
        self._drop(login)
        return login.client_id

    def _drop(self, login: Login) -> None:
        del self._by_access[login.access_token], self._by_refresh[login.refresh_token]

    def _token(self) -> str:
        return f"{self._rng.getrandbits(256):064x}"
