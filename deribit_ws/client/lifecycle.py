"""The life of a client's connections: dial, rebuild, live, lose, and again.

Knows: the order in which a new connection is rebuilt, and which failures end it all. Must not know:
who listens or what they want beyond the `Registry` it tells. `client` owns one, running as a task.
"""

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Any

from deribit_ws.aiohttp_transport import Dialer
from deribit_ws.backoff import Backoff
from deribit_ws.client.restoring import Restorer
from deribit_ws.connection import Connection
from deribit_ws.errors import (
    CallError,
    ConnectFailed,
    ConnectionLost,
    DeribitError,
    RpcError,
    ScopeReduced,
    UsageError,
    WireError,
)
from deribit_ws.exchange_clock import ExchangeClock
from deribit_ws.handlers.registry import Registry
from deribit_ws.journal import counted, note
from deribit_ws.limits import Limits
from deribit_ws.marks import Connected, Disconnected
from deribit_ws.reconnect import RATE_LIMIT_FLOOR, Reconnect
from deribit_ws.tally import Drop, cause_of
from deribit_ws.transport import Tap, Transport
from deribit_ws.wire.errors import is_passing
from deribit_ws.wire.methods import Call

logger = logging.getLogger("deribit_ws.client")

RESTORE_SECONDS = 10.0  # for each call that rebuilds a link; one that stalls is replaced
_CLOSED = ConnectionLost(1000, "closed by us")
_PATIENCE_SECONDS = 60.0  # and for the credits each needs: to give up sooner would cost more of them


class State(Enum):
    """Where a client is in its life."""

    NEW = "new"  # not started
    CONNECTING = "connecting"  # dialling, or waiting to
    RESTORING = "restoring"  # a link is up, and what lived on the last one is being rebuilt
    CONNECTED = "connected"  # calls go out and data comes in
    CLOSED = "closed"


