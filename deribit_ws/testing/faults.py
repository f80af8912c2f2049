"""Everything that can be made to go wrong, as values.

Knows: the names and parameters of faults, and how many of each are still waiting. Must not know:
sockets or messages. A test builds them and gives them to `SimulatedExchange.inject`; the rooms that
act on them ask `Standing` whether one is due.
"""

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeAlias, TypeVar


class How(Enum):
    """How a connection ends."""

    RST = "rst"  # TCP reset, at once
    FIN = "fin"  # TCP end of stream, no close frame
    FIN_IN_FRAME = "fin_in_frame"  # the same, after half a text frame
    CLOSE_FRAME = "close_frame"  # a websocket close frame, then TCP


@dataclass(frozen=True, slots=True)
class Drop:
    """End a connection; built by `rst`, `fin` or `close`."""

    how: How
    code: int | None = None
    reason: str = ""
    finish: bool = True

    @classmethod
    def rst(cls) -> "Drop":
        """Reset the TCP connection."""
        return cls(How.RST)

    @classmethod
    def fin(cls, *, inside_frame: bool = False) -> "Drop":
        """End the stream without a close frame, with `inside_frame` after half a frame."""
        return cls(How.FIN_IN_FRAME if inside_frame else How.FIN)

    @classmethod
    def close(cls, code: int | None = None, reason: str = "", *, finish: bool = True) -> "Drop":
        """Send a close frame, with any code 0-65535, illegal ones too; None: an empty frame.

        `finish=False` leaves TCP open for as long as the client does.
        """
        return cls(How.CLOSE_FRAME, code, reason, finish)


@dataclass(frozen=True, slots=True)
class Say:
    """Send exactly this, at once.

    `text` makes a text frame (bytes may be invalid UTF-8), `binary` a binary one, `raw` goes to the
    socket as it is.
    """

    text: str | bytes | None = None
    binary: bytes | None = None
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Send nothing, answer nothing, keep the socket; for `seconds` or until cleared.

    What would have been said is lost, or with `hold` said when the silence ends (the ledger counts
    that as sent at once).
    """

    seconds: float | None = None
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Deaf:
    """Ignore all that the client sends, pings and close frames too, while data flows."""


@dataclass(frozen=True, slots=True)
class RefuseHandshake:
    """Answer the next upgrades with an HTTP status, with Retry-After (s) and Location if given."""

    status: int
    times: int = 1
    retry_after: float | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class AcceptThenClose:
    """Answer the next upgrades with 101, then end them at once: by a close code, or by a Drop."""

    how: int | Drop = 1000
    times: int = 1


@dataclass(frozen=True, slots=True)
class RefuseConnections:
    """Reset the next `times` TCP connections, or with `seconds` close the listening socket that long."""

    times: int = 1
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StallHandshake:
    """Accept the next TCP connections and never answer them."""

    times: int = 1


@dataclass(frozen=True, slots=True)
class DropOnRequest:
    """End the connection when a method is called: unexecuted, or right after its reply."""

    method: str
    how: Drop
    times: int = 1
    before_reply: bool = True


@dataclass(frozen=True, slots=True)
class FailRequest:
    """Answer a method with an error, without executing it; `times` None: until cleared.

    `message` None says the code by its name; some real ones carry a figure: `price_too_high 43666.4288`.
    """

    method: str
    code: int
    times: int | None = 1
    data: Any = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class IgnoreRequest:
    """Never answer a method; with `executed` it acts, and only the answer is lost."""

    method: str
    times: int = 1
    executed: bool = False


@dataclass(frozen=True, slots=True)
class DelayReply:
    """Execute a method at once and answer it later."""

    method: str
    seconds: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class DelayRequest:
    """Execute a method only after so many seconds, even if its connection has ended by then."""

    method: str
    seconds: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class HistoryLag:
    """get_last_trades_* and get_user_trades_* give each trade only so many seconds after it was made.

    It holds until cleared. The channels tell a trade at once, as on the real exchange, whose history is
    written a little later.
    """

    seconds: float
    times: int | None = None


@dataclass(frozen=True, slots=True)
class SkipChange:
    """Leave out the next notifications of a channel (not its first message): a gap."""

    channel: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class SkipSnapshot:
    """Acknowledge the next subscriptions of a channel without their first message."""

    channel: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Send the next notifications of a channel twice."""

    channel: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Reorder:
    """Send the next notification of a channel after the one that follows it."""

    channel: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Garble:
    """Spoil the next notifications of a channel.

    `truncated`: the JSON is cut in half. `wrong_shape`: valid JSON, but numbers are strings and
    lists hold pairs of nothing. `no_data`: valid JSON without its data.
    """

    channel: str
    times: int = 1
    kind: Literal["truncated", "wrong_shape", "no_data"] = "truncated"


