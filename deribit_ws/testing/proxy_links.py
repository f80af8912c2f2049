"""All links of one network or proxy, and the faults that befall them.

Knows: which fault concerns which link, and all chance. Must not know: what a link's ends are.
`MemoryNetwork` and `ChaosProxy` are kinds of it, so that the same faults do the same over both.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable
from random import Random

from deribit_ws.testing.proxy_course import Course, CutRequests
from deribit_ws.testing.proxy_faults import (
    Cut,
    CutAfter,
    CutRequest,
    Latency,
    LinkFault,
    Pause,
    Refuse,
    Way,
)
from deribit_ws.testing.proxy_transit import Link

OnFrame = Callable[[int, Way, bytes], object]


class Links:
    """The links, live and past, and what is to happen to them.

    Args:
        seed: of all chance in here.
        on_frame: told of each whole text frame as it passes, unmasked: connection, way, text.

    Attributes:
        links: all connections so far by number, the first being 1; `link.course.passed` counts the
            bytes let through in each direction. Those that have ended may be deleted.
        dials: when somebody dialled, refused or not, on the loop's clock.
    """

    def __init__(self, *, seed: int = 0, on_frame: OnFrame | None = None) -> None:
        self.links: dict[int, Link] = {}
        self._numbers = itertools.count(1)
        self.dials: list[float] = []
        self._rng = Random(seed)
        self._latency = dict.fromkeys(Way, (0.0, 0.0))
        self._on_frame = on_frame
        self._requests = CutRequests()
        self._next_limits: list[CutAfter] = []
        self._refusals = 0

    @property
    def live(self) -> list[Link]:
        """The connections that have not ended."""
        return [link for link in self.links.values() if link.open]

    def _link(self, connection: int) -> Link:
        if connection not in self.links:
            raise ValueError(f"there never was a connection {connection}")
        return self.links[connection]

    def inject(self, fault: LinkFault, connection: int | None = None) -> None:
        """Let a fault befall one connection, or with None all that it can.

        With None, Cut and Pause befall every live connection, CutAfter the next one. CutRequest and
        Latency concern live and later ones alike, whatever `connection` says.

        Raises:
            ValueError: there never was such a connection.
            TypeError: it is no fault of a link.
        """
        if not isinstance(fault, LinkFault):
            raise TypeError(f"{fault!r} is no fault of a link")
        links = self.live if connection is None else [self._link(connection)]
        match fault:
            case Cut(how):
                for link in links:
                    link.cut(how)
            case CutAfter() if connection is None:
                self._next_limits.append(fault)
            case CutAfter():
                links[0].course.limit(fault)
            case CutRequest():
                self._requests.arm(fault)
            case Pause(way, seconds):
                self._hold(links, _ways(way), seconds)
            case Latency(low, high, way):
                self._latency |= dict.fromkeys(_ways(way), (low, high))
            case Refuse(times):
                self._refusals += times

    def clear_faults(self) -> None:
        """Forget what is still to come, and let what was paused go on; latency stays."""
        self._requests.clear()
        self._next_limits.clear()
        self._refusals = 0
        _release(self.live, Way)

    def _begin(self) -> Link:
        """The link of a new connection."""
        number = next(self._numbers)
        link = self.links[number] = Link(
            number, self._course(number), delay=self._delay, portion=self._portion
        )
        return link

    def _course(self, number: int) -> Course:
        told = self._on_frame
        course = Course(self._requests, told and (lambda way, text: told(number, way, text)))
        limits, self._next_limits = self._next_limits, []
        for limit in limits:
            course.limit(limit)
        return course

    def _refused(self) -> bool:
        """Note a dial; tell whether it is one of those to be refused."""
        self.dials.append(asyncio.get_running_loop().time())
        refused = self._refusals > 0
        self._refusals -= refused
        return refused

    def _delay(self, way: Way) -> float:
        low, high = self._latency[way]
        return self._rng.uniform(low, high) if high else 0.0

    def _portion(self, size: int) -> int:
        return self._rng.randint(0, size) if size else 0

    @staticmethod
    def _hold(links: list[Link], ways: Iterable[Way], seconds: float | None) -> None:
        for link in links:
            for way in ways:
                link.transits[way].hold(True)
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, _release, links, ways)


def _release(links: list[Link], ways: Iterable[Way]) -> None:
    for link in links:
        for way in ways:
            link.transits[way].hold(False)


def _ways(way: Way | None) -> Iterable[Way]:
    return Way if way is None else (way,)
