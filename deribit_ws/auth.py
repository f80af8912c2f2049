"""Logging a connection in.

Knows: credentials, and the login call. Must not know: connections or when to log in; `call` is
injected. `client` logs every new connection in before its subscriptions. Source: facts of
docs.deribit.com, authentication: a connection-scope login makes the connection itself authenticated.
"""

from dataclasses import dataclass, field

from deribit_ws.errors import AuthError, RpcError, UsageError
from deribit_ws.wire.errors import is_passing
from deribit_ws.wire.methods import Call


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key: its client id, and its secret, which is never shown."""

    client_id: str
    client_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.client_id or not self.client_secret:
            raise UsageError("credentials need a client id and a client secret")


async def log_in(call: Call, credentials: Credentials) -> None:
    """Log a connection in with `client_credentials`.

    Raises:
        AuthError: refused, whatever the code, unless the reason is a passing one.
        CallError: no answer, or a passing error.
    """
    params = {
        "grant_type": "client_credentials",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }
    try:
        await call("public/auth", params)
    except AuthError:
        raise
    except RpcError as error:
        if is_passing(error.code):
            raise
        raise AuthError(error.code, error.name, error.data, error.method, error.message) from error
