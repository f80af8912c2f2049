"""The life of a client's connections: dial, rebuild, live, lose, and again.

Knows: the order in which a new connection is rebuilt, and which failures end it all. Must not know:
who listens or what they want beyond the `Registry` it tells. `client` owns one, running as a task.
"""

import asyncio
import itertools
import logging
import random
from collections.abc import Mapping
from enum import Enum
from typing import Any

from deribit_ws.aiohttp_transport import Dialer
from deribit_ws.auth import Credentials, log_in
from deribit_ws.backoff import Backoff
from deribit_ws.connection import Connection
from deribit_ws.errors import (
    AuthError,
    CallError,
    ConnectFailed,
    ConnectionLost,
    DeribitError,
    RpcError,
)
from deribit_ws.marks import Connected, Disconnected
from deribit_ws.reconnect import RATE_LIMIT_FLOOR, Reconnect
from deribit_ws.registry import Registry
from deribit_ws.wire.errors import CLASSES, ErrorClass
from deribit_ws.wire.methods import Call

logger = logging.getLogger(__name__)

RESTORE_SECONDS = 10.0  # for each call that rebuilds a link; one that stalls is replaced
_LOGIN_WAITS = (0.5, 1.0, 2.0)  # seconds before the three more tries on a later connection


class State(Enum):
    """Where a client is in its life."""

    NEW = "new"  # not started
    CONNECTING = "connecting"  # dialling, or waiting to
    RESTORING = "restoring"  # a link is up, and what lived on the last one is being rebuilt
    CONNECTED = "connected"  # calls go out and data comes in
    CLOSED = "closed"


