"""The frames a check has seen, as much of them as is worth keeping.

Knows: frames, and when each went or came. Must not know: what they mean. Peers note them here; the
report writes them out. Nothing is kept that has not gone through the mask.
"""

import json
from collections import deque
from typing import Any, Literal

from tools.testnet.masking import Mask

Way = Literal["sent", "received", "ended"]

_FIRST = _LAST = 40  # frames kept of a check: how it began, and how it ended
_LONGEST = 2_000  # characters of a frame: enough for any answer but a listing


class Evidence:
    """The frames of one check."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._first: list[dict[str, Any]] = []
        self._last: deque[dict[str, Any]] = deque(maxlen=_LAST)
        self._count = 0

    def note(self, at: float, connection: int, way: Way, text: str) -> None:
        """Keep a frame: seconds since the check began, and which of its connections it was on."""
        self._count += 1
        noted = {"at": round(at, 4), "connection": connection, "way": way, "frame": self._shown(text)}
        if len(self._first) < _FIRST:
            self._first.append(noted)
        else:
            self._last.append(noted)

    def frames(self) -> list[dict[str, Any]]:
        """What was kept; a line in the middle says how many are missing."""
        missing = self._count - len(self._first) - len(self._last)
        gap = [{"left_out": missing}] if missing else []
        return [*self._first, *gap, *self._last]

    def _shown(self, text: str) -> Any:
        frame = self._mask.frame(text)
        if len(text) <= _LONGEST:
            return frame
        written = frame if isinstance(frame, str) else json.dumps(frame, ensure_ascii=False)
        return f"{written[:_LONGEST]}… ({len(text)} characters)"
