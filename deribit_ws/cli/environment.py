"""Where to connect and as whom: options, then the environment, then the default.

Knows: the names of the variables. Must not know: commands, sockets. Secrets come from here only, are
handed straight to the client, and are sent only where something private is asked for.
"""

import os
from argparse import Namespace
from collections.abc import Sequence
from urllib.parse import urlsplit

from deribit_ws.auth import Credentials
from deribit_ws.cli.failures import USAGE, Failure
from deribit_ws.endpoints import PRODUCTION, TESTNET, fault_of
from deribit_ws.wire.channels import is_private

URL = "DERIBIT_URL"
CLIENT_ID = "DERIBIT_CLIENT_ID"
CLIENT_SECRET = "DERIBIT_CLIENT_SECRET"


def url_of(options: Namespace) -> str:
    """The URL to dial: --testnet, --url, $DERIBIT_URL or production."""
    if options.testnet:
        return TESTNET
    chosen = options.url if options.url is not None else os.environ.get(URL)
    url: str = chosen or PRODUCTION if options.url is None else chosen or ""
    source = "--url" if options.url is not None else URL
    if fault := fault_of(url):
        raise Failure(f"{source}: {fault}", USAGE)
    if "@" in urlsplit(url).netloc:
        raise Failure(f"{source}: no user or password in it; set {CLIENT_ID} and {CLIENT_SECRET}", USAGE)
    return url


def needing_login(channels: Sequence[str]) -> str | None:
    """The first of the channels that only a login opens: a private one, or a raw one."""
    return next((name for name in channels if is_private(name) or name.endswith(".raw")), None)


def credentials_for(private: str | None) -> Credentials | None:
    """The API key, if `private` names something that needs one; else None.

    Raises:
        Failure: it is needed and not there, or only half of it is.
    """
    if private is None:
        return None
    client_id, secret = os.environ.get(CLIENT_ID), os.environ.get(CLIENT_SECRET)
    if not client_id or not secret:
        raise Failure(f"{private} needs a login: set {CLIENT_ID} and {CLIENT_SECRET}", USAGE)
    return Credentials(client_id, secret)
