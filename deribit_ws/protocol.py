"""Deribit's JSON-RPC over a websocket, without the websocket: frames in, plain calls out.

Knows: what each frame means, and which calls are open. Must not know: sockets, clocks, tasks,
logging; nothing here awaits. One instance lives as long as one connection and is fed by its reader.

Two rules. A notification is a plain call, never an event object: it is nearly all there is. And
whatever arrives, `receive` never raises: what can't be understood is told to `sinks.garbage`.
"""

import contextlib
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import msgspec

from deribit_ws.errors import AuthError, RateLimited, RpcError, WireError
from deribit_ws.wire.codec import (
    NOTIFICATION_DATA,
    NOTIFICATION_HEAD,
    NOTIFICATION_TAIL,
    Decode,
    Envelope,
    ErrorBody,
    decode_envelope,
    decode_plain,
    encode_request,
)
from deribit_ws.wire.error_meanings import MEANINGS
from deribit_ws.wire.errors import CLASSES, NAMES, ErrorClass, is_retryable
from deribit_ws.wire.patterns import may_be_name

HELD_BYTES = 64 * 1024 * 1024  # notifications kept back while a link is rebuilt; then it goes live early

_NAME_AT = len(NOTIFICATION_HEAD)
_DATA_SKIP = len(NOTIFICATION_DATA)
_TAIL = -len(NOTIFICATION_TAIL)

_CHANNEL = re.compile(rb'"channel"\s*:\s*"([^"\\]+)"')
_SEARCHED_BYTES = 4096  # of a frame nobody can read: a channel is named near its beginning
_SIGNS = (b'"params"', b'"channel"')  # one of them stands early in each notification, however written
OF_NO_CHANNEL = ""  # what a `WireError` calls the channel of a frame that can't have been a notification

_LONGEST_ERROR = 64 * 1024  # bytes; real ones have some hundred, and all of them is searched for secrets

_LONGEST_TIME = 17  # digits of µs since the epoch, until the year 5138

_BACKSLASH = 0x5C  # looked for as a number: twenty times as fast as `b"\\" in …`

# What decodes `data` and calls its consumers. Raises `msgspec.ValidationError` when data is JSON but not
# what its channel promises, and `msgspec.DecodeError`, before it has called anybody, when it is not one
# JSON value (or the channel is no name).
Notify = Callable[[bytes, bytes], None]

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Sinks(Protocol):
    """Who is told of everything but notifications."""

    def result(self, id: int, result: Any) -> None:
        """The call `id` has its result."""

    def failed(self, id: int, error: RpcError | WireError, method: str) -> None:
        """The call `id` was answered with an error, or with a result that is not what it should be."""

    def test_request(self) -> None:
        """The exchange asks for a sign of life: answer with `public/test`."""

    def stray(self, error: RpcError) -> None:
        """An error came that answers no call of ours."""

    def garbage(self, error: WireError) -> None:
        """A frame can't be understood; the connection goes on."""

    def held_too_much(self) -> None:
        """So much is held back that the link should go live now."""


class Open(NamedTuple):
    """A call that has no answer yet, and what reads its result."""

    method: str
    decode: Decode


