"""How many channels go into one subscribe or unsubscribe call, and which of them belong together.

Knows: Deribit's limits on a call, and which channels need a login. Must not know: what is wanted or
confirmed. `subscriptions` asks for the next call to make. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from deribit_ws.errors import RpcError, UsageError
from deribit_ws.wire.channels import is_private
from deribit_ws.wire.patterns import may_be_name

MOST_CHANNELS = 500  # a call; Deribit's limit
MOST_BYTES = 31_000  # a call's list; leaves room for the envelope below Deribit's 32 kB
_OPEN = frozenset("*>{}")  # of patterns; no channel's name has them
NOT_LOGGED_IN = (13009, 13778)  # for private channels; for .raw ones


@dataclass(frozen=True, slots=True)
class Request:
    """One call to make."""

    method: str
    channels: Sequence[str]

    @property
    def leaves(self) -> bool:
        """True when it unsubscribes."""
        return self.method.endswith("/unsubscribe")


def check_name(channel: object) -> None:
    """Raise UsageError unless `channel` may be sent as a channel's name."""
    is_name = isinstance(channel, str) and channel and may_be_name(channel)
    if not is_name or _OPEN.intersection(str(channel)):
        raise UsageError(f"not a channel name: {str(channel)[:80]!r}")


def needs_login(channel: str) -> bool:
    """Tell whether only a logged-in connection is given a channel."""
    return is_private(channel) or channel.endswith(".raw")


def first_request(verb: str, channels: Sequence[str]) -> Request | None:
    """Give the first call for so many channels, private ones before public; None for none."""
    for scope, private in (("private", True), ("public", False)):
        chosen = [channel for channel in channels if is_private(channel) is private]
        if chosen:
            return Request(f"{scope}/{verb}", _first_batch(chosen))
    return None


def blames_all(error: RpcError, channels: Sequence[str]) -> bool:
    """Tell whether asking for fewer of the channels would meet the same answer."""
    return error.code in NOT_LOGGED_IN and all(map(needs_login, channels))


def parts_of(channels: Sequence[str]) -> list[Sequence[str]]:
    """Divide the channels of a call that was refused as a whole."""
    raw = [channel for channel in channels if channel.endswith(".raw")]
    rest = [channel for channel in channels if not channel.endswith(".raw")]
    if raw and rest:
        return [rest, raw]  # 13778: raw channels need a login, and are most likely the ones
    half = len(channels) // 2
    return [channels[:half], channels[half:]]


def _first_batch(channels: Sequence[str]) -> Sequence[str]:
    size = 0
    for count, channel in enumerate(channels[:MOST_CHANNELS]):
        size += len(channel.encode()) + 3  # its quotes and a comma
        if size > MOST_BYTES and count:
            return channels[:count]
    return channels[:MOST_CHANNELS]
