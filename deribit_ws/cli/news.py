"""What happens to a client's link, in words for people; and which channels were refused.

Knows: marks, and how each is said. Must not know: messages, where the words go. `record` and `tail` listen
with it.
"""

import asyncio
import time
from collections.abc import Collection

from deribit_ws.cli.failures import Failure
from deribit_ws.cli.logs import Tell, stamped
from deribit_ws.errors import SubscriptionRejected
from deribit_ws.handlers import Handler
from deribit_ws.journal import counted
from deribit_ws.marks import Connected, Disconnected


class News(Handler):
    """Tells drops, recoveries and refusals; `drops` counts the links that were lost."""

    def __init__(self, channels: Collection[str], tell: Tell) -> None:
        self.drops = 0
        self._tell = tell
        self._left = set(channels)
        self._refused: asyncio.Future[Failure] = asyncio.get_running_loop().create_future()
        self._lost_at: float | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the exchange has refused every channel."""
        return not self._left

    async def wait_refused(self) -> None:
        """Raise `Failure` once the exchange has refused every channel."""
        raise await self._refused

    def on_connected(self, event: Connected) -> None:
        """A link is up."""
        if self.is_refused:
            return
        down = "" if self._lost_at is None else f" after {time.monotonic() - self._lost_at:.2f} s"
        self._tell(stamped(f"connected{down}: link {event.connection}, {counted(event.channels, 'channel')}"))

    def on_disconnected(self, event: Disconnected) -> None:
        """The link is gone."""
        self.drops += 1
        self._lost_at = time.monotonic()
        reason = f" {event.reason}" if event.reason else ""
        self._tell(stamped(f"disconnected after {event.lived:.1f} s: {event.code}{reason}"))

    def on_error(self, error: Exception) -> None:
        """Channels may have been refused; with none left there is nothing to wait for."""
        if not isinstance(error, SubscriptionRejected):
            return
        self._left.difference_update(error.channels)
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        if self._left:
            self._tell(stamped(f"warning: {error}{cause}"))
        elif not self._refused.done():
            self._refused.set_result(Failure(f"{error}{cause}"))