class DeribitProtocol:
    """The state of one connection: the open calls, and the notifications held back.

    Args:
        notify: called with channel and data, both as bytes, for each notification.
        sinks: told of all the rest.
        ids: gives request ids; shared by all connections of a client, so that a late answer can
            never reach another call.
        routes: what `notify` would call with the data, by how a frame begins, up to the end of its channel's
            name; looked up for each frame, what is not there goes to `notify`.
    """

    def __init__(
        self,
        notify: Notify,
        sinks: Sinks,
        ids: Iterator[int],
        routes: Mapping[bytes, Callable[[bytes], None]] = MappingProxyType({}),
    ) -> None:
        self._notify = notify
        self._routes = routes
        self._sinks = sinks
        self._ids = ids
        self._held: deque[bytes] | None = deque()
        self._held_bytes = 0
        self.pending: dict[int, Open] = {}
        self.answered_ms: float | None = None  # the exchange's clock in the last answer, ms since the epoch

    def call(
        self, method: str, params: Mapping[str, Any], decode: Decode = decode_plain
    ) -> tuple[int, bytes]:
        """Open a call, whose result `decode` will read: give its id and the frame to send."""
        id = next(self._ids)
        frame = encode_request(id, method, params)
        self.pending[id] = Open(method, decode)
        return id, frame

    def go_live(self, most: int = sys.maxsize) -> bool:
        """Hand out notifications held back since the connection was made, at most so many, oldest first.

        True while some are left: what arrives meanwhile waits behind them. Then all go out as they come.
        """
        held, self._held = self._held, None
        if held is None:
            return False
        for _ in range(min(most, len(held))):
            self.receive(held.popleft())
        self._held = held if held else None
        return bool(held)

    def receive(self, frame: bytes) -> None:
        """Take one text frame; never raises."""
        # Nearly always this is all: what begins as an earlier frame of its channel needs no look at the name.
        head, _, rest = frame.partition(NOTIFICATION_DATA)
        route = self._routes.get(head)
        if route is not None and self._held is None and rest.endswith(NOTIFICATION_TAIL):
            try:
                route(rest[:_TAIL])
                return
            except _UNREADABLE as error:
                if isinstance(error, msgspec.ValidationError):
                    self._misfit(error, frame, head[_NAME_AT:].decode())
                    return
        self._receive_new(frame)

    def _receive_new(self, frame: bytes) -> None:
        """Take a frame of a channel that is not routed yet, or one that is no usual notification."""
        if frame.startswith(NOTIFICATION_HEAD) and self._held is None:
            # The channel is cut out of the bytes without parsing. It is right whenever what is left
            # decodes as one JSON value, since the parts put together again are the frame itself.
            end = frame.find(b'"', _NAME_AT)
            if frame.startswith(NOTIFICATION_DATA, end) and frame.endswith(NOTIFICATION_TAIL):
                channel = frame[_NAME_AT:end]
                if _BACKSLASH not in channel:
                    try:
                        self._notify(channel, frame[end + _DATA_SKIP : _TAIL])
                        return
                    except _UNREADABLE as error:
                        if isinstance(error, msgspec.ValidationError):
                            self._misfit(error, frame, channel.decode())
                            return
                        # Else it is not what it seemed: parsed in full below, and told if wrong for good.
        self._receive_any(frame)

    def _receive_any(self, frame: bytes) -> None:
        try:
            envelope = decode_envelope(frame)
        except _UNREADABLE as error:
            self._sinks.garbage(WireError(f"not a JSON-RPC message ({error})", frame, _channel_in(frame)))
            return
        if envelope.method == "subscription":
            self._notification(envelope, frame)
        elif envelope.method == "heartbeat":
            if envelope.params is not None and envelope.params.type == "test_request":
                self._sinks.test_request()
        else:
            self._answer(envelope, frame)

    def _notification(self, envelope: Envelope, frame: bytes) -> None:
        params = envelope.params
        if params is None or params.channel is None or params.data is msgspec.UNSET:
            channel = _shown(params.channel) if params is not None else None
            self._sinks.garbage(WireError("a notification without channel or data", frame, channel))
        elif self._held is not None:
            self._hold(frame)
        else:
            try:
                self._notify(params.channel.encode(), bytes(params.data))
            except _UNREADABLE as error:
                self._misfit(error, frame, params.channel)

    def _misfit(self, error: Exception, frame: bytes, channel: str) -> None:
        self._sinks.garbage(WireError(f"not the expected data ({error})", frame, _shown(channel)))

    def _hold(self, frame: bytes) -> None:
        assert self._held is not None
        self._held.append(frame)
        self._held_bytes += len(frame)
        if self._held_bytes > HELD_BYTES:
            self._sinks.held_too_much()

    def _answer(self, envelope: Envelope, frame: bytes) -> None:
        self.answered_ms = _milliseconds(envelope.usOut)
        id = envelope.id if isinstance(envelope.id, int) else None
        call = self.pending.get(id) if id is not None else None
        if envelope.error is not None:
            error = _error_of(envelope.error, call.method if call else "", frame)
            if id is not None and call is not None:
                del self.pending[id]
                self._sinks.failed(id, error, call.method)
            elif isinstance(error, RpcError):
                self._sinks.stray(error)
            else:
                self._sinks.garbage(error)
        elif envelope.result is msgspec.UNSET:
            self._sinks.garbage(WireError("neither an answer nor a notification", frame, OF_NO_CHANNEL))
        elif id is not None and call is not None:
            self._result(id, call, envelope.result, frame)
        # Else it is a result nobody waits for any more: its call has timed out or was cancelled.

    def _result(self, id: int, call: Open, raw: msgspec.Raw, frame: bytes) -> None:
        try:
            result = call.decode(raw)
        except msgspec.ValidationError as error:
            del self.pending[id]
            misfit = WireError(f"{call.method}: not the expected result ({error})", frame)
            self._sinks.failed(id, misfit, call.method)
        except _UNREADABLE as error:  # the call ends at its deadline
            self._sinks.garbage(WireError(f"not a result ({error})", frame, OF_NO_CHANNEL))
        else:
            del self.pending[id]
            self._sinks.result(id, result)


