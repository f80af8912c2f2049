"""What a stream hands out: one message of one channel.

Knows: the three things worth knowing of any message. Must not know: payload types or consumers.
"""

from typing import Any

import msgspec


class Notification(msgspec.Struct, frozen=True, gc=False):
    """One message.

    `data` is the family's payload type, or plain values where there is none. `received_at` is ns
    since the epoch, from this machine's clock; it may step, so never use it for timers.
    """

    channel: str
    data: Any
    received_at: int
