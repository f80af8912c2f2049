"""The client: one object for calls, callbacks and streams, whatever happens to the connection.

Knows: which room does what. Must not know: sockets, frames, queues. The composition root: it checks
its arguments, builds the rooms below, and makes calls; `listening` and `life` are the rest of its face.
"""

import contextlib
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from deribit_ws.aiohttp_transport import MAX_MESSAGE, Dialer
from deribit_ws.auth import Credentials, Login, RefreshToken
from deribit_ws.client.calls import call, merged
from deribit_ws.client.feeds import Feeds, Rooms
from deribit_ws.client.lifecycle import Lifecycle, LoopClock
from deribit_ws.client.logins import LoginKeeper
from deribit_ws.client.managed import SHORTEST_HEARTBEAT, Managed
from deribit_ws.client.restoring import Restorer
from deribit_ws.client.stats import ClientStats, stats_of
from deribit_ws.endpoints import PRODUCTION, fault_of, is_private
from deribit_ws.errors import OutcomeUnknown, RequestNotSent, UsageError, require_positive, require_whole
from deribit_ws.exchange_clock import ExchangeClock
from deribit_ws.handlers.registry import Registry
from deribit_ws.limits import Limits, LimitsSnapshot
from deribit_ws.methods import PrivateMethods, PublicMethods
from deribit_ws.recorder import Speed, read_header
from deribit_ws.universe import Universe

if TYPE_CHECKING:
    import aiohttp


