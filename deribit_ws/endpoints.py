"""Where the exchange is, and which addresses may be dialled with what.

Knows: Deribit's URLs and what a websocket URL looks like. Must not know: sockets or credentials.
Production and test are separate worlds: other accounts, keys and limits.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

PRODUCTION = "wss://www.deribit.com/ws/api/v2"
TESTNET = "wss://test.deribit.com/ws/api/v2"


def fault_of(url: object) -> str | None:
    """Say what is wrong with a websocket URL, in words; None when it can be dialled."""
    if not isinstance(url, str):
        return f"not a URL: {url!r}"
    if "\\" in url or any(c <= " " for c in url):  # parsers disagree on what host such a URL names
        return f"not a URL: {_without_userinfo(url)!r}"
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is no number or out of range
    except ValueError:
        # Its own words may show a piece of a password that was taken for a port.
        return f"not a URL: {_without_userinfo(url)!r}"
    if parts.scheme not in {"ws", "wss"}:
        return f"not a websocket URL (ws:// or wss://): {_without_userinfo(url)!r}"
    if not parts.hostname:
        return f"the URL names no host: {_without_userinfo(url)!r}"
    if "@" in parts.netloc and not is_private(url):  # it would travel as a header, for all to read
        return f"a password over ws:// to another machine: {_without_userinfo(url)!r}"
    return None


def is_private(url: str) -> bool:
    """Tell whether what is sent to `url` stays unread by others: TLS, or this machine itself."""
    parts = urlsplit(url)
    return parts.scheme == "wss" or is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Tell whether a host, as a name or an address, is this machine itself and nothing else."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _without_userinfo(url: str) -> str:
    # A password in a URL must not reach a log or an error message.
    scheme, separator, rest = url.rpartition("@")
    return f"…@{rest}" if separator and scheme else url
