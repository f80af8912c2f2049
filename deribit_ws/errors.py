"""Every exception this package raises, in one tree under `DeribitError`.

Knows: what can go wrong, and what each mishap means for the caller. Must not know: aiohttp,
JSON-RPC frames, retries in progress. Whether a failed dial may be tried again travels as a field
(`ConnectFailed.retry`), so that no other room has to look at foreign exceptions.
"""

import re
from collections.abc import Collection, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

from deribit_ws.shown import one_line, printable, shown_bytes, starred

if TYPE_CHECKING:
    from deribit_ws.wire.trading import Order

_FIGURE = re.compile(r"(?<!\S)[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\S)")  # a whole word that is a number


class DeribitError(Exception):
    """Base of everything raised here. Its words are one printable line, whoever wrote a part of them."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*(one_line(arg) if isinstance(arg, str) else arg for arg in args))


class UsageError(DeribitError):
    """The call itself is wrong (not open, entered twice, bad parameter); repeating it won't help."""


def require_positive(**numbers: Any) -> None:
    """Raise UsageError unless all are finite numbers above zero: times in seconds, sizes."""
    for name, number in numbers.items():
        if not (isinstance(number, int | float) and 0 < number < float("inf")):
            raise UsageError(f"{name} {number!r}: times and sizes must be positive numbers")


def require_whole(number: Any, least: int, what: str) -> None:
    """Raise UsageError unless `number` is an int of at least `least`; `what` names it."""
    if not (isinstance(number, int) and number >= least):
        raise UsageError(f"{what} {number!r}: a whole number, at least {least}")


# --- the link


class Retry(Enum):
    """What a failed dial means for the next one."""

    YES = "yes"  # passing trouble: dial again after the back-off
    ONCE_LIVED = "once lived"  # fatal on the first dial; once a link has lived, retried at a floor
    NEVER = "never"  # fatal at any time: bad TLS, a closed session


class TransportError(DeribitError):
    """Base of what can happen to the connection itself."""


