"""The client: one object for calls, callbacks and streams, whatever happens to the connection.

Knows: the public face, and which room does what. Must not know: sockets, frames, queues.
The composition root: it builds the rooms below, and checks that its callers are on the right loop.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from deribit_ws.aiohttp_transport import MAX_MESSAGE, Dialer
from deribit_ws.auth import Credentials
from deribit_ws.client.calls import call, live_connection, merged
from deribit_ws.client.lifecycle import Lifecycle, State
from deribit_ws.client.signals import until_stopped
from deribit_ws.endpoints import PRODUCTION, fault_of, is_private
from deribit_ws.errors import SubscriptionRejected, UsageError, require_positive, require_whole
from deribit_ws.handlers import Handler
from deribit_ws.handlers.registrations import HandlerRegistration, Registration
from deribit_ws.handlers.registry import Registry
from deribit_ws.handlers.stream import Stream
from deribit_ws.subscriptions import check_name
from deribit_ws.wire.channels import Pattern

if TYPE_CHECKING:
    import aiohttp

F = TypeVar("F", bound=Callable[..., Any])

SHORTEST_HEARTBEAT = 10  # seconds; Deribit takes no less


class Client:
    """A Deribit client that stays connected.

    It can be built, and callbacks registered, with no loop running. Use it as `async with client:`,
    or let `client.run()` do everything. One client belongs to one loop, in one thread.

    Args:
        url: `PRODUCTION`, `TESTNET`, or another ws:// or wss:// URL.
        credentials: an API key; None stays public.
        session: an `aiohttp.ClientSession` to dial with, never closed here; None makes one.
        heartbeat: seconds, at least 10: the exchange asks for a sign of life that often; None never.
        retry_seconds: the longest wait between two dials.
        call_timeout: seconds; the deadline of calls that are given none.
        cancel_on_disconnect: True arms it on every connection; None leaves the account as it is.
        open_timeout: seconds for one dial.
        close_timeout: seconds for closing in order, before the socket is aborted.
        max_message: bytes; a longer message ends the link.
        allow_plaintext: let credentials go over ws:// to another machine.

    Raises:
        UsageError: a parameter can't be right.
    """

    def __init__(
        self,
        url: str = PRODUCTION,
        *,
        credentials: Credentials | None = None,
        session: "aiohttp.ClientSession | None" = None,
        heartbeat: int | None = 10,
        retry_seconds: float = 30.0,
        call_timeout: float = 30.0,
        cancel_on_disconnect: bool | None = None,
        open_timeout: float = 10.0,
        close_timeout: float = 1.0,
        max_message: int = MAX_MESSAGE,
        allow_plaintext: bool = False,
    ) -> None:
        if fault := fault_of(url):
            raise UsageError(fault)
        if not isinstance(credentials, Credentials | None):
            raise UsageError(
                f"credentials are a Credentials(client_id, client_secret), not {type(credentials)}"
            )
        if credentials is not None and not (is_private(url) or allow_plaintext):
            raise UsageError("credentials over ws:// to another machine can be read by others: use wss://")
        if heartbeat is not None:
            require_whole(heartbeat, SHORTEST_HEARTBEAT, "heartbeat")
        if cancel_on_disconnect and credentials is None:
            raise UsageError("cancel_on_disconnect needs credentials")
        require_positive(retry_seconds, call_timeout, open_timeout, close_timeout, max_message)
        self.url = url
        self._call_timeout = call_timeout
        dialer = Dialer(
            url,
            session=session,
            open_timeout=open_timeout,
            close_timeout=close_timeout,
            max_message=max_message,
        )
        self._registry = Registry()
        self._lifecycle = Lifecycle(
            dialer,
            self._registry,
            credentials=credentials,
            heartbeat=heartbeat,
            retry_seconds=retry_seconds,
            cancel_on_disconnect=cancel_on_disconnect,
        )
        self._subscribed: Counter[str] = Counter()  # by `subscribe()`, not by callbacks or streams
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._life: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._closers: set[asyncio.Task[Any]] = set()  # who awaits `aclose`

    def __repr__(self) -> str:
        return f"<Client {self.url.rpartition('@')[2]} {self.state.value}>"  # no password of the URL's

    @property
    def state(self) -> State:
        """Where the client is in its life."""
        return self._lifecycle.state

    # --- life

    async def __aenter__(self) -> "Client":
        """Connect; return when the first link is up and all on it is built.

        Raises:
            ConnectFailed: dialling makes no sense (see `Retry`).
            AuthError: the first login was refused.
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

    def run(self) -> None:
        """Connect and serve the callbacks until SIGINT, SIGTERM or `aclose()`; on a loop of its own.

        Raises:
            ConnectFailed, AuthError: as `async with`; also when it becomes final later.
            UsageError: called inside a running loop, or the client was used before.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise UsageError("run() starts its own loop; inside one, use `async with client`")
        asyncio.run(until_stopped(self._serve()))

    async def _serve(self) -> None:
        self._start()
        try:
            await self.wait_closed()
        finally:
            await self.__aexit__()

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

        May be repeated, and awaited in a callback.
        """
        if self._loop is None:
            self._lifecycle.state = State.CLOSED
            return
        self._check_loop()
        if (task := asyncio.current_task()) is not None:
            self._closers.add(task)
        if self._closing is None:
            self._closing = self._loop.create_task(self._close(), name="deribit_ws closing")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        assert self._life is not None
        self._life.cancel()
        await asyncio.wait([self._life])
        await self._registry.stop(self._lifecycle.fatal, spared=self._closers)

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
        """Call a method and give its result.

        A read is asked again when the link breaks under it; while the link is down it waits, within
        its deadline. Anything else is sent at most once.

        Args:
            method: e.g. "public/get_order_book".
            params: its parameters; None values are left out.
            timeout: seconds; `call_timeout` by default.
            more: further parameters by name.

        Raises:
            RpcError: the exchange answered with an error (`AuthError`, `RateLimited` among them).
            CallTimeout: no answer within the deadline.
            RequestNotSent: the link is down, and the call may not be repeated: it is safe to do so.
            OutcomeUnknown: the link broke after it was sent.
            UsageError: not open, or the method belongs to the client's own state.
        """
        self._check()
        timeout = self._call_timeout if timeout is None else timeout
        return await call(self._lifecycle, method, merged(method, params, more), timeout)

    # --- channels

    async def subscribe(self, *channels: str) -> list[str]:
        """Hold channels until `unsubscribe`, and wait for the exchange's word; give the channels.

        Raises:
            SubscriptionRejected: some were left out; the others stay subscribed.
            CallTimeout: no answer within `call_timeout`; none is held.
        """
        self._check()
        for channel in channels:
            check_name(channel)
        asked = list(dict.fromkeys(channels))
        try:
            await self._registry.subscriptions.acquire(asked, self._call_timeout)
        except SubscriptionRejected as rejected:
            self._subscribed.update(rejected.accepted)
            raise
        self._subscribed.update(asked)
        return asked

    async def unsubscribe(self, *channels: str) -> list[str]:
        """Let go of channels held by `subscribe`; give those.

        A channel is left when nobody else (callback, stream) holds it.

        Raises:
            UsageError: one is not held by `subscribe`.
        """
        self._check()
        asked = list(dict.fromkeys(channels))
        unknown = [channel for channel in asked if not self._subscribed[channel]]
        if unknown:
            raise UsageError(f"not held by subscribe(): {', '.join(unknown)}")
        self._subscribed.subtract(asked)
        self._subscribed = +self._subscribed  # drops those at zero
        self._registry.subscriptions.release(asked)
        await self._registry.subscriptions.left(asked, self._call_timeout)
        return asked

    # --- callbacks and streams

    def on(
        self, pattern: str, *, overflow: str | None = None, maxsize: int | None = None, **values: Any
    ) -> Callable[[F], F]:
        """Decorate a function as the callback of a pattern's channels; it is returned untouched.

        See `register` for the arguments.
        """

        def decorate(callback: F) -> F:
            self.register(pattern, callback, overflow=overflow, maxsize=maxsize, **values)
            return callback

        return decorate

    def register(
        self,
        pattern: str,
        callback: Callable[..., Any],
        *,
        overflow: str | None = None,
        maxsize: int | None = None,
        **values: Any,
    ) -> Registration:
        """Call `callback` for each message of the channels that fit a pattern.

        Args:
            pattern: a channel's name, in which `{name}` and `*` stand for one whole segment and `>`
                for the rest. Without a wildcard, and with a value for every placeholder, its channels
                are subscribed too; otherwise it only routes what others subscribe.
            callback: plain (runs in place) or `async` (runs in a task of its own, in order). Its
                first parameter gets the payload; others get the placeholders they are named after.
                The first one's annotation chooses the form: the typed payload by default; `dict`,
                `list` or `Any` plain values; `bytes` the data as received; `Notification` all three
                of channel, data and time.
            overflow: what happens when an `async` callback is so slow that its queue is full. "latest":
                the newest message of each channel is kept (default for ticker, quote, grouped book and
                index). "drop_oldest": the oldest go, and `on_lagged` is told how many when the next is
                taken (default for other public channels). "keep": none goes; beyond 8 MiB the link is
                replaced (default for private ones). "fail": the callback ends with `SlowConsumer`.
                "block": reading stops, after 5 s the link is replaced; not for one that awaits calls.
            maxsize: messages in its queue, 1,024 by default; it is bounded by 8 MiB as well.
            values: a string or a list of strings for each placeholder; lists multiply. Without one, or
                with a wildcard in the pattern, nothing is subscribed.

        Raises:
            UsageError: the pattern, a value or the signature can't fit; names the parameter.
        """
        self._check_open()
        return self._registry.register(Pattern(pattern), callback, values, overflow, maxsize)

    def add_handler(self, handler: Handler, **values: Any) -> HandlerRegistration:
        """Register a handler's decorated methods, and tell it of events.

        Args:
            handler: an instance of a `Handler` class.
            values: for the placeholders of its patterns.

        Raises:
            UsageError: it can't fit (see `register`), was added already, or has no such placeholder.
        """
        self._check_open()
        return self._registry.add_handler(handler, values)

    def stream(
        self,
        *patterns: str,
        overflow: str | None = None,
        maxsize: int | None = None,
        marks: bool = False,
        **values: Any,
    ) -> Stream:
        """Give the messages of some channels as an async iterator of `Notification`.

        Use it as `async with client.stream(…) as stream: async for notification in stream: …`. It
        survives drops; entering waits for the exchange's word on its channels.

        Args:
            patterns: as for `register`.
            overflow: as for `register`.
            maxsize: as for `register`.
            marks: put `Connected` and `Disconnected` in order among the notifications.
            values: for the placeholders.

        Raises:
            UsageError: a pattern or value can't fit.
            SubscriptionRejected: on entering: the exchange left channels out.
        """
        self._check_open()
        return self._registry.stream(
            patterns, values, self._open_channels, overflow=overflow, maxsize=maxsize, marks=marks
        )

    async def _open_channels(self, channels: Sequence[str]) -> None:
        self._check()
        await self._registry.subscriptions.answered(channels, self._call_timeout)

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
