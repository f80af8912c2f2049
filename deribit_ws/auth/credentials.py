"""Who logs in: an API key or a refresh token, and the login request each makes.

Knows: the parameters of `public/auth`, and how a signature is made. Must not know: calls, clocks or
when to log in; time and chance are arguments. `login` asks for the requests. Source: facts of
docs.deribit.com, authentication.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deribit_ws.auth.grant import LEVELS
from deribit_ws.errors import UsageError

_PLAIN = ("connection", "mainaccount")  # words of a scope that say all by themselves
_FREE = ("session", "expires", "ip")  # areas of a scope followed by something of one's own; others by a level

GrantType = Literal["client_credentials", "client_signature"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key.

    Args:
        client_id: the key's id.
        client_secret: its secret, which is never shown.
        grant_type: "client_credentials" sends the secret to the exchange at each login;
            "client_signature" sends only a signature made with it.
        scope: what to ask for, e.g. "trade:read_write account:read"; the key's own limits by default.
            A login that is granted less ends in `ScopeReduced`.
        session: a name; the login then lives in that session, and counts as one of the key's 16.
            By default it lives and dies with its connection.

    Raises:
        UsageError: half a key, or a session's name that is not one word.
    """

    client_id: str
    client_secret: str = field(repr=False)
    grant_type: GrantType = "client_credentials"
    scope: str | None = None
    session: str | None = None

    def __post_init__(self) -> None:
        if not (_is_text(self.client_id) and _is_text(self.client_secret)):
            raise UsageError("credentials need a client id and a client secret, as text")
        if self.grant_type not in ("client_credentials", "client_signature"):
            raise UsageError(f"grant_type {self.grant_type!r}: client_credentials or client_signature")
        _check_words(self.scope, self.session)

    @property
    def secret(self) -> str:
        """What is never shown, by the name it shares with a token."""
        return self.client_secret

    @property
    def signs(self) -> bool:
        """True when a login is signed, and so needs the exchange's time."""
        return self.grant_type == "client_signature"

    def request(self, now_ms: int, nonce: str) -> Mapping[str, Any]:
        """Give the parameters of a login, at this time of the exchange's clock (ms since the epoch)."""
        scope = _scope(self.scope, self.session)
        if not self.signs:
            return {
                "grant_type": self.grant_type,
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "scope": scope,
            }
        return {
            "grant_type": self.grant_type,
            "client_id": self.client_id,
            "timestamp": now_ms,
            "nonce": nonce,
            "data": "",
            "signature": signature(self.client_secret, now_ms, nonce),
            "scope": scope,
        }


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token in place of an API key, so that no secret is needed in this process.

    Each login replaces the token, and the old one is worthless from then on: should the link break between
    the exchange's doing so and its answer, there is none left. It has to be one of a named session: others
    die with the connection they were made on.

    Args:
        token: never shown.
        scope: as for `Credentials`.
        replaced: told of each new token, for a program that must log in again after a restart.
    """

    token: str = field(repr=False)
    scope: str | None = None
    replaced: Callable[[str], None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _is_text(self.token):
            raise UsageError("a refresh token is text, and not empty")
        if self.replaced is not None and not callable(self.replaced):
            raise UsageError("replaced: it can't be called")
        _check_words(self.scope, None)

    @property
    def secret(self) -> str:
        """What is never shown, by the name it shares with a key's."""
        return self.token


def refresh_request(token: str, scope: str | None = None) -> Mapping[str, Any]:
    """Give the parameters of a login by refresh token."""
    return {"grant_type": "refresh_token", "refresh_token": token, "scope": scope}


def signature(secret: str, now_ms: int, nonce: str, data: str = "") -> str:
    """Sign a login: HMAC-SHA256 in lower-case hex. Both newlines are always there, data or not."""
    message = f"{now_ms}\n{nonce}\n{data}"
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def _scope(scope: str | None, session: str | None) -> str | None:
    words = [scope] if scope else []
    if session:
        words.append(f"session:{session}")
    return " ".join(words) or None


def _check_words(scope: str | None, session: str | None) -> None:
    if scope is not None and not (_words(scope) and all(map(_is_scope, _words(scope)))):
        raise UsageError(f"scope {scope!r}: words such as 'trade:read_write account:read'")
    if session is not None and _words(session) != [session]:
        raise UsageError("a session's name is one word")


def _is_scope(word: str) -> bool:
    area, _, rest = word.partition(":")
    return word in _PLAIN or bool(rest and (area in _FREE or rest in LEVELS))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _words(text: Any) -> list[str]:
    return text.split() if isinstance(text, str) else []