class ConnectFailed(TransportError):
    """A dial did not give a websocket.

    Args:
        message: what happened, in words.
        retry: whether dialling again makes sense.
        status: the HTTP status of the answer, None when there was none.
        retry_after: seconds the server asked to wait (`Retry-After`), None when it did not.
    """

    def __init__(
        self,
        message: str,
        *,
        retry: Retry = Retry.YES,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.retry = retry
        self.status = status
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """True when the next dial may well succeed."""
        return self.retry is Retry.YES


class ConnectionLost(TransportError):
    """A live websocket ended, whichever way.

    Args:
        code: the close code received (1005 for an empty close frame), or 1006 when the link broke
            without one; our own verdicts use the code we closed with (1002, 1003, 1007, 1009).
        reason: the peer's reason, as one printable line, or ours in words.
        cause: the exception below, None when there is none.
    """

    def __init__(self, code: int, reason: str = "", cause: BaseException | None = None) -> None:
        super().__init__(code, reason, cause)
        self.code = code
        self.reason = one_line(reason)
        self.cause = cause

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"connection lost ({self.code}{reason})"


class ProtocolError(DeribitError):
    """Base of what can be wrong with what the peer says."""


class WireError(ProtocolError):
    """A frame that cannot be understood.

    Args:
        message: what is wrong with it.
        raw: the frame; only the first 200 bytes are kept, without tokens.
        channel: the channel it belongs to, where that much could be read.
    """

    def __init__(self, message: str, raw: bytes, channel: str | None = None) -> None:
        super().__init__(message)
        self.raw = shown_bytes(raw)
        self.channel = channel

    def __str__(self) -> str:
        where = f" on {one_line(self.channel)}" if self.channel else ""
        return f"{self.args[0]}{where}: {self.raw!r}"


# --- calls


class CallError(DeribitError):
    """Base of how a call can end other than with a result. `method` names the call."""

    def __init__(self, message: str, *, method: str = "") -> None:
        super().__init__(message)
        self.method = method


class ErrorClass(Enum):
    """What kind of trouble one of the exchange's codes is; decides which exception class reports it."""

    OK = "ok"  # code 0: no trouble at all
    PROTOCOL = "protocol"
    AUTH = "auth"
    RATE_LIMIT = "rate_limit"
    TRANSIENT = "transient"
    ORDER_STATE = "order_state"
    FUNDS_LIMITS = "funds_limits"
    PERMANENT = "permanent"
    UNSUPPORTED = "unsupported"


class RpcError(CallError):
    """The exchange answered a call with an error.

    Args:
        code: Deribit's number, e.g. 10009.
        name: its name, e.g. "not_enough_funds"; the message where the number is unknown.
        data: what came with it, but for secrets; for -32602 `{"param", "reason"}`.
        method: the method called.
        message: the message as sent, as one printable line; it may carry figures ("too_high 43666.4").
        kind: what kind of trouble it is; None where the number is unknown.
        meaning: one sentence for the person who reads it; empty where the number is unknown.
        retryable: whether this very call, waited with, may be sent again without acting twice.
    """

    def __init__(
        self,
        code: int,
        name: str,
        data: Any = None,
        method: str = "",
        message: str | None = None,
        *,
        kind: ErrorClass | None = None,
        meaning: str = "",
        retryable: bool = False,
    ) -> None:
        self.code = code
        self.name = one_line(name)
        self.data = data = starred(data, ())
        self.message = self.name if message is None else one_line(message)
        self.kind = kind
        self.meaning = meaning
        self.retryable = retryable
        shown = f" {data}" if data is not None else ""
        super().__init__(f"{method or 'exchange'}: {code} {self.message}{shown}", method=method)

    @classmethod
    def like(cls, error: "RpcError", method: str, *, hidden: Collection[str] = ()) -> Self:
        """Make an error of this class that says the same as another, of a call of `method`.

        Words of `hidden` are starred wherever the exchange quoted them.
        """
        return cls(
            error.code,
            starred(error.name, hidden),
            starred(error.data, hidden),
            method,
            starred(error.message, hidden),
            kind=error.kind,
            meaning=error.meaning,
            retryable=error.retryable,
        )

    @property
    def figures(self) -> tuple[float, ...]:
        """The numbers in the message: the limit of a price or a count, where there is one."""
        return tuple(float(figure) for figure in _FIGURE.findall(self.message))


class AuthError(RpcError):
    """Login or permission refused."""


class RateLimited(RpcError):
    """Too many requests; waiting is the only answer."""


class ScopeReduced(CallError):
    """A login was granted less than it asked for: what needs the rest would be refused.

    Args:
        asked: the scope asked for, as words.
        granted: the scope given.
        lacking: the words of `asked` that `granted` does not cover.
    """

    def __init__(self, asked: str, granted: str, lacking: Sequence[str]) -> None:
        words = f"granted {granted!r}, which lacks {' '.join(lacking)!r}"
        super().__init__(f"public/auth: {words}", method="public/auth")
        self.asked = asked
        self.granted = granted
        self.lacking = tuple(lacking)


class CallTimeout(CallError, TimeoutError):
    """No answer within the call's deadline."""


class RequestNotSent(CallError):
    """The call never reached the wire: safe to repeat."""


class OutcomeUnknown(CallError):
    """The call was on the wire when the link broke; nobody here knows whether it acted.

    Args:
        order: of an edit that can't be told from other changes: the order as it is now; else None.
    """

    def __init__(self, message: str, *, method: str = "", order: "Order | None" = None) -> None:
        super().__init__(message, method=method)
        self.order = order


class OrderNotPlaced(CallError):
    """It is proved that what was asked did not happen, and that it can't happen any more.

    Args:
        label: the label the order would have had; "" for an edit.
        order: for an edit: the order as it really is, None where the exchange knows none.
    """

    def __init__(
        self, message: str, *, method: str = "", label: str = "", order: "Order | None" = None
    ) -> None:
        super().__init__(message, method=method)
        self.label = label
        self.order = order

    @property
    def orders(self) -> "tuple[Order, ...]":
        """What is there in its place."""
        return () if self.order is None else (self.order,)


class DuplicateOrder(CallError):
    """More than one order has a label that was given to one alone: look at once.

    Args:
        label: the label.
        orders: all that have it.
    """

    def __init__(self, message: str, *, method: str, label: str, orders: "Sequence[Order]") -> None:
        super().__init__(message, method=method)
        self.label = label
        self.orders = tuple(orders)


# --- streams


class SubscriptionRejected(DeribitError):
    """The exchange left channels out of its answer.

    Args:
        channels: those it did not subscribe.
        accepted: those of the same request that it did; they stay subscribed.
    """

    def __init__(self, channels: Sequence[str], accepted: Sequence[str] = ()) -> None:
        super().__init__(channels, accepted)
        self.channels = tuple(channels)
        self.accepted = tuple(accepted)

    def __str__(self) -> str:
        why = f": {self.__cause__}" if self.__cause__ is not None else ""
        return f"the exchange did not subscribe {printable(', '.join(self.channels))}{why}"


class BookGap(DeribitError):
    """A book's change does not follow the last one seen.

    Args:
        expected: the last change_id seen.
        received: the prev_change_id that came.
    """

    def __init__(self, expected: int, received: int | None) -> None:
        super().__init__(expected, received)
        self.expected = expected
        self.received = received

    def __str__(self) -> str:
        return f"book gap: expected prev_change_id {self.expected}, received {self.received}"


class SlowConsumer(DeribitError):
    """A consumer fell so far behind that its bound was reached.

    Args:
        channel: the channel whose notification did not fit.
        dropped: how many notifications it costs, where that can be told.
    """

    def __init__(self, channel: str, dropped: int = 1) -> None:
        super().__init__(channel, dropped)
        self.channel = channel
        self.dropped = dropped

    def __str__(self) -> str:
        return f"slow consumer on {one_line(self.channel)}: {self.dropped} not delivered"
