"""Recordings made by hand, line by line, for what no exchange would do on demand.

Knows the format and the shape of a notification. Must not know how recordings are played.
"""

import json
from pathlib import Path
from typing import Any, Self

from deribit_ws.recorder.lines import JOINED, Header, Record, header_line, record_line

BEGAN = 1_795_000_000_000_000_000  # ns since the epoch
SECOND = 1_000_000_000


class Tape:
    """A recording under construction; each step happens `after` seconds after the one before."""

    def __init__(self, url: str = "wss://a/ws/api/v2", part: int = 0) -> None:
        self.lines = [header_line(Header("deribit_ws", 1, "ab", part, url, BEGAN))]
        self.t = BEGAN
        self.n = 0
        self._id = 1000  # not the ids of who is played to

    def note(self, after: float = 0.0, **what: Any) -> Self:
        """Put down a record."""
        self.t += round(after * SECOND)
        self.lines.append(record_line(Record(self.t, self.n, **what)))
        return self

    def opened(self, after: float = 0.0, *, before: bool = False) -> Self:
        """A new link; or one that was open before the recording began."""
        self.n += 1
        return self.note(after, event="opened", reason=JOINED if before else "")

    def live(self, after: float = 0.0) -> Self:
        return self.note(after, event="live")

    def up(self, *channels: str, after: float = 0.0) -> Self:
        """A link that was opened, subscribed and live."""
        return self.opened(after).call("public/subscribe", list(channels), channels=list(channels)).live()

    def lost(self, after: float = 0.0, code: int = 1006, reason: str = "reset") -> Self:
        return self.note(after, event="lost", code=code, reason=reason)

    def closed(self, after: float = 0.0) -> Self:
        return self.lost(after, 1000, "closed by us").note(event="end")

    def call(self, method: str, result: Any, **params: Any) -> Self:
        """A call and its answer; none where `result` is Ellipsis."""
        self._id += 1
        self.note(sent=json.dumps({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}))
        if result is ...:
            return self
        return self.hear(json.dumps({"jsonrpc": "2.0", "id": self._id, "result": result, "usOut": 7}))

    def hear(self, frame: str, after: float = 0.0) -> Self:
        return self.note(after, received=frame)

    def tell(self, channel: str, data: Any, after: float = 0.0) -> Self:
        """A notification, written as Deribit does."""
        params = json.dumps({"channel": channel, "data": data}, separators=(",", ":"))
        return self.hear(f'{{"jsonrpc":"2.0","method":"subscription","params":{params}}}', after)

    def write(self, path: Path) -> Path:
        """Put it into a file without compression."""
        path.write_bytes(b"".join(self.lines))
        return path
