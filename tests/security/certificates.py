"""Certificates that no client may accept, and a server whose certificate can be changed while it runs.

Knows trustme and ssl. Must not know the package.
"""

import contextlib
import datetime
import ssl
from collections.abc import Callable, Iterator
from random import Random
from unittest.mock import patch

import trustme

HOST = "127.0.0.1"


class Certified:
    """A server's TLS context, which counts the handshakes begun, and whose certificate can be replaced."""

    def __init__(self, authority: trustme.CA) -> None:
        self._authority = authority
        self.hellos = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.sni_callback = self._count  # called at each ClientHello, with a name or without
        self.turn_good()

    def _count(self, *_: object) -> None:
        self.hellos += 1

    def turn_good(self) -> None:
        """Show a certificate that a client who trusts the authority accepts."""
        self._authority.issue_cert(HOST).configure_cert(self.context)

    def turn_bad(self, kind: str, rng: Random) -> None:
        """Show one of `BAD` at the next handshake."""
        BAD[kind](self._authority, rng, self.context)


def _self_signed(_: trustme.CA, __: Random, server: ssl.SSLContext) -> None:
    own = trustme.CA()
    _load(server, own.private_key_pem.bytes() + own.cert_pem.bytes())


def _unknown_authority(_: trustme.CA, __: Random, server: ssl.SSLContext) -> None:
    trustme.CA().issue_cert(HOST).configure_cert(server)


def _wrong_host(authority: trustme.CA, rng: Random, server: ssl.SSLContext) -> None:
    names = ("deribit.test", "localhost", "*.0.0.1", f"127.0.0.1.host{rng.randrange(99)}.test", "127.0.0.2")
    authority.issue_cert(rng.choice(names)).configure_cert(server)


def _expired(authority: trustme.CA, rng: Random, server: ssl.SSLContext) -> None:
    end = _now() - datetime.timedelta(seconds=rng.choice((1, 60, 86_400, 400 * 86_400)))
    begin = end - datetime.timedelta(days=1)
    authority.issue_cert(HOST, not_before=begin, not_after=end).configure_cert(server)


def _not_yet_valid(authority: trustme.CA, rng: Random, server: ssl.SSLContext) -> None:
    begin = _now() + datetime.timedelta(seconds=rng.choice((60, 3600, 86_400)))  # no case may come to pass
    end = begin + datetime.timedelta(days=1)
    authority.issue_cert(HOST, not_before=begin, not_after=end).configure_cert(server)


def _no_intermediate(authority: trustme.CA, _: Random, server: ssl.SSLContext) -> None:
    leaf = authority.create_child_ca().issue_cert(HOST)
    _load(server, leaf.private_key_pem.bytes() + leaf.cert_chain_pems[0].bytes())


BAD: dict[str, Callable[[trustme.CA, Random, ssl.SSLContext], None]] = {
    "self-signed": _self_signed,
    "unknown authority": _unknown_authority,
    "wrong host": _wrong_host,
    "expired": _expired,
    "not yet valid": _not_yet_valid,
    "no intermediate": _no_intermediate,
}


@contextlib.contextmanager
def trusted(authority: trustme.CA) -> Iterator[None]:
    """Have the default verification trust the authority, so that our own session is tested as it is."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with patch("aiohttp.connector._SSL_CONTEXT_VERIFIED", context):
        yield


def _load(server: ssl.SSLContext, pem: bytes) -> None:
    with trustme.Blob(pem).tempfile() as path:
        server.load_cert_chain(path)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
