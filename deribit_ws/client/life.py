"""A client's life: entered, run, waited for, closed; and whether something is allowed now, and here.

Knows: the task that keeps the connection, and the loop and thread a client belongs to. Must not know:
calls, channels or callbacks. Base of the client's public face.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

from deribit_ws.client.calls import live_connection
from deribit_ws.client.lifecycle import Lifecycle, State
from deribit_ws.client.signals import forget, until_stopped
from deribit_ws.errors import UsageError
from deribit_ws.handlers.registry import Registry


class Life:
    """Something that lives on one loop, in one thread, until it is closed."""

    def __init__(self, lifecycle: Lifecycle, registry: Registry) -> None:
        self._lifecycle = lifecycle
        self._registry = registry
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._life: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._closers: set[asyncio.Task[Any]] = set()  # who awaits `aclose`

    @property
    def state(self) -> State:
        """Where the client is in its life."""
        return self._lifecycle.state

    async def __aenter__(self) -> Self:
        """Connect; return when the first link is up and all on it is built.

        Raises:
            ConnectFailed: dialling makes no sense (see `Retry`).
            AuthError: the first login was refused.
            ScopeReduced: the first login was granted less than it asked for.
            UsageError: entered twice, or closed before there was a link.
        """
        self._start()
        try:
            await self.wait_connected()
        except BaseException:
            await self.aclose()
            raise
        return self

    def _start(self) -> None:
        if self._loop is not None or self.state is State.CLOSED:
            raise UsageError("a client can be entered only once")
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._registry.start()
        self._life = self._loop.create_task(self._live(), name="deribit_ws client")

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
        await self._registry.finished()

    async def cleanup_ctx(self, app: object) -> AsyncIterator[None]:
        """Live as long as an `aiohttp.web` application: `app.cleanup_ctx.append(client.cleanup_ctx)`.

        The application starts once the first link is up, and raises what `async with` does.
        """
        async with self:
            yield

    def run(self, *, uvloop: bool = False) -> None:
        """Connect and serve the callbacks until SIGINT, SIGTERM or `aclose()`; on a loop of its own.

        Args:
            uvloop: True runs on uvloop's loop, which must be installed (the extra `speed` has it).

        Raises:
            ConnectFailed, AuthError: as `async with`; also when it becomes final later.
            UsageError: called inside a running loop, or the client was used before, or there is no uvloop.
        """
        make_loop = _uvloop() if uvloop else None
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise UsageError("run() starts its own loop; inside one, use `async with client`")
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(until_stopped(self._serve(), self._lifecycle.hush))

    async def _serve(self) -> None:
        self._start()
        try:
            await self.wait_closed()
        finally:
            try:
                await self.__aexit__()
            finally:
                forget(self._registry.stuck)

    async def _live(self) -> None:
        await self._lifecycle.run()
        await self._registry.stop(self._lifecycle.fatal, spared=())

    async def wait_connected(self) -> None:
        """Wait until a link is up; raise what ended the client, if something did."""
        self._check()
        await live_connection(self._lifecycle)

    async def wait_closed(self) -> None:
        """Wait until the client is closed; raise what ended it, if something did."""
        if self._life is None:
            self._check()
            return
        self._check_loop()
        await asyncio.wait([self._life])
        if self._lifecycle.fatal is not None:
            raise self._lifecycle.final_error()

    async def aclose(self) -> None:
        """Close the link and end callbacks and streams, within 2 s (or `close_timeout` + 1 s).

        To the exchange this is a disconnect: where cancel-on-disconnect is armed, orders are cancelled.
        `Client.logout` is the act that keeps them. May be repeated, and awaited in a callback.
        """
        if self._loop is None:
            self._lifecycle.state = State.CLOSED
            return
        self._check_loop()
        if (task := asyncio.current_task()) is not None:
            self._closers.add(task)
        if self._closing is None:
            self._registry.interrupt(spared=self._closers)
            self._lifecycle.hush()
            self._closing = self._loop.create_task(self._close(), name="deribit_ws closing")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        assert self._life is not None
        self._life.cancel()
        await asyncio.wait([self._life])
        await self._registry.stop(self._lifecycle.fatal, spared=self._closers)

    # --- is this allowed now, and here

    def _check(self) -> None:
        """Raise unless the client is in use, by its own loop."""
        if self._loop is None:
            raise UsageError("the client is not open: use `async with client`, or client.run()")
        self._check_loop()
        if self._lifecycle.fatal is None:
            self._check_open()

    def _check_loop(self) -> None:
        if asyncio.get_running_loop() is not self._loop:
            raise UsageError("a client belongs to the loop that opened it")

    def _check_open(self) -> None:
        if self._closing is not None or self.state is State.CLOSED:
            raise UsageError("the client is closed")
        if self._loop is not None and threading.get_ident() != self._thread:
            raise UsageError("a client belongs to the thread that opened it")


def _uvloop() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        from uvloop import new_event_loop
    except ImportError:
        raise UsageError("uvloop is not installed: pip install 'deribit_ws[speed]'") from None
    return new_event_loop
