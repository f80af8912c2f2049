"""Which addresses can be dialled, and which are safe for secrets."""

from typing import Any

import pytest

from deribit_ws.endpoints import PRODUCTION, TESTNET, fault_of, is_private


@pytest.mark.parametrize(
    "url",
    [
        PRODUCTION,
        TESTNET,
        "ws://localhost:8080/ws/api/v2",
        "wss://[::1]:1/",
        "WSS://www.deribit.com",
        "wss://u:p@h/",
    ],
)
def test_can_be_dialled(url: str) -> None:
    """A websocket URL with a host has no fault."""
    assert fault_of(url) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://www.deribit.com", "not a websocket URL"),
        ("www.deribit.com/ws/api/v2", "not a websocket URL"),
        ("", "not a websocket URL"),
        ("wss://", "no host"),
        ("wss:///ws/api/v2", "no host"),
        ("wss://:443/", "no host"),
        ("wss://host:port/", "not a URL"),
        ("wss://host:99999/", "not a URL"),
        ("wss://[::1/", "not a URL"),
        (None, "not a"),
        (b"wss://host/", "not a"),
        (5, "not a"),
    ],
)
def test_fault(url: Any, words: str) -> None:
    """What can't be dialled is told in words, never by an exception."""
    assert words in (fault_of(url) or "")


def test_password_is_not_shown() -> None:
    """A password in a URL is no part of the words about it."""
    for url in ("http://user:hunter2@host/", "http://user:hun@ter2@host/", "wss://user:hun/ter2@host/"):
        assert "hunter2" not in (fault_of(url) or "")
        assert "hun@" not in (fault_of(url) or "")


@pytest.mark.parametrize(
    ("url", "private"),
    [
        (PRODUCTION, True),
        (TESTNET, True),
        ("ws://www.deribit.com/ws/api/v2", False),
        ("ws://localhost:1/", True),
        ("ws://127.0.0.1:1/", True),
        ("ws://127.8.9.1/", True),
        ("ws://[::1]:1/", True),
        ("ws://10.0.0.1/", False),
        ("ws://0.0.0.0/", False),
        ("ws://localhost.example.com/", False),
        ("ws://127.0.0.1.example.com/", False),
        ("ws://localhost@example.com/", False),
        ("http://localhost/", True),
        ("ws:///", False),
    ],
)
def test_private(url: str, private: bool) -> None:
    """Secrets may go over TLS, or to this very machine."""
    assert is_private(url) is private


def test_worlds() -> None:
    """Production and test are separate hosts under one path, both over TLS."""
    assert (PRODUCTION, TESTNET) == ("wss://www.deribit.com/ws/api/v2", "wss://test.deribit.com/ws/api/v2")
