"""A user's call, from its method to the connection that carries it, and again where it may be repeated.

Knows: which calls may be repeated, and which belong to the client's own state. Must not know: frames
or sockets. `client` is the only caller. A call that could act twice is sent at most once.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from deribit_ws.client.lifecycle import Lifecycle
from deribit_ws.connection import Connection
from deribit_ws.errors import AuthError, CallTimeout, OutcomeUnknown, RequestNotSent, UsageError
from deribit_ws.wire.methods import Repeat, repeat_of

_READ_TRIES = 4  # a read that was on the wire when the link broke is asked three times more

# What lives on a connection and is rebuilt on each: calling these by hand would make it untrue.
_MANAGED = {
    "public/subscribe": "subscribe()",
    "private/subscribe": "subscribe()",
    "public/unsubscribe": "unsubscribe()",
    "private/unsubscribe": "unsubscribe()",
    "public/unsubscribe_all": "unsubscribe()",
    "private/unsubscribe_all": "unsubscribe()",
    "public/set_heartbeat": "Client(heartbeat=…)",
    "public/disable_heartbeat": "Client(heartbeat=None)",
    "public/auth": "Client(credentials=…)",
    "private/logout": "aclose()",
    "private/enable_cancel_on_disconnect": "Client(cancel_on_disconnect=True)",
    "private/disable_cancel_on_disconnect": "Client(cancel_on_disconnect=None)",
}


async def call(lifecycle: Lifecycle, method: str, params: Mapping[str, Any], timeout: float) -> Any:
    """Make a call; see `Client.call`."""
    if managed := _MANAGED.get(method):
        raise UsageError(f"{method} is the client's own: use {managed}")
    refused = lifecycle.login_refused
    if refused is not None and method.startswith("private/"):
        raise AuthError(refused.code, refused.name, refused.data, method, refused.message)
    if repeat_of(method) is Repeat.READ:
        return await _read(lifecycle, method, params, timeout)
    connection = lifecycle.connection
    if connection is None:
        raise RequestNotSent(f"{method}: not connected", method=method) from lifecycle.fatal
    return await connection.call(method, params, timeout=timeout)


async def live_connection(lifecycle: Lifecycle) -> Connection:
    """Wait for a live connection; raise what ended the client, if something did."""
    connection = await lifecycle.wait_live()
    if connection is None:
        raise lifecycle.fatal or UsageError("the client is closed")
    return connection


async def _read(lifecycle: Lifecycle, method: str, params: Mapping[str, Any], timeout: float) -> Any:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    tries = 0
    while True:
        connection = await _live_until(deadline, lifecycle, method, timeout)
        try:
            return await connection.call(method, params, timeout=max(0.0, deadline - loop.time()))
        except RequestNotSent:
            # The loss may not be told yet, nor even known while the reader is behind.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await connection.wait_lost()
            await asyncio.sleep(0)
        except OutcomeUnknown:
            tries += 1
            if tries == _READ_TRIES:
                raise


async def _live_until(deadline: float, lifecycle: Lifecycle, method: str, timeout: float) -> Connection:
    if lifecycle.connection is not None and asyncio.get_running_loop().time() < deadline:
        return lifecycle.connection
    try:
        async with asyncio.timeout_at(deadline):
            await asyncio.sleep(0)  # so that a deadline that is over is seen
            return await live_connection(lifecycle)
    except TimeoutError:
        raise CallTimeout(f"{method}: not connected within {timeout:g} s", method=method) from None