class LoopClock:
    """Seconds of the loop's clock, which never steps, and is the one all deadlines are kept by.

    Once the client is open it may be read from any thread.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None

    def __call__(self) -> float:
        """Give the time in seconds."""
        return (self.loop or asyncio.get_running_loop()).time()


class Lifecycle:
    """Keeps one client connected until it is closed or something final happens.

    Args:
        dialer: opens websockets.
        registry: told of marks and errors.
        restorer: rebuilds each new connection, and keeps it up.
        limits: the client's credits, which outlive connections.
        ticks: the loop's clock.
        retry_seconds: the longest wait between two dials.
    """

    def __init__(
        self,
        dialer: Dialer,
        registry: Registry,
        restorer: Restorer,
        limits: Limits,
        ticks: LoopClock,
        *,
        retry_seconds: float,
    ) -> None:
        self._ticks = ticks
        self._dial: Callable[[], Awaitable[Transport]] = dialer.dial
        self._registry = registry
        self.restorer = restorer
        self._limits = limits
        self._ids = itertools.count(1)
        self._count = 0
        self._reconnect: Reconnect[Connection] = Reconnect(
            self._open, backoff=Backoff(retry_seconds, random.random), report=self._warn
        )
        self._tally = registry.tally
        self.state = State.NEW
        self.connection: Connection | None = None  # the one in use, only while it is live
        self.fatal: Exception | None = None
        self.is_leaving = False  # set while logging out: then no other connection is made
        self._changed = asyncio.Event()  # set while live, and for ever once closed
        self._opening: Connection | None = None
        self._live_since = 0.0
        self._was_live = False  # at any time: what refuses us now may be passing
        self._lost_at: float | None = None
        self._tap: Tap | None = None
        self.clock = ExchangeClock(time.time, ticks)  # for `stats`; never to sign with

    # --- for the client

    async def run(self) -> None:
        """Keep a connection until cancelled, or until something final happens; see `fatal`."""
        self._ticks.loop = asyncio.get_running_loop()
        try:
            while not self.is_leaving:
                await self._live(await anext(self._reconnect))
        except Exception as error:
            self._give_up(error)
        finally:
            self.state = State.CLOSED
            self.connection = None
            text = f"closed after {counted(self._count, 'connection')}"
            note(logger, logging.INFO, "closed", text, links=self._count)
            self._changed.set()
            self._registry.subscriptions.end(self.fatal)
            self.restorer.end(self.final_error())

    async def wait_live(self) -> Connection | None:
        """Wait for a live connection; None once all is over."""
        while self.connection is None and self.state is not State.CLOSED:
            await self._changed.wait()
        return self.connection

    def hush(self) -> None:
        """Have no more notifications handed out: a slow callback would hold up the way out with each."""
        if self._opening is not None:
            self._opening.pause()

    # --- for who looks on

    @property
    def tap(self) -> Tap | None:
        """Who is told of all that happens on the links; may be set at any time."""
        return self._tap

    @tap.setter
    def tap(self, tap: Tap | None) -> None:
        self._tap = tap
        if self._opening is not None:
            if tap is not None:
                tap.opened(self._count)
                if self.connection is not None:
                    tap.live()
            self._opening.tap(tap)

    def dial_with(self, dial: Callable[[], Awaitable[Transport]]) -> None:
        """Open links in another way from the next on."""
        self._dial = dial

    @property
    def uptime(self) -> float | None:
        """Seconds that the present link is live; None while there is none."""
        return self._ticks() - self._live_since if self.connection is not None else None

    # --- one connection

    async def _open(self) -> Connection:
        self.state = State.CONNECTING
        try:
            transport = await self._dial()
        except ConnectFailed:
            self._tally.dials_failed += 1
            raise
        return Connection(
            transport,
            notify=self._registry.router.notify,
            routes=self._registry.router.routes,
            ids=self._ids,
            limits=self._limits,
            report=self._told,
            overfull=self._go_live,
            measured=self._measured,
        )

    def _told(self, error: RpcError | WireError) -> None:
        """Pass on an error that belongs to no call; what can't be read may have been what somebody needs."""
        if isinstance(error, WireError):
            self.restorer.doubt(error.channel)
        self._registry.events.report(error)

    async def _live(self, connection: Connection) -> None:
        """Rebuild, use and lose one connection; raise what no other connection will mend."""
        self.state = State.RESTORING
        self._count += 1
        self._registry.link = self._opening = connection
        self._tally.link_open(lambda: connection.received)
        if self._tap is not None:
            self._tap.opened(self._count)
            connection.tap(self._tap)
        upkeep = asyncio.create_task(self._upkeep(connection), name="deribit_ws upkeep")
        final: BaseException | None = None
        try:
            lost = await connection.wait_lost()
        finally:
            healthy = self._leave(connection)
            try:
                final = await _ended(upkeep)
            finally:
                await connection.close()
                if connection.was_silent:
                    self._limits.never_late()
        cause = cause_of(lost, connection.given_up_for)
        if healthy is not None:
            self._tally.link_lost(Drop(time.time_ns(), cause, lost.code, lost.reason, healthy, None))
            self._registry.tell(Disconnected(lost.code, lost.reason, healthy))
        if final is not None:
            raise final
        self._reconnect.lost(healthy or 0.0, RATE_LIMIT_FLOOR if connection.rate_limited else 0.0, lost)
        self._note_lost(lost, cause, healthy)

    def _note_lost(self, lost: ConnectionLost, cause: str, healthy: float | None) -> None:
        event = "never_up" if healthy is None else "lost"
        how = "never came to life" if healthy is None else f"lost after {healthy:.1f} s"
        note(
            logger,
            logging.WARNING,
            event,
            f"connection %(link)d {how} (%(cause)s, %(code)d)" + (": %(why)s" if lost.reason else ""),
            link=self._count,
            cause=cause,
            code=lost.code,
            why=lost.reason,
            seconds=healthy,
        )

    async def _upkeep(self, connection: Connection) -> None:
        """Rebuild a connection, say that it is live, and keep it up."""
        call = _caller(connection)
        try:
            await self.restorer.restore(call, is_first=not self._was_live)
            if connection.lost is None:
                self._go_live()
            await self.restorer.keep(call)
        except Exception as error:
            connection.lose(1006, f"could not be kept up: {error}")
            if self._is_final(error):
                raise

    def _go_live(self) -> None:
        """Say `Connected`, then hand out what was held back; once a connection."""
        connection = self._opening
        if connection is None or self.connection is not None:
            return
        self.connection = connection
        self.state = State.CONNECTED
        self._was_live = True
        self._live_since = self._ticks()
        self._changed.set()
        after = None if self._lost_at is None else self._live_since - self._lost_at
        self._tally.link_up(after)
        if self._tap is not None:
            self._tap.live()
        confirmed = len(self._registry.subscriptions.confirmed)
        text = f"connection %(link)d is up with {counted(confirmed, 'channel')}"
        text += "" if after is None else ", %(seconds).2f s after the last was lost"
        note(logger, logging.INFO, "up", text, link=self._count, channels=confirmed, seconds=after)
        self._registry.tell(Connected(self._count, confirmed))
        connection.go_live()

    def _leave(self, connection: Connection) -> float | None:
        """Forget the connection; give the seconds it was live, None if it never was."""
        was_live = self.connection is not None
        self.hush()
        self.state = State.CONNECTING
        self.connection = self._opening = None
        self._changed.clear()
        self._registry.lost_link()
        self.restorer.disconnected()
        self._limits.disconnected()
        self._tally.link_gone()
        if self._tap is not None:
            lost = connection.lost or _CLOSED
            self._tap.lost(lost.code, lost.reason, is_reset=lost.cause is not None)
            connection.tap(None)  # closing may yet bring a frame, or send one
        if not was_live:
            return None
        self._lost_at = self._ticks()
        return self._lost_at - self._live_since

    def _is_final(self, error: Exception) -> bool:
        """Tell whether no other connection will mend what went wrong on this one."""
        if isinstance(error, ScopeReduced):
            return not self._was_live
        if isinstance(error, RpcError):
            return not (self._was_live or is_passing(error.code))
        if isinstance(error, CallError):
            return False
        if self._was_live:  # a fault of ours: told loudly, but a new link may well do without it
            text = "the upkeep of connection %(link)d failed"
            note(logger, logging.ERROR, "upkeep_failed", text, error=error, link=self._count)
        return not self._was_live

    def _give_up(self, error: Exception) -> None:
        self.fatal = error
        known = isinstance(error, DeribitError)
        shown = None if known else error
        note(logger, logging.ERROR, "given_up", "giving up: %(why)s", error=shown, why=str(error))
        if self._was_live:  # else `async with` raises it
            self._registry.events.report(error)

    def final_error(self) -> Exception:
        """Give what to raise once all is over."""
        if self.fatal is None:
            return UsageError("the client is closed")
        return self.fatal.with_traceback(None)  # raised to many: its traceback must not grow

    def _measured(self, exchange_ms: float | None, asked: float, answered: float) -> None:
        self._tally.round_trip = answered - asked
        if exchange_ms is not None:
            self.clock.measured(exchange_ms, asked, answered)

    def _warn(self, failure: ConnectFailed, wait: float) -> None:
        text = "%(why)s; dialling again in %(seconds).2f s"
        note(logger, logging.WARNING, "dial_failed", text, why=str(failure), seconds=wait)


def _caller(connection: Connection) -> Call:
    async def call(method: str, params: Mapping[str, Any]) -> Any:
        return await connection.call(method, params, timeout=RESTORE_SECONDS, patience=_PATIENCE_SECONDS)

    return call


async def _ended(task: asyncio.Task[None]) -> BaseException | None:
    """Cancel a task and wait for its end; give what it raised."""
    task.cancel()
    await asyncio.wait([task])
    return None if task.cancelled() else task.exception()
