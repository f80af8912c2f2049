"""Where in a recording the player is: gives the records of one link after another.

Knows: blocks of records, and a thread to read them in. Must not know: what they mean, or when they are due.
"""

import asyncio
import os
from collections.abc import Sequence

from deribit_ws.recorder.lines import LEFT_OUT, Record, RecordingError
from deribit_ws.recorder.reader import read_blocks


class Cursor:
    """A place in the recording at `path`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._blocks = read_blocks(path)
        self._reading: asyncio.Future[list[Record] | None] | None = None
        self._block: Sequence[Record] = ()

    async def ahead(self, n: int) -> Sequence[Record]:
        """Give some of the next records, as long as they are of link `n`; again until they are `passed`."""
        if not self._block:
            self._block = await self._next_block()
        block = self._block
        if not block or block[0].n == block[-1].n == n:
            return block
        count = next((i for i, record in enumerate(block) if not _is_of(record, n)), len(block))
        return block[:count]

    def passed(self, count: int) -> None:
        """Go on behind so many records."""
        self._block = self._block[count:]

    def check(self) -> None:
        """Raise RecordingError where the file could be read no further."""
        if self._reading is not None and self._reading.done() and (error := self._reading.exception()):
            raise RecordingError(f"{self._path}: {getattr(error, 'strerror', None) or error}") from error

    async def close(self) -> None:
        """Read no more, and close the file."""
        if self._reading is not None:
            await asyncio.wait([self._reading])
        self._blocks.close()

    async def _next_block(self) -> Sequence[Record]:
        # A block that was asked for is kept, should who waits for it be cancelled.
        if self._reading is None:
            loop = asyncio.get_running_loop()
            self._reading = loop.run_in_executor(None, next, self._blocks, None)
        block = await asyncio.shield(self._reading)
        self._reading = None
        return block or ()


def _is_of(record: Record, n: int) -> bool:
    # 0: of no link, and nothing to play. Something missing may belong to the link before, or to this one.
    return record.n in (n, 0) or record.event == LEFT_OUT