class Client(Feeds):
    """A Deribit client that stays connected.

    It can be built, and callbacks registered, with no loop running. Use it as `async with client:`,
    or let `client.run()` do everything. One client belongs to one loop, in one thread.

    Args:
        url: `PRODUCTION`, `TESTNET`, or another ws:// or wss:// URL.
        credentials: an API key (`Credentials`) or a `RefreshToken`; None stays public.
        session: an `aiohttp.ClientSession` to dial with, never closed here; None makes one.
        heartbeat: seconds, at least 10: the exchange asks for a sign of life that often; None never.
        retry_seconds: the longest wait between two dials.
        call_timeout: seconds; the deadline of calls that are given none.
        cancel_on_disconnect: True arms it on every connection, False disarms it there; None leaves the
            account's own setting as it is.
        open_timeout: seconds for one dial.
        close_timeout: seconds for closing in order, before the socket is aborted.
        max_message: bytes; a longer message ends the link, and the third link in a row the client.
        compress: offer permessage-deflate; to unpack a message takes twice its size for a moment, so that
            `max_message` is 7 MiB here where it is left at its default.
        allow_plaintext: let credentials go over ws:// to another machine.

    Attributes:
        public: every public method under its own name, e.g. `client.public.get_order_book(…)`.
        private: every private one, e.g. `client.private.get_positions()`.

    Raises:
        UsageError: a parameter can't be right.
    """

    def __init__(
        self,
        url: str = PRODUCTION,
        *,
        credentials: Credentials | RefreshToken | None = None,
        session: "aiohttp.ClientSession | None" = None,
        heartbeat: int | None = 10,
        retry_seconds: float = 30.0,
        call_timeout: float = 30.0,
        cancel_on_disconnect: bool | None = None,
        open_timeout: float = 10.0,
        close_timeout: float = 1.0,
        max_message: int = MAX_MESSAGE,
        compress: bool = False,
        allow_plaintext: bool = False,
    ) -> None:
        if fault := fault_of(url):
            raise UsageError(fault)
        _check_credentials(credentials, url, allow_plaintext=allow_plaintext)
        _check_kept(heartbeat, cancel_on_disconnect, has_key=credentials is not None)
        require_positive(
            retry_seconds=retry_seconds,
            call_timeout=call_timeout,
            open_timeout=open_timeout,
            close_timeout=close_timeout,
            max_message=max_message,
        )
        dialer = Dialer(
            url,
            session=session,
            open_timeout=open_timeout,
            close_timeout=close_timeout,
            max_message=max_message,
            compress=compress,
            private=credentials is not None and not allow_plaintext,
        )
        self.url = url
        ticks = LoopClock()
        self._limits = Limits(ticks)
        self._clock = ExchangeClock(time.time, ticks)
        registry = Registry()
        self._logins = _keeper(credentials, self._clock, registry)
        universe = Universe(registry)
        rooms = Rooms.of(registry, self._typed_call, self._clock if credentials is not None else None)
        restorer = Restorer(
            registry,
            self._logins,
            self._limits,
            universe,
            rooms.recoveries,
            heartbeat=heartbeat,
            cancel_on_disconnect=cancel_on_disconnect,
        )
        lifecycle = Lifecycle(dialer, registry, restorer, self._limits, ticks, retry_seconds=retry_seconds)
        super().__init__(lifecycle, registry, universe, rooms, call_timeout)
        self._managed = Managed(self, restorer, self._send)
        self.public = PublicMethods(self._typed_call)
        self.private = PrivateMethods(self._typed_call)

    @classmethod
    def replay(cls, path: str | os.PathLike[str], *, speed: Speed = 1.0, **options: Any) -> Self:
        """Make a client that hears a recording instead of the exchange, byte for byte, drops included.

        It is used as any other: the same callbacks, streams and books get the same input, and `received_at`
        is the recorded time. Its calls are answered as the recorded ones were, or with an `RpcError` where
        there was none like it. Where the recording ends it closes: `run()` and `wait_closed()` return.

        Args:
            path: of what `record` wrote, or of the part to begin with.
            speed: 1.0 is the recorded pace, 10 ten times as fast; "max" as fast as it is taken.
            options: as `Client` has them.

        Raises:
            RecordingError: there is no such recording.
            UsageError: `speed` or an option can't be right.
        """
        # The recorded waits are played, none of its own comes on top. Nothing is dialled: any URL will do.
        given = {"retry_seconds": 0.001, "allow_plaintext": True} | options
        client = cls(read_header(path).url or PRODUCTION, **given)
        client._play(path, speed)
        return client

    def __repr__(self) -> str:
        return f"<Client {self.url.rpartition('@')[2]} {self.state.value}>"  # no password of the URL's

    @property
    def limits(self) -> LimitsSnapshot:
        """Deribit's credits as reckoned here: what is left of each pool, and what is in flight."""
        return self._limits.snapshot()

    @property
    def stats(self) -> ClientStats:
        """What the client went through so far, and how it is: connections, drops, lag, queues, credits."""
        return stats_of(self._lifecycle, self._registry, self._limits)

    @property
    def scope(self) -> str | None:
        """What the login may do, as granted, in words; None while there is no login."""
        return self._logins.scope if self._logins is not None else None

    # --- calls

    async def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = None,
        **more: Any,
    ) -> Any:
        """Call a method by name and give its result as plain values; `public` and `private` give typed ones.

        A read is asked again when the link breaks under it; while the link is down it waits, within
        its deadline. Anything else is sent at most once. Parameters are sent as they are, unchecked.

        Args:
            method: e.g. "public/get_order_book".
            params: its parameters; None values are left out.
            timeout: seconds; `call_timeout` by default. Waiting for credits is within it.
            more: further parameters by name.

        Raises:
            RpcError: the exchange answered with an error (`AuthError`, `RateLimited` among them).
            CallTimeout: no answer within the deadline.
            RequestNotSent: the link is down, and the call may not be repeated, or there were no credits
                for it within the deadline: it is safe to repeat.
            OutcomeUnknown: the link broke after it was sent.
            UsageError: not open, or the method belongs to the client's own state and would make it untrue.
        """
        return await self._call(method, merged(method, params, more), Any, timeout)

    async def _typed_call(
        self, method: str, params: Mapping[str, Any], result: Any, timeout: float | None
    ) -> Any:
        return await self._call(method, params, result, timeout)

    async def _call(self, method: str, params: Mapping[str, Any], result: Any, timeout: float | None) -> Any:
        self._check()
        timeout = self._seconds(timeout)
        act = self._managed.act_of(method)
        if act is not None:
            return await act(method, params, timeout)
        return await call(self._lifecycle, method, params, timeout, result)

    async def _send(self, method: str, params: Mapping[str, Any], timeout: float) -> Any:
        return await call(self._lifecycle, method, params, timeout)

    async def logout(self, *, invalidate_token: bool = True, timeout: float | None = None) -> None:
        """Log out and close; unlike `aclose()`, it does not set off cancel-on-disconnect: orders stay.

        The exchange answers with nothing but the end of the connection.

        Args:
            invalidate_token: False leaves the tokens of a named session alive.
            timeout: seconds for the exchange to end the connection; `call_timeout` by default.

        Raises:
            RequestNotSent: not connected; nothing changed.
            CallTimeout: the exchange did not end the connection; it is open still.
            RpcError: it refused; the connection is open still.
            UsageError: the client has no credentials.
        """
        self._check()
        if self._logins is None:
            raise UsageError("logout: the client has no credentials")
        connection = self._lifecycle.connection
        if connection is None:
            raise RequestNotSent("private/logout: not connected", method="private/logout")
        params = {"invalidate_token": invalidate_token}
        self._lifecycle.is_leaving = True  # the end of this connection is the end of all
        try:
            with contextlib.suppress(OutcomeUnknown):  # the end of the connection is the answer
                await connection.call("private/logout", params, timeout=self._seconds(timeout))
            await self.aclose()
        finally:
            self._lifecycle.is_leaving = False


def _check_kept(heartbeat: int | None, cancel_on_disconnect: bool | None, *, has_key: bool) -> None:
    if heartbeat is not None:
        require_whole(heartbeat, SHORTEST_HEARTBEAT, "heartbeat")
    if cancel_on_disconnect is not None and not has_key:
        raise UsageError("cancel_on_disconnect needs credentials")


def _check_credentials(
    credentials: Credentials | RefreshToken | None, url: str, *, allow_plaintext: bool
) -> None:
    if not isinstance(credentials, Credentials | RefreshToken | None):
        raise UsageError(f"credentials are a Credentials(client_id, client_secret), not {type(credentials)}")
    if credentials is not None and not (is_private(url) or allow_plaintext):
        raise UsageError("credentials over ws:// to another machine can be read by others: use wss://")


def _keeper(
    credentials: Credentials | RefreshToken | None, clock: ExchangeClock, registry: Registry
) -> LoginKeeper | None:
    if credentials is None:
        return None
    report = registry.events.report
    return LoginKeeper(Login(credentials, clock, report), registry.subscriptions, report)
