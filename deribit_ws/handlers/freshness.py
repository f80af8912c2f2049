"""Whether channels that should speak do: when each was last heard, and a word when it is too long ago.

Knows: the channels that are expected to speak, and how often. Must not know: what they say, or why they
are silent. A quiet market sends nothing, so only what speaks by the clock is watched without being
asked; the rest where the user says how long is too long. `registry` owns one; the router tells it of
each message of those channels, and `keep` runs while a link lives.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from deribit_ws.marks import Stale
from deribit_ws.wire.channels import seconds_between

_MISSED = 10  # messages in a row that a channel which speaks by the clock must leave out to be stale
_UNCONFIRMED_SECONDS = (
    1.0  # to look again at what the exchange has not confirmed: then silence begins to count
)
_SHORTEST_SLEEP = 0.05  # seconds between two looks: nobody expects anything more often


class Freshness:
    """The channels of one client that are expected to speak.

    Args:
        tell: told of each that does not, once until it speaks again or the link is another.
        is_confirmed: whether a channel is subscribed now; of others nothing is expected.
        is_wanted: whether somebody holds a channel.
    """

    def __init__(
        self,
        tell: Callable[[Stale], None],
        is_confirmed: Callable[[str], bool],
        is_wanted: Callable[[str], bool],
    ) -> None:
        self._tell = tell
        self._is_confirmed = is_confirmed
        self._is_wanted = is_wanted
        self._limits: dict[str, float] = {}  # channel → seconds
        self._asked: set[str] = set()  # those of them that the user named
        self._heard: dict[str, float] = {}  # on the loop's clock, on this link
        self._told: set[str] = set()
        self._changed = asyncio.Event()

    def expect(self, channels: Iterable[str], seconds: float | None) -> None:
        """Take channels for stale after so many seconds; None leaves it to what is known of them."""
        channels = list(channels)
        for channel in channels:
            self._limits.pop(channel, None)
            self._asked.discard(channel)
            if seconds is not None:
                self._limits[channel] = seconds
                self._asked.add(channel)
        self.begin(channels)

    def begin(self, channels: Iterable[str]) -> None:
        """Watch those of the channels that speak by the clock, though none may have spoken yet."""
        for channel in channels:
            every = seconds_between(channel)
            if every is not None:
                self._limits.setdefault(channel, every * _MISSED)
        self._changed.set()

    def heard_of(self, channel: str) -> Callable[[], None] | None:
        """Give what is to be called at each message of a channel; None where nothing is expected."""
        if self._is_wanted(channel):  # a server that makes up names can't make us remember more
            self.begin([channel])
        if channel not in self._limits:
            return None
        heard, told, clock = self._heard, self._told, asyncio.get_running_loop().time

        def note() -> None:
            heard[channel] = clock()
            if channel in told:
                told.discard(channel)
                self._changed.set()

        return note

    async def keep(self) -> None:
        """Look, from now on, whether all that should speak does; ends with the link."""
        self._heard.clear()
        self._told.clear()
        while True:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look()):
                    await self._changed.wait()

    def _look(self) -> float | None:
        """Tell what is stale by now; give the seconds until something else may be."""
        now = asyncio.get_running_loop().time()
        waits = []
        for channel, limit in list(self._limits.items()):
            if not self._is_confirmed(channel):
                self._heard.pop(channel, None)
                if channel in self._asked or self._is_wanted(channel):
                    waits.append(_UNCONFIRMED_SECONDS)
                else:
                    del self._limits[channel]
                continue
            silent = now - self._heard.setdefault(channel, now)
            if silent < limit:
                waits.append(limit - silent)
            elif channel not in self._told:
                self._told.add(channel)
                self._tell(Stale(channel, silent))
        return max(_SHORTEST_SLEEP, min(waits)) if waits else None
