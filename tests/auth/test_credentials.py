"""Who logs in: keys and tokens, the login each asks for, and that none of it is ever shown."""

from typing import Any

import pytest

from deribit_ws import Credentials, RefreshToken, UsageError
from deribit_ws.auth.credentials import refresh_request, signature

NOW = 1_576_074_319_000


def test_signature() -> None:
    """A signature is the documented one, both newlines included, with data and without."""
    assert signature("AMANDASECRECT", NOW, "1iqt2wls") == (
        "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1"
    )
    assert signature("key", 1, "n", "data") == (
        "2f80882e12be2cc580df49760aa471fa3e773a936dc908070f7ba62ed7303301"  # by openssl
    )


def test_key_is_sent() -> None:
    """`client_credentials` sends id and secret, and nothing that was not asked for."""
    request = Credentials("me", "hidden").request(NOW, "n")

    assert present(request) == {
        "grant_type": "client_credentials",
        "client_id": "me",
        "client_secret": "hidden",
    }


def test_secret_stays_here() -> None:
    """`client_signature` sends time, nonce and signature, and never the secret."""
    request = Credentials("AMANDA", "AMANDASECRECT", "client_signature").request(NOW, "1iqt2wls")

    assert present(request) == {
        "grant_type": "client_signature",
        "client_id": "AMANDA",
        "timestamp": NOW,
        "nonce": "1iqt2wls",
        "data": "",
        "signature": "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1",
    }


@pytest.mark.parametrize(
    ("scope", "session", "asked"),
    [
        ("trade:read", None, "trade:read"),
        (None, "bot", "session:bot"),
        ("trade:read_write account:read", "bot", "trade:read_write account:read session:bot"),
    ],
)
def test_scope(scope: str | None, session: str | None, asked: str) -> None:
    """Scope and session go out as words of one scope, whichever way the login is made."""
    for grant_type in ("client_credentials", "client_signature"):
        key = Credentials("me", "hidden", grant_type, scope, session)

        assert key.request(NOW, "n")["scope"] == asked


def test_refresh() -> None:
    """A refresh sends the token, and a scope only where one is asked for."""
    assert present(refresh_request("token")) == {"grant_type": "refresh_token", "refresh_token": "token"}


def test_nothing_is_shown() -> None:
    """Neither a secret nor a token is in a repr or a str."""
    key, token = Credentials("me", "hidden"), RefreshToken("hidden")

    assert "hidden" not in f"{key!r}{key}{token!r}{token}"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Credentials("", "x"),
        lambda: Credentials("x", ""),
        lambda: Credentials("x", "x", "password"),  # type: ignore[arg-type]  # on purpose
        lambda: Credentials("x", "x", scope=" "),
        lambda: Credentials("x", "x", session="two words"),
        lambda: Credentials("x", "x", session=""),
        lambda: RefreshToken(""),
        lambda: RefreshToken(5),  # type: ignore[arg-type]  # on purpose, as those below
        lambda: RefreshToken("x", replaced=3),  # type: ignore[arg-type]
        lambda: Credentials("x", b"x"),  # type: ignore[arg-type]
        lambda: Credentials("x", "x", scope="trade:write"),
        lambda: Credentials("x", "x", scope="acount"),
        lambda: Credentials("x", "x", scope="trade:read read_write"),
        lambda: Credentials("x", "x", scope="session:"),
    ],
)
def test_half_a_key(make: Any) -> None:
    """What can't log in is a UsageError where it is written."""
    with pytest.raises(UsageError):
        make()


def present(request: Any) -> dict[str, Any]:
    """What goes out: None is left out by the encoder."""
    return {name: value for name, value in request.items() if value is not None}
