"""What can befall a link between a client and a server, as values.

Knows: the names and parameters of such faults. Must not know: sockets, frames, who is at either end.
A test gives them to `ChaosProxy.inject` (over TCP) or to `MemoryNetwork.inject` (in memory); `Course`
decides by them. Faults of the exchange itself are in `faults`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Way(Enum):
    """A direction of the link."""

    UP = "up"  # from the client to the server
    DOWN = "down"

    @property
    def back(self) -> "Way":
        """The other one."""
        return Way.DOWN if self is Way.UP else Way.UP


class Ending(Enum):
    """How a link is cut, for both ends alike."""

    RST = "rst"  # reset, at once
    FIN = "fin"  # end of stream
    HALF_OPEN = "half_open"  # nothing passes any more, and nobody is told


class Moment(Enum):
    """Where in the life of a request the link is cut."""

    UNSENT = "unsent"  # the write itself fails; a TCP proxy, which comes too late, takes it as UNRECEIVED
    HALF_SENT = "half_sent"  # half of its frame arrives
    UNRECEIVED = "unreceived"  # it was written, and nothing of it arrives
    UNANSWERED = "unanswered"  # it is executed, and nothing of its answer arrives
    HALF_ANSWERED = "half_answered"  # half of the answer's frame arrives


@dataclass(frozen=True, slots=True)
class Cut:
    """Cut the link now. In memory, of what is on its way a part may still arrive."""

    how: Ending = Ending.RST


@dataclass(frozen=True, slots=True)
class CutAfter:
    """Let exactly so many bytes pass, then cut; `way` None counts both directions together.

    Given for a live connection it counts from now on, otherwise from the start of the next one.
    """

    nbytes: int
    way: Way | None = None
    how: Ending = Ending.RST


@dataclass(frozen=True, slots=True)
class CutRequest:
    """Cut the link at a moment of the next `times` calls of a method; "*" is any. Not through TLS."""

    method: str
    moment: Moment
    how: Ending = Ending.RST
    times: int = 1


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold back a direction, or with None both, for `seconds` or until cleared; nothing is lost."""

    way: Way | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """Deliver everything so many seconds later, at random between `low` and `high`, in order."""

    low: float
    high: float
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse the next connections."""

    times: int = 1


LinkFault: TypeAlias = Cut | CutAfter | CutRequest | Pause | Latency | Refuse


def staircase(
    total: int, step: int = 1, *, way: Way | None = None, how: Ending = Ending.RST
) -> Iterator[CutAfter]:
    """Cuts after 0 bytes, `step` bytes, twice that … up to `total`: one for each run of a dialogue."""
    for nbytes in range(0, total + 1, step):
        yield CutAfter(nbytes, way, how)
