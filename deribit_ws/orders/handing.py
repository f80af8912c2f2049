"""Messages of private channels on their way to who listens, and who of them could not take which.

Knows: the router, and that a consumer whose queue is full says so while a message is handed to it. Must not
know: when to read, or what is held. `gates` has one; what a consumer could not take, its `Feed` owes it.
"""

import asyncio
from collections.abc import Hashable, Iterable
from typing import cast

import msgspec

from deribit_ws.errors import WireError
from deribit_ws.handlers.consumers import Remedy
from deribit_ws.handlers.registry import Registry
from deribit_ws.orderflow import Feed
from deribit_ws.router import Consumer, Router

_A_TURN = 256  # messages handed out between two turns of the loop, as the reader does


class Handing:
    """Hands messages out for one client.

    Args:
        registry: knows who listens.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.recovered = 0  # messages that were missed, read, and handed out since
        self._channel = ""  # of the message that goes out just now
        self._is_missed = False  # whether that was missed, and read
        self._refused: set[Hashable] = set()  # consumers that could not take it
        registry.on_overran = self._overran

    def hand_on(self, feed: Feed, data: bytes) -> None:
        """Hand a live message to all who listen; raise as `Router.notify`."""
        self._hand(feed, data, None)

    def hand_over(self, feed: Feed, data: bytes, missed_by: Router | None = None) -> None:
        """Hand a message to all, or one that was missed to those of a router; report what can't be read."""
        try:
            self._hand(feed, data, missed_by)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._registry.events.report(WireError(f"not the expected data ({error})", data, feed.channel))

    async def recover(self, feed: Feed, messages: Iterable[bytes], *, only: Hashable | None = None) -> None:
        """Hand what was missed to all who listen, or to one consumer."""
        registry = self._registry
        router = registry.router if only is None else registry.alone(cast(Consumer, only))
        for count, message in enumerate(messages, 1):
            self.hand_over(feed, message, router)
            self.recovered += 1
            if count % _A_TURN == 0:
                await asyncio.sleep(0)

    def _hand(self, feed: Feed, data: bytes, missed_by: Router | None) -> None:
        everybody = self._registry.router
        self._channel, self._is_missed = feed.channel, missed_by is not None
        try:
            (missed_by or everybody).hand_on(feed.channel, data, recovered=self._is_missed)
        finally:
            self._channel = ""
            if self._refused or feed.creditors:
                refused, self._refused = self._refused, set()
                feed.handed_out(data, refused=refused, is_for_all=missed_by in (None, everybody))

    def _overran(self, consumer: Hashable, channel: str) -> Remedy:
        if channel != self._channel:
            return Remedy.NONE
        self._refused.add(consumer)
        return Remedy.READ if self._is_missed else Remedy.LINK
