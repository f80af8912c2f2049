"""What a login gave, and whether it is what was asked for."""

import pytest

from deribit_ws.auth.grant import Grant, grant_of, missing


@pytest.mark.parametrize(
    ("asked", "granted", "lacking"),
    [
        (None, "", []),
        ("trade:read", "trade:read", []),
        ("trade:read", "connection trade:read_write mainaccount", []),
        ("trade:read_write", "connection trade:read", ["trade:read_write"]),
        ("trade:read_write account:read", "account:read", ["trade:read_write"]),
        ("wallet:none", "connection", []),
        ("session:bot trade:read", "session:bot trade:read", []),
        ("session:bot", "connection", []),
        ("expires:3 ip:1.2.3.4 connection", "connection", []),
        ("block_rfq:read", "block_trade:read_write", ["block_rfq:read"]),
    ],
)
def test_missing(asked: str | None, granted: str, lacking: list[str]) -> None:
    """A scope is compared area by area: more covers less, and limits one sets oneself don't count."""
    assert missing(asked, granted) == lacking


def test_answer() -> None:
    """A login's answer gives scope, life and session; its tokens are never shown."""
    answer = {
        "access_token": "hidden",
        "expires_in": 900,
        "refresh_token": "hidden too",
        "scope": "connection trade:read",
        "sid": "x.1",
        "token_type": "bearer",
    }
    grant = grant_of(answer, 100.0)

    assert grant == Grant("connection trade:read", 900.0, 100.0, "x.1", "hidden too")
    assert grant.expires_at == 1000.0
    assert "hidden" not in f"{grant!r}{grant}"


@pytest.mark.parametrize(
    "answer", [None, "ok", {}, {"expires_in": "soon", "scope": 1}, {"expires_in": 0}, {"expires_in": -3}]
)
def test_odd_answer(answer: object) -> None:
    """An answer that says less than it should is a login without a known end."""
    assert grant_of(answer, 1.0) == Grant(since=1.0)
