"""Where the websocket frames are in the bytes of one direction.

Knows: the end of an HTTP head, frame headers and masks (RFC 6455 §5.2). Must not know: what frames
say, or what becomes of them. `Course` owns one for each direction of a link.
"""

from typing import NamedTuple

END_OF_HEAD = b"\r\n\r\n"
UPGRADE = b"upgrade: websocket"
TWO_BYTES, EIGHT_BYTES = 126, 127  # length codes: so many bytes of length follow


class Frame(NamedTuple):
    """A whole frame; `begin` and `end` count from the first byte of the connection."""

    begin: int
    end: int
    opcode: int
    payload: bytes


class FrameFinder:
    """Finds the frames in bytes that come in any portions.

    Attributes:
        settled: bytes up to the end of the last whole frame, from the first of the connection.
        upgraded: False before the upgrade, and for good on a connection that never asks for one.
    """

    def __init__(self) -> None:
        self.settled = 0
        self.upgraded = False
        self._plain_http = False
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete."""
        if self._plain_http:
            return []
        self._rest = self._rest + data if self._rest else data
        if not self.upgraded:
            self._read_head()
        return self._frames() if self.upgraded else []

    def _read_head(self) -> None:
        head, end, rest = self._rest.partition(END_OF_HEAD)
        if not end:
            return
        self.upgraded = UPGRADE in head.lower()
        self._plain_http = not self.upgraded
        self.settled = len(head) + len(end)
        self._rest = rest if self.upgraded else b""

    def _frames(self) -> list[Frame]:
        found, at, rest = [], 0, self._rest
        while (span := _span(rest, at)) is not None:
            body, end = span
            masked = rest[at + 1] & 0x80
            payload = _unmasked(rest[body - 4 : body], rest[body:end]) if masked else rest[body:end]
            found.append(Frame(self.settled + at, self.settled + end, rest[at] & 0x0F, payload))
            at = end
        self.settled += at
        self._rest = rest[at:]
        return found


def _span(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `at` begins and ends; None while it is not all there."""
    if len(data) < at + 2:
        return None
    length, body = data[at + 1] & 0x7F, at + 2
    if length >= TWO_BYTES:
        width = 2 if length == TWO_BYTES else 8
        length, body = int.from_bytes(data[body : body + width]), body + width
    body += 4 if data[at + 1] & 0x80 else 0
    return (body, body + length) if len(data) >= body + length else None


def _unmasked(mask: bytes, payload: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)
