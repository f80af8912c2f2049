"""What a stream hands out: one message of one channel.

Knows: the three things worth knowing of any message. Must not know: payload types or consumers.
"""

from typing import TYPE_CHECKING, Any, Generic

import msgspec

if TYPE_CHECKING:
    # With a default, so that `Notification` alone means one of any payload.
    from typing_extensions import TypeVar

    T_co = TypeVar("T_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    T_co = TypeVar("T_co", covariant=True)


class Notification(msgspec.Struct, Generic[T_co], frozen=True, gc=False):
    """One message.

    `data` is the family's payload type, or plain values where there is none. `received_at` is ns
    since the epoch, from this machine's clock; it may step, so never use it for timers. `recovered`
    is True for what was missed on a private channel while there was no link, and read afterwards.
    """

    channel: str
    data: T_co
    received_at: int
    recovered: bool = False
