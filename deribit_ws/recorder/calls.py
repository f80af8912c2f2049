"""Calls as a client sent them: what one asks for, and which of two are alike.

Knows: the shape of a request, and what in it differs from run to run. Must not know: answers, links, time.
`index` and `answers` match calls by it, and `steps` compares what two clients did.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

# Parameters that differ from run to run: a call without its like in them is matched by the others.
_VOLATILE = frozenset(
    {"nonce", "timestamp", "start_timestamp", "end_timestamp", "signature", "valid_until", "label"}
)
# What a client does for its link, by its own clock or chance: the same program may do more of it, or less.
_UPKEEP = frozenset({"public/test", "public/auth", "public/get_time", "public/hello"})


class Request(msgspec.Struct):
    """A call as it was sent; one without an id, or that is none, has no answer."""

    id: int | str | None = None
    method: str = ""
    params: dict[str, Any] = {}


class Key(NamedTuple):
    """What a call is known by: its method, and those parameters that do not differ from run to run."""

    method: str
    params: bytes

    @classmethod
    def of(cls, method: str, params: Mapping[str, Any]) -> "Key":
        """Give the key of a call."""
        return cls(method, _encode({name: value for name, value in params.items() if name not in _VOLATILE}))


Deed = Key | tuple[str, str]  # a call; or, of a subscription, what is done with which channel

_request = msgspec.json.Decoder(Request)
_encode = msgspec.json.Encoder(order="deterministic").encode


def request_of(frame: str | bytes) -> Request | None:
    """Read a frame that went out; None where it is no call."""
    try:
        return _request.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def subscribed_by(request: Request) -> set[str]:
    """Give the channels that a call subscribes; none where it is another."""
    return names_in(request.params.get("channels")) if request.method.endswith("/subscribe") else set()


def deeds_of(request: Request) -> list[Deed]:
    """Give what a call does, for comparison with another client's: channels one by one, else the call."""
    method = request.method
    if method.endswith("subscribe"):  # which channels go together in a call may differ
        return [(method.partition("/")[2], name) for name in names_in(request.params.get("channels"))]
    return [] if method in _UPKEEP else [Key.of(method, request.params)]


def names_in(channels: Any) -> set[str]:
    """Give the names in what should be a list of channels."""
    return {name for name in channels if isinstance(name, str)} if isinstance(channels, list) else set()
