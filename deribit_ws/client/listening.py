"""Listening: channels subscribed, callbacks registered, streams opened, sets of instruments kept.

Knows: the public face of all that hears of channels. Must not know: sockets, frames, queues; the
registry does the work. Base of the client's public face.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, overload

from deribit_ws.client.life import Life
from deribit_ws.client.lifecycle import Lifecycle
from deribit_ws.errors import SubscriptionRejected, UsageError, require_positive
from deribit_ws.handlers import Handler
from deribit_ws.handlers.callbacks import Decorator
from deribit_ws.handlers.registrations import HandlerRegistration, Registration
from deribit_ws.handlers.registry import Registry
from deribit_ws.handlers.stream import Stream
from deribit_ws.marks import Mark
from deribit_ws.subscriptions import check_name
from deribit_ws.universe import Instruments, Kind, Universe
from deribit_ws.universe.instruments import Where
from deribit_ws.wire.channels import Channel, Pattern
from deribit_ws.wire.messages import Notification

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Listening(Life):
    """A client's channels, callbacks and streams."""

    def __init__(
        self, lifecycle: Lifecycle, registry: Registry, universe: Universe, call_timeout: float
    ) -> None:
        super().__init__(lifecycle, registry)
        self._universe = universe
        self._call_timeout = call_timeout
        self._subscribed: Counter[str] = Counter()  # by `subscribe()`, not by callbacks or streams

    # --- channels

    @property
    def subscribed(self) -> frozenset[str]:
        """The channels held by `subscribe`."""
        return frozenset(self._subscribed)

    async def subscribe(self, *channels: str, timeout: float | None = None) -> list[str]:
        """Hold channels until `unsubscribe`, and wait for the exchange's word; give the channels.

        Args:
            channels: names, e.g. made by `deribit_ws.channels`.
            timeout: seconds; `call_timeout` by default.

        Raises:
            SubscriptionRejected: some were left out; the others stay subscribed.
            CallTimeout: no answer within `timeout`; none is held.
            UsageError: one is not a channel's name.
        """
        self._check()
        timeout = self._seconds(timeout)
        for channel in channels:
            check_name(channel)
        asked = list(dict.fromkeys(channels))
        try:
            await self._registry.subscriptions.acquire(asked, timeout)
        except SubscriptionRejected as rejected:
            self._subscribed.update(rejected.accepted)
            raise
        self._subscribed.update(asked)
        return asked

    async def unsubscribe(self, *channels: str, timeout: float | None = None) -> list[str]:
        """Let go of channels held by `subscribe`; give those.

        A channel is left when nobody else (callback, stream) holds it.

        Args:
            channels: their names.
            timeout: seconds to wait for the exchange's word; `call_timeout` by default.

        Raises:
            UsageError: one is not held by `subscribe`.
        """
        self._check()
        timeout = self._seconds(timeout)
        asked = list(dict.fromkeys(channels))
        unknown = [channel for channel in asked if not self._subscribed[channel]]
        if unknown:
            raise UsageError(f"not held by subscribe(): {', '.join(unknown)}")
        self._subscribed.subtract(asked)
        self._subscribed = +self._subscribed  # drops those at zero
        self._registry.subscriptions.release(asked)
        await self._registry.subscriptions.left(asked, timeout)
        return asked

    def expect(self, *channels: str, within: float | None) -> None:
        """Have handlers and marked streams told `Stale` when a channel is silent for too long.

        It is told once, until the channel speaks again; only while there is a link, and the channel is
        subscribed (which this does not do). An index price is stale after 10 s without being named here;
        of other channels nobody can know, as a quiet market sends nothing.

        Args:
            channels: their names.
            within: seconds; None ends it.

        Raises:
            UsageError: one is not a channel's name, there is none, or `within` is no time.
        """
        if not channels:
            raise UsageError("expect: name a channel")
        for channel in channels:
            check_name(channel)
        if within is not None:
            require_positive(within=within)
        self._registry.freshness.expect(channels, within)
        self._registry.router.refind(channels)

    def _seconds(self, timeout: float | None) -> float:
        """Give a call's deadline in seconds; raise UsageError where it is none."""
        if timeout is None:
            return self._call_timeout
        require_positive(timeout=timeout)
        return timeout

    # --- instruments

    def instruments(self, kind: Kind, currency: str, *, where: Where | None = None) -> Instruments:
        """Keep a live set of instruments, to look at or to use as values of a pattern's placeholder.

        It is read when the client connects (before `Connected` is told), fed by the `instrument.*`
        channels, and read again on each later connection. Where it stands for a placeholder, channels of
        new instruments are subscribed and those of expired ones left. Handlers hear of each by
        `on_instrument_added` and `on_instrument_removed`.

        Args:
            kind: "future", "option", "spot", "future_combo", "option_combo" or "any".
            currency: "BTC", "ETH", "USDC", …, as the exchange writes it, or "any".
            where: chooses among them by truth; asked at each read, when one is new or changes its state, and
                by the set's `review()`.

        Raises:
            UsageError: no such kind, or no currency can be written so.
        """
        self._check_open()
        return self._universe.add(Instruments(kind, currency, where=where))

    # --- callbacks and streams

    @overload
    def on(
        self, pattern: Channel[T], *, overflow: str | None = None, maxsize: int | None = None, **values: Any
    ) -> Decorator[T]: ...

    @overload
    def on(
        self, pattern: str, *, overflow: str | None = None, maxsize: int | None = None, **values: Any
    ) -> Callable[[F], F]: ...

    def on(
        self, pattern: str, *, overflow: str | None = None, maxsize: int | None = None, **values: Any
    ) -> Any:
        """Decorate a function as the callback of a pattern's channels; it is returned untouched.

        See `register` for the arguments. With a pattern made by `deribit_ws.channels` a type checker
        knows what the function is given.
        """
        Pattern(pattern)  # a slip is told here, at its line, and not when the function follows

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
            values: a string, a list of strings or a live set (`instruments`) for each placeholder; they
                multiply. Without one, or with a wildcard in the pattern, nothing is subscribed.

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

    @overload
    def stream(
        self,
        *patterns: Channel[T],
        overflow: str | None = None,
        maxsize: int | None = None,
        marks: Literal[False] = False,
        **values: Any,
    ) -> Stream[Notification[T]]: ...

    @overload
    def stream(
        self,
        *patterns: Channel[T],
        overflow: str | None = None,
        maxsize: int | None = None,
        marks: bool,
        **values: Any,
    ) -> Stream[Notification[T] | Mark]: ...

    @overload
    def stream(
        self,
        *patterns: str,
        overflow: str | None = None,
        maxsize: int | None = None,
        marks: bool = False,
        **values: Any,
    ) -> Stream[Any]: ...

    def stream(
        self,
        *patterns: str,
        overflow: str | None = None,
        maxsize: int | None = None,
        marks: bool = False,
        **values: Any,
    ) -> Stream[Any]:
        """Give the messages of some channels as an async iterator of `Notification`.

        Use it as `async with client.stream(…) as stream: async for notification in stream: …`. It
        survives drops; entering waits for the exchange's word on its channels.

        Args:
            patterns: as for `register`.
            overflow: as for `register`.
            maxsize: as for `register`.
            marks: put `Connected`, `Disconnected`, `Gap`, `Lagged`, `Stale` and what becomes of live sets in
                order among the notifications.
            values: for the placeholders, as for `register`; channels of live sets are not waited for.

        Raises:
            UsageError: a pattern or value can't fit.
            SubscriptionRejected: on entering: the exchange left channels out.
        """
        self._check_open()
        for pattern in patterns:
            Pattern(pattern)
        return self._registry.stream(
            patterns, values, self._open_channels, overflow=overflow, maxsize=maxsize, marks=marks
        )

    async def _open_channels(self, channels: Sequence[str]) -> None:
        self._check()
        await self._registry.subscriptions.answered(channels, self._call_timeout)
