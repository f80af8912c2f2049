"""The files of a recording: made once, never written over, readable up to the last flush whatever happens.

Knows: parts, gzip, rotation. Must not know: what the lines say, threads, loops. `writer` is the only caller.
All of it blocks. What was flushed survives the process; nothing here waits for the disk itself.
"""

import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from deribit_ws.errors import UsageError
from deribit_ws.recorder.parts import GZIP, part_path

_LEVEL = 1  # of zlib: on market data 3 costs twice the time and saves a hundredth
_WBITS = 31  # zlib's word for gzip's own header and trailer


class Files:
    """The parts of one recording, the last of them open.

    Args:
        path: of the first; the name ends in .gz where they are to be compressed.
        header: gives the first line of a part, by its number.
        rotate_bytes: bytes in the file after which the next part begins; None never.
        rotate_seconds: seconds after which it begins; None never.

    Raises:
        UsageError: there is such a file already, or none can be made.
    """

    def __init__(
        self,
        path: Path,
        header: Callable[[int], bytes],
        *,
        rotate_bytes: int | None = None,
        rotate_seconds: float | None = None,
    ) -> None:
        self._first = path
        self._header = header
        self._rotate_bytes = rotate_bytes if rotate_bytes is not None else float("inf")
        self._rotate_seconds = rotate_seconds if rotate_seconds is not None else float("inf")
        self._number = 0
        self._earlier = 0  # bytes in the parts before
        self._size = 0  # bytes in this one
        try:
            if self._rotate_bytes != self._rotate_seconds:  # both are infinite, or one is given
                _refuse(part_path(path, 1))
            self._begin()
        except FileExistsError:
            raise UsageError(f"{path} is there already: a recording never writes over a file") from None
        except (OSError, ValueError) as error:  # ValueError: there can't be such a path
            raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from None

    @property
    def path(self) -> Path:
        """The file that is open."""
        return part_path(self._first, self._number)

    @property
    def written(self) -> int:
        """Bytes in all parts so far."""
        return self._earlier + self._size

    def write(self, lines: bytes) -> None:
        """Add whole lines; they are on their way to the file until `flush`. Raises OSError."""
        if self._size >= self._rotate_bytes or time.monotonic() - self._since >= self._rotate_seconds:
            self._rotate()
        self._is_flushed = False
        self._put(lines if self._deflate is None else self._deflate.compress(lines))

    def flush(self) -> None:
        """Hand all to the system, so that it stays readable should this process be killed. Raises OSError."""
        if self._deflate is not None and not self._is_flushed:
            self._put(self._deflate.flush(zlib.Z_SYNC_FLUSH))
        self._is_flushed = True

    def finish(self) -> None:
        """End the last part in order. Raises OSError."""
        try:
            if self._deflate is not None:
                self._put(self._deflate.flush(zlib.Z_FINISH))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close as it is; may be repeated."""
        self._file.close()

    def _begin(self) -> None:
        path = self.path
        self._file: IO[bytes] = path.open("xb", buffering=0)
        self._deflate = zlib.compressobj(_LEVEL, wbits=_WBITS) if path.name.endswith(GZIP) else None
        self._since = time.monotonic()
        self.write(self._header(self._number))
        self.flush()

    def _rotate(self) -> None:
        self.finish()
        self._earlier, self._size = self.written, 0
        self._number += 1
        self._begin()

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:  # a file without a buffer may take a part of it
            taken = self._file.write(rest)
            self._size += taken
            rest = rest[taken:]


def _refuse(path: Path) -> None:
    """Raise UsageError where a later part would meet a file that is there already."""
    try:
        path.open("rb").close()
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    raise UsageError(f"{path} is there already: it would be a part of this recording")
