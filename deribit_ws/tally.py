"""What a client went through, counted: plain numbers that only grow, and the latest drops.

Knows: what is counted, and by which few words drops are told apart. Must not know: who counts, or who looks.
Each client has one, kept across its links; `client.stats` shows it.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from deribit_ws.errors import ConnectionLost
from deribit_ws.marks import Gap, Mark

_LATEST = 20  # drops that are kept: a screen full
_ABNORMAL = 1006  # RFC 6455: no close frame came
_BROKEN = {1002, 1003, 1007, 1009}  # close codes for what breaks the protocol, or is too long


@dataclass(frozen=True, slots=True)
class Drop:
    """One link that was lost.

    `at` is in ns since the epoch, `healthy` the seconds it was live. `recovered` is in how many seconds the
    next link was live, None until it is.
    """

    at: int
    cause: str
    code: int
    reason: str
    healthy: float
    recovered: float | None


def _nothing() -> tuple[int, int]:
    return 0, 0


@dataclass(slots=True)
class Tally:
    """The counts of one client; see `ClientStats` for what each means."""

    connections: int = 0
    dials_failed: int = 0
    drops: Counter[str] = field(default_factory=Counter)
    last_drops: deque[Drop] = field(default_factory=lambda: deque(maxlen=_LATEST))
    dropped: int = 0
    gaps: int = 0
    lost: int = 0
    resyncs: int = 0
    back_fills: int = 0
    recovered: int = 0
    round_trip: float | None = None
    # Frames and bytes of the links that are gone, and who tells those of the present one. Replaced at once:
    # another thread, which looks while a link goes, must count it neither twice nor not at all.
    _receipts: tuple[tuple[int, int], Callable[[], tuple[int, int]]] = (0, 0), _nothing

    @property
    def received(self) -> tuple[int, int]:
        """Frames that all links brought, and their bytes."""
        (frames, size), link = self._receipts
        more_frames, more_bytes = link()
        return frames + more_frames, size + more_bytes

    def link_lost(self, drop: Drop) -> None:
        """Count the loss of a link that was live."""
        self.drops[drop.cause] += 1
        self.last_drops.append(drop)

    def link_open(self, received: Callable[[], tuple[int, int]]) -> None:
        """Count what a link brings, frames and bytes, whether it comes to life or not."""
        self._receipts = self.received, received

    def link_gone(self) -> None:
        """The link brings no more."""
        self._receipts = self.received, _nothing

    def link_up(self, after: float | None) -> None:
        """Count a link that came to life, so many seconds after the last one was lost."""
        self.connections += 1
        if after is not None and self.last_drops:
            self.last_drops[-1] = replace(self.last_drops[-1], recovered=after)

    def marked(self, mark: Mark) -> None:
        """Count what a mark tells."""
        if isinstance(mark, Gap):
            self.gaps += 1
            self.lost += mark.last - mark.first + 1


def cause_of(lost: ConnectionLost, given_up_for: str) -> str:
    """Give one of a few words for how a link was lost; `given_up_for` is ours, where the end was."""
    if given_up_for:
        return given_up_for
    if lost.code in _BROKEN:
        return "protocol"
    if lost.code == _ABNORMAL:
        return "reset" if lost.cause is not None else "end_of_stream"
    return f"close_{lost.code}"