def _channel_in(frame: bytes) -> str | None:
    """Give the channel that a frame nobody can read was about, where it says so before it breaks off.

    None where it may have been of any: with one such frame a change of a book or a trade may be lost.
    """
    found = _CHANNEL.search(frame, 0, _SEARCHED_BYTES)
    name = found[1].decode(errors="replace") if found is not None else ""
    if name and may_be_name(name) and "\ufffd" not in name:
        return name
    return None if _may_notify(frame) else OF_NO_CHANNEL


def _may_notify(frame: bytes) -> bool:
    """Tell whether a frame that can't be read may have been meant as a notification, or begun as one."""
    early = frame[:_SEARCHED_BYTES]
    if b'"subscription"' in early or (frame and NOTIFICATION_HEAD.startswith(frame)):
        return True
    return any(sign in early for sign in _SIGNS) and not _is_whole(frame)


def _is_whole(frame: bytes) -> bool:
    try:
        msgspec.json.decode(frame, type=msgspec.Raw)
    except _UNREADABLE:
        return False
    return True


def _milliseconds(us: msgspec.Raw | msgspec.UnsetType) -> float | None:
    """Read an exchange's µs; None where there are none."""
    if us is msgspec.UNSET:
        return None
    text = bytes(us)
    return int(text) / 1000 if len(text) <= _LONGEST_TIME and text.isdigit() else None


def _shown(channel: str | None) -> str | None:
    """Give a channel that was read in full; nobody can have one with a name that can't be."""
    return channel if channel is None or may_be_name(channel) else OF_NO_CHANNEL


_KINDS: dict[ErrorClass | None, type[RpcError]] = {
    ErrorClass.AUTH: AuthError,
    ErrorClass.RATE_LIMIT: RateLimited,
}


def _error_of(body: ErrorBody, method: str, frame: bytes) -> RpcError | WireError:
    """Make the exception for an error answer; a WireError where it is too long or too deep to be one."""
    if len(frame) <= _LONGEST_ERROR:
        with contextlib.suppress(RecursionError):
            return rpc_error(body, method)
    what = f"{method or 'exchange'}: error {body.code}, and more than can be read"
    return WireError(what, frame, OF_NO_CHANNEL)


def rpc_error(body: ErrorBody, method: str) -> RpcError:
    """Make the exception for an error answer: its class by Deribit's code, its message as sent."""
    code, kind = body.code, CLASSES.get(body.code)
    return _KINDS.get(kind, RpcError)(
        code,
        NAMES.get(code) or body.message,
        body.data,
        method,
        body.message,
        kind=kind,
        meaning=MEANINGS.get(code, ""),
        retryable=is_retryable(code, method),
    )
