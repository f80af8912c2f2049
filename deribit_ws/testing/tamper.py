"""Spoils notifications on their way out.

Knows: the stream faults, and how a spoiled notification looks. Must not know: sockets or feeds.
`hub` uses one for everybody, each session one for itself.
"""

from typing import Any

import msgspec

from deribit_ws.testing import frames
from deribit_ws.testing.faults import Duplicate, Garble, Reorder, SkipChange, Standing
from deribit_ws.testing.ledger import Mark

Outgoing = tuple[bytes, Mark]


class Tamper:
    """Applies the stream faults of one `Standing`."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._held: dict[str, list[Outgoing]] = {}

    def __bool__(self) -> bool:
        return bool(self._standing) or bool(self._held)

    def treat(self, channel: str, framed: bytes, mark: Mark) -> list[Outgoing]:
        """What to send instead of a notification, in order; nothing, one or more."""
        take = self._standing.take
        if take(SkipChange, channel):
            return []
        if take(Reorder, channel):
            self._held.setdefault(channel, []).append((framed, mark))
            return []
        out: list[Outgoing] = [(framed, mark)]
        if garble := take(Garble, channel):
            out = [(frames.frame(spoil(frames.payload_of(framed), garble)), None)]
        elif take(Duplicate, channel):
            out *= 2
        return out + self._held.pop(channel, [])


def spoil(payload: bytes, garble: Garble) -> bytes:
    """The notification as the fault would have it."""
    if garble.kind == "truncated":
        return payload[: len(payload) // 2]
    message = msgspec.json.decode(payload)
    data = message["params"].pop("data")
    if garble.kind == "wrong_shape":
        message["params"]["data"] = _misshapen(data)
    return msgspec.json.encode(message)


def _misshapen(value: Any) -> Any:
    match value:
        case dict():
            return {key: _misshapen(inner) for key, inner in value.items()}
        case list():
            return [["delete", None]]
        case bool() | str() | None:
            return value
        case _:
            return f"{value} or so"