class Lifecycle:
    """Keeps one client connected until it is closed or something final happens.

    Args:
        dialer: opens websockets.
        registry: told of marks and errors; its subscriptions are kept.
        credentials: to log each connection in; None stays public.
        heartbeat: seconds, as Deribit's set_heartbeat; None arms none.
        retry_seconds: the longest wait between two dials.
        cancel_on_disconnect: True arms it on each connection; None leaves the account as it is.
    """

    def __init__(
        self,
        dialer: Dialer,
        registry: Registry,
        *,
        credentials: Credentials | None,
        heartbeat: int | None,
        retry_seconds: float,
        cancel_on_disconnect: bool | None,
    ) -> None:
        self._dialer = dialer
        self._registry = registry
        self._credentials = credentials
        self._heartbeat = heartbeat
        self._cancel_on_disconnect = cancel_on_disconnect
        self._ids = itertools.count(1)
        self._count = 0
        self._reconnect: Reconnect[Connection] = Reconnect(
            self._open, backoff=Backoff(retry_seconds, random.random), report=self._warn
        )
        self.state = State.NEW
        self.connection: Connection | None = None  # the one in use, only while it is live
        self.login_refused: AuthError | None = None  # on a later connection: private calls raise it
        self.fatal: Exception | None = None
        self._changed = asyncio.Event()  # set while live, and for ever once closed
        self._opening: Connection | None = None
        self._live_since = 0.0
        self._was_live = False  # at any time: what refuses us now may be passing

    # --- for the client

    async def run(self) -> None:
        """Keep a connection until cancelled, or until something final happens; see `fatal`."""
        try:
            while True:
                await self._live(await anext(self._reconnect))
        except DeribitError as error:
            self.fatal = error
            logger.error("giving up: %s", error)
        finally:
            self.state = State.CLOSED
            self.connection = None
            self._changed.set()

    async def wait_live(self) -> Connection | None:
        """Wait for a live connection; None once all is over."""
        while self.connection is None and self.state is not State.CLOSED:
            await self._changed.wait()
        return self.connection

    # --- one connection

    async def _open(self) -> Connection:
        self.state = State.CONNECTING
        transport = await self._dialer.dial()
        return Connection(
            transport,
            notify=self._registry.router.notify,
            ids=self._ids,
            report=self._registry.events.report,
            overfull=self._go_live,
        )

    async def _live(self, connection: Connection) -> None:
        """Rebuild, use and lose one connection."""
        self.state = State.RESTORING
        self._count += 1
        self._registry.link = self._opening = connection
        subscriber: asyncio.Task[None] | None = None
        try:
            await self._restore(connection)
            self._go_live()
            subscriber = asyncio.create_task(self._keep(connection), name="deribit_ws subscriber")
            lost = await connection.wait_lost()
        except CallError as error:
            lost = self._unrestored(connection, error)
        finally:
            healthy = self._leave()
            await _cancelled(subscriber)
            await connection.close()
        self._reconnect.lost(healthy or 0.0, RATE_LIMIT_FLOOR if connection.rate_limited else 0.0)
        if healthy is None:
            logger.warning("connection %d never came to life: %s", self._count, lost)
        else:
            logger.warning("connection %d lost after %.1f s: %s", self._count, healthy, lost)
            self._registry.tell(Disconnected(lost.code, lost.reason, healthy))

    def _go_live(self) -> None:
        """Say `Connected`, then hand out what was held back; once a connection."""
        connection = self._opening
        if connection is None or self.connection is not None:
            return
        self.connection = connection
        self.state = State.CONNECTED
        self._was_live = True
        self._live_since = asyncio.get_running_loop().time()
        self._changed.set()
        confirmed = len(self._registry.subscriptions.confirmed)
        logger.info("connection %d is up with %d channels", self._count, confirmed)
        self._registry.tell(Connected(self._count, confirmed))
        connection.go_live()
        self._registry.went_live()

    def _leave(self) -> float | None:
        """Forget the connection; give the seconds it was live, None if it never was."""
        was_live = self.connection is not None
        self.state = State.CONNECTING
        self.connection = self._opening = self._registry.link = None
        self._changed.clear()
        self._registry.subscriptions.disconnected()
        return asyncio.get_running_loop().time() - self._live_since if was_live else None

    async def _restore(self, connection: Connection) -> None:
        """Rebuild what lives on a connection: liveness first, so that a stalled login is found."""
        call = _caller(connection)
        if self._heartbeat is not None:
            try:
                await call("public/set_heartbeat", {"interval": self._heartbeat})
            except RpcError as error:
                self._registry.events.report(error)  # our own watch over silence goes on without it
        if self._credentials is not None:
            await self._log_in(call, self._credentials)
        if self._cancel_on_disconnect and self.login_refused is None:
            await call("private/enable_cancel_on_disconnect", {"scope": "connection"})
        await self._registry.subscriptions.settle(call)

    async def _log_in(self, call: Call, credentials: Credentials) -> None:
        """Log in; refused for good on a later connection, go on without what needs a login."""
        for wait in (*_LOGIN_WAITS, None):
            try:
                await log_in(call, credentials)
            except AuthError as error:
                if not self._was_live:
                    raise
                if wait is not None:
                    logger.warning("%s; logging in again in %g s", error, wait)
                    await asyncio.sleep(wait)
                    continue
                if self.login_refused is None:
                    self._registry.events.report(error)
                self.login_refused = error
            else:
                self.login_refused = None
            break
        self._registry.subscriptions.barred = self.login_refused

    def _unrestored(self, connection: Connection, error: CallError) -> ConnectionLost:
        """Say how a connection that could not be rebuilt ended; raise what no other will mend."""
        if isinstance(error, RpcError) and not self._was_live and not _is_passing(error):
            raise error
        return connection.lost or ConnectionLost(1006, f"could not be rebuilt: {error}", error)

    async def _keep(self, connection: Connection) -> None:
        """Make the subscriptions follow what is wanted, for as long as the connection lives."""
        try:
            await self._registry.subscriptions.keep(_caller(connection))
        except CallError as error:
            connection.lose(1006, f"subscribing failed: {error}")

    def _warn(self, failure: ConnectFailed, wait: float) -> None:
        logger.warning("%s; dialling again in %.2f s", failure, wait)


def _is_passing(error: RpcError) -> bool:
    return CLASSES.get(error.code) in (ErrorClass.RATE_LIMIT, ErrorClass.TRANSIENT)


def _caller(connection: Connection) -> Call:
    async def call(method: str, params: Mapping[str, Any]) -> Any:
        return await connection.call(method, params, timeout=RESTORE_SECONDS)

    return call


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
