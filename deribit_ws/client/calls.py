"""A user's call, from its method to the connection that carries it, and again where it may be repeated.

Knows: which calls may be repeated, and when. Must not know: frames or sockets, or which methods belong
to the client's own state. `client` is the only caller. A call that could act twice is sent at most once.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from deribit_ws.client.lifecycle import Lifecycle
from deribit_ws.client.logins import NOT_LOGGED_IN, LoginKeeper
from deribit_ws.connection import Connection
from deribit_ws.errors import (
    AuthError,
    CallError,
    CallTimeout,
    OutcomeUnknown,
    RateLimited,
    RequestNotSent,
    RpcError,
    UsageError,
)
from deribit_ws.wire.methods import Repeat, repeat_of

_READ_TRIES = 4  # a read that was on the wire when the link broke is asked three times more
# What makes an account safer, and so goes out though cancel-on-disconnect could not be armed.
_WAYS_OUT = (
    "private/cancel",
    "private/enable_cancel_on_disconnect",
    "private/disable_cancel_on_disconnect",
)
_WAITED_OUT = (10028, 10066)  # too many requests, too many at once: a read is asked again when there is room


async def call(
    lifecycle: Lifecycle, method: str, params: Mapping[str, Any], timeout: float, result: Any = Any
) -> Any:
    """Make a call, its result decoded into a type; see `Client.call`."""
    deadline = asyncio.get_running_loop().time() + timeout
    logins = lifecycle.restorer.logins
    number = logins.number if logins is not None else 0
    try:
        return await _once_logged_in(lifecycle, method, params, deadline, result)
    except AuthError as error:
        if logins is None or not await _renewed(logins, error, number, deadline):
            raise
    # Refused for the lack of a valid login, it did nothing: asked again it is not asked twice.
    try:
        return await _once_logged_in(lifecycle, method, params, deadline, result)
    except AuthError as error:
        if error.code == NOT_LOGGED_IN:
            logins.blame(method)
        raise


async def _once_logged_in(
    lifecycle: Lifecycle, method: str, params: Mapping[str, Any], deadline: float, result: Any
) -> Any:
    _refuse_barred(lifecycle, method)
    if repeat_of(method) is Repeat.READ:
        return await _read(lifecycle, method, params, deadline, result)
    connection = lifecycle.connection
    if connection is None:
        raise RequestNotSent(f"{method}: not connected", method=method) from lifecycle.fatal
    return await connection.call(method, params, timeout=_left(deadline), result=result)


async def _renewed(logins: LoginKeeper, error: AuthError, number: int, deadline: float) -> bool:
    """Have the login renewed, where the exchange says that there is none any more."""
    if error.code != NOT_LOGGED_IN:
        return False
    try:
        async with asyncio.timeout_at(deadline):
            return await logins.renewal(error.method, number)
    except TimeoutError:
        return False


def merged(method: Any, params: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    """Give a call's parameters, from its mapping and its keywords; raise UsageError when it is no call."""
    if not isinstance(params, Mapping | None):
        raise UsageError(f"call({method!r}, …): parameters are a mapping")
    if not isinstance(method, str) or not method.startswith(("public/", "private/")):
        raise UsageError(f"{method!r} is no method: they look like public/get_time")
    return {**(params or {}), **more}


def _refuse_barred(lifecycle: Lifecycle, method: str) -> None:
    if not method.startswith("private/"):
        return
    refused: RpcError | None = lifecycle.restorer.login_refused
    if refused is None and repeat_of(method) is not Repeat.READ and not method.startswith(_WAYS_OUT):
        refused = lifecycle.restorer.unarmed  # who asked for cancel-on-disconnect must not act without it
    if refused is not None:
        raise type(refused).like(refused, method)


async def live_connection(lifecycle: Lifecycle) -> Connection:
    """Wait for a live connection; raise what ended the client, if something did."""
    connection = await lifecycle.wait_live()
    if connection is None:
        raise lifecycle.final_error()
    return connection


async def _read(
    lifecycle: Lifecycle, method: str, params: Mapping[str, Any], deadline: float, result: Any
) -> Any:
    tries = 0
    last: CallError = RequestNotSent(f"{method}: not connected", method=method)
    while True:
        try:
            connection = await _live_until(deadline, lifecycle, method)
        except UsageError as closed:  # while it waited: then what is known of the call is its end
            raise last from closed
        except CallTimeout as late:
            if isinstance(last, RateLimited):  # it says more
                raise last from late
            raise
        try:
            return await connection.call(method, params, timeout=_left(deadline), result=result)
        except RequestNotSent as error:
            last = last if isinstance(last, RateLimited) else error
            if connection.lost is None and error.__cause__ is None:
                raise last from None  # the link is fine: what lacked was credits
            await _lost_until(deadline, connection)
        except (OutcomeUnknown, RateLimited) as error:
            last = error
            tries += 1
            if tries == _READ_TRIES or not _is_worth_another(error):
                raise


def _is_worth_another(error: OutcomeUnknown | RateLimited) -> bool:
    # After a 10028 the credits make the next try wait until there are some.
    return isinstance(error, OutcomeUnknown) or error.code in _WAITED_OUT


async def _lost_until(deadline: float, connection: Connection) -> None:
    # The loss may not be told yet, nor even known while the reader is behind.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            await connection.wait_lost()
    await asyncio.sleep(0)


async def _live_until(deadline: float, lifecycle: Lifecycle, method: str) -> Connection:
    if lifecycle.connection is not None and _left(deadline) > 0:
        return lifecycle.connection
    try:
        async with asyncio.timeout_at(deadline):
            await asyncio.sleep(0)  # so that a deadline that is over is seen
            return await live_connection(lifecycle)
    except TimeoutError:
        raise CallTimeout(f"{method}: not connected within its deadline", method=method) from None


def _left(deadline: float) -> float:
    return max(0.0, deadline - asyncio.get_running_loop().time())