@dataclass(frozen=True, slots=True, init=False)
class DropChannels:
    """Leave channels out of what is subscribed, until cleared; "*" stands for all."""

    channels: tuple[str, ...]

    def __init__(self, *channels: str) -> None:
        object.__setattr__(self, "channels", channels)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Announce maintenance, close every connection with 1001, refuse new ones for `seconds`."""

    seconds: float


Immediate: TypeAlias = Drop | Say
Stance: TypeAlias = Silence | Deaf
DoorFault: TypeAlias = (
    RefuseHandshake | AcceptThenClose | RefuseConnections | StallHandshake | Maintenance | HistoryLag
)
RequestFault: TypeAlias = (
    DropOnRequest | FailRequest | IgnoreRequest | DelayReply | DelayRequest | DropChannels
)
StreamFault: TypeAlias = SkipChange | SkipSnapshot | Duplicate | Reorder | Garble
ConnectionFault: TypeAlias = Immediate | Stance | RequestFault | StreamFault
Fault: TypeAlias = ConnectionFault | DoorFault

F = TypeVar("F")


class Standing:
    """Faults that wait for their moment, each for as many times as it says.

    Kept by kind and by what they concern: hundreds may be armed while thousands of messages pass.
    """

    def __init__(self) -> None:
        self._armed: dict[tuple[type, str | None], deque[_Armed]] = {}

    def __bool__(self) -> bool:
        return bool(self._armed)

    def arm(self, fault: Fault, times: int | None = 1) -> None:
        """Keep a fault until it was taken `times` times; None: for good."""
        left = math.inf if times is None else times
        self._armed.setdefault((type(fault), _subject(fault)), deque()).append(_Armed(fault, left))

    def disarm(self, kind: type[F], subject: str) -> None:
        """Forget the faults of a kind that concern `subject`."""
        self._armed.pop((kind, subject), None)

    def take(self, kind: type[F], subject: str | None = None) -> F | None:
        """Use up one occurrence of the oldest fault of a kind that concerns `subject`.

        The subject is a method or channel name; a fault whose own is "*" concerns all.
        """
        for key in ((kind, subject), (kind, "*")):
            if waiting := self._armed.get(key):
                armed = waiting[0]
                armed.left -= 1
                if not armed.left:
                    waiting.popleft()
                if not waiting:
                    del self._armed[key]
                assert isinstance(armed.fault, kind), "faults are kept by their kind"
                return armed.fault
        return None

    def dropped_channels(self) -> set[str]:
        """The channels no subscription may contain now."""
        drops = (armed.fault for armed in self._armed.get((DropChannels, None), ()))
        return {channel for drop in drops if isinstance(drop, DropChannels) for channel in drop.channels}

    def clear(self) -> None:
        """Forget all of them."""
        self._armed.clear()


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: float


def _subject(fault: Fault) -> str | None:
    match fault:
        case DropOnRequest() | FailRequest() | IgnoreRequest() | DelayReply() | DelayRequest():
            return fault.method
        case SkipChange() | SkipSnapshot() | Duplicate() | Reorder() | Garble():
            return fault.channel
        case _:
            return None
