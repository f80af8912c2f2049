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
from deribit_ws.errors import (
    CallTimeout,
    OutcomeUnknown,
    RequestNotSent,
    RpcError,
    UsageError,
    require_positive,
)
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
    "public/exchange_token": "Client(credentials=…)",  # it would be another account until the next drop
    "public/fork_token": "Client(credentials=…)",
    "private/logout": "aclose()",
    "private/enable_cancel_on_disconnect": "Client(cancel_on_disconnect=True)",
    "private/disable_cancel_on_disconnect": "Client(cancel_on_disconnect=…)",
}


async def call(lifecycle: Lifecycle, method: str, params: Mapping[str, Any], timeout: float) -> Any:
    """Make a call; see `Client.call`."""
    require_positive(timeout)
    if managed := _MANAGED.get(method):
        raise UsageError(f"{method} is the client's own: use {managed}")
    _refuse_barred(lifecycle, method)
    if repeat_of(method) is Repeat.READ:
        return await _read(lifecycle, method, params, timeout)
    connection = lifecycle.connection
    if connection is None:
        raise RequestNotSent(f"{method}: not connected", method=method) from lifecycle.fatal
    return await connection.call(method, params, timeout=timeout)


def merged(method: Any, params: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    """Give a call's parameters, from its mapping and its keywords; raise UsageError when it is no call."""
    if not isinstance(method, str) or not isinstance(params, Mapping | None):
        raise UsageError(f"call({method!r}, …): a method's name, and its parameters as a mapping")
    return {**(params or {}), **more}


def _refuse_barred(lifecycle: Lifecycle, method: str) -> None:
    if not method.startswith("private/"):
        return
    refused: RpcError | None = lifecycle.login_refused
    if refused is None and repeat_of(method) is not Repeat.READ:
        refused = lifecycle.unarmed  # who asked for cancel-on-disconnect must not act without it
    if refused is not None:
        raise type(refused)(refused.code, refused.name, refused.data, method, refused.message)


async def live_connection(lifecycle: Lifecycle) -> Connection:
    """Wait for a live connection; raise what ended the client, if something did."""
    connection = await lifecycle.wait_live()
    if connection is None:
        raise lifecycle.final_error()
    return connection


async def _read(lifecycle: Lifecycle, method: str, params: Mapping[str, Any], timeout: float) -> Any:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    tries = 0
    last: OutcomeUnknown | RequestNotSent = RequestNotSent(f"{method}: not connected", method=method)
    while True:
        try:
            connection = await _live_until(deadline, lifecycle, method, timeout)
        except UsageError as closed:  # while it waited: then what is known of the call is its end
            raise last from closed
        try:
            return await connection.call(method, params, timeout=max(0.0, deadline - loop.time()))
        except RequestNotSent as error:
            last = error
            # The loss may not be told yet, nor even known while the reader is behind.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    await connection.wait_lost()
            await asyncio.sleep(0)
        except OutcomeUnknown as error:
            last = error
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
