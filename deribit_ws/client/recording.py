"""Recording a client's links, and playing a recording to a client in place of the exchange.

Knows: what the recorder must be told of a client, and when each ends. Must not know: files, lines, pace.
Base of the client's public face.
"""

import asyncio
import os

from deribit_ws.client.lifecycle import Lifecycle, State
from deribit_ws.client.listening import Listening
from deribit_ws.errors import UsageError
from deribit_ws.handlers.registry import Registry
from deribit_ws.recorder import Player, Recording, Speed
from deribit_ws.universe import Universe


class Recorded(Listening):
    """A client that can be recorded, and played to."""

    url: str

    def __init__(
        self, lifecycle: Lifecycle, registry: Registry, universe: Universe, call_timeout: float
    ) -> None:
        super().__init__(lifecycle, registry, universe, call_timeout)
        self._recording: Recording | None = None
        self._player: Player | None = None
        self._end_of_play: asyncio.Task[None] | None = None

    def record(
        self,
        path: str | os.PathLike[str],
        *,
        rotate_bytes: int | None = None,
        rotate_seconds: float | None = None,
    ) -> Recording:
        """Write all that goes over the links into a file, from now on, until it or the client is closed.

        JSON lines, compressed where the name ends in ".gz": each frame as it came or went with the time in ns
        and the number of the link, and when links opened, were live, and ended. Secrets are starred. What was
        received until about a quarter of a second before stays readable if the process is killed. A disk that
        fails ends the recording, not the client: `on_error` hears of it, and another can be begun.

        Args:
            path: of a file that is not there yet; later parts go beside it, as "day.1.jsonl.gz" and so on.
            rotate_bytes: begin another part after so many bytes in the file; None never does.
            rotate_seconds: begin another part after so many seconds; None never does.

        Raises:
            UsageError: there is such a file already, it can't be made, or the client is being recorded.
        """
        self._check_open()
        if self._recording is not None:
            if self._recording.error is None:
                raise UsageError(f"this client is recorded already, to {self._recording.path}")
            self._recording.close()  # nothing is written any more: it takes no time
        logins = self._lifecycle.restorer.logins
        recording = self._recording = Recording(
            path,
            self.url,
            rotate_bytes=rotate_bytes,
            rotate_seconds=rotate_seconds,
            hidden=logins.secrets if logins is not None else (),
            joins=self.state in (State.RESTORING, State.CONNECTED),
            on_error=self._registry.events.report,
            on_closed=self._recording_closed,
        )
        self._lifecycle.tap = recording
        return recording

    def _recording_closed(self) -> None:
        self._lifecycle.tap = self._recording = None

    async def aclose(self) -> None:
        """Close the link and end callbacks and streams, within 2 s (or `close_timeout` + 1 s).

        To the exchange this is a disconnect: where cancel-on-disconnect is armed, orders are cancelled.
        `Client.logout` is the act that keeps them. May be repeated, and awaited in a callback. A recording
        is closed too.
        """
        await super().aclose()
        if self._recording is not None:  # of a client that was never opened: there was nothing else to close
            await self._recording.aclose()

    async def _close(self) -> None:
        await super()._close()
        if self._recording is not None:
            await self._recording.aclose()
        if self._player is not None:
            await self._player.close()

    def _play(self, path: str | os.PathLike[str], speed: Speed) -> None:
        """Dial a recording from now on, and close where it ends."""
        player = self._player = Player(
            path,
            speed,
            wait_live=self._lifecycle.wait_live,
            depth=lambda: self._registry.depth,
            finished=self._played,
        )
        self._lifecycle.dial_with(player.dial)
        self._registry.clock = player.clock

    def _played(self) -> None:
        self._end_of_play = asyncio.create_task(self.aclose(), name="deribit_ws end of play")
