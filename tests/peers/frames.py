"""Websocket frames by hand (RFC 6455 §5), so that a far end can also write what no library would.

Knows bytes. Must not know the package or any websocket library.
"""

import base64
import hashlib
import struct
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FIN = 0x80
_MASKED = 0x80
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3


class Frame(NamedTuple):
    """One frame as received, unmasked."""

    opcode: int
    payload: bytes

    @property
    def close_code(self) -> int:
        """The code of a close frame; 1005 when it has none."""
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else 1005


def encode(opcode: int, payload: bytes = b"", *, fin: bool = True, bits: int = 0) -> bytes:
    """One unmasked frame; `bits` sets reserved bits (0x40, 0x20, 0x10)."""
    head = bytes([(_FIN if fin else 0) | bits | opcode])
    size = len(payload)
    if size < 126:
        return head + bytes([size]) + payload
    if size < 1 << 16:
        return head + struct.pack("!BH", 126, size) + payload
    return head + struct.pack("!BQ", 127, size) + payload


def encode_close(code: int | None, reason: str = "") -> bytes:
    """A close frame with any code at all; None makes an empty one."""
    return encode(CLOSE, b"" if code is None else struct.pack("!H", code) + reason.encode())


def split(text: bytes, size: int = 1) -> bytes:
    """One text message in fragments of `size` bytes each."""
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    kinds = [TEXT] + [CONTINUATION] * (len(parts) - 1)
    last = len(parts) - 1
    return b"".join(
        encode(kind, part, fin=at == last) for at, (kind, part) in enumerate(zip(kinds, parts, strict=True))
    )


def take(buffer: bytearray) -> Frame | None:
    """Cut the next whole frame of a client out of `buffer`; None when there is none yet."""
    if len(buffer) < 2:
        return None
    size, at = buffer[1] & 0x7F, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        size, at = int.from_bytes(buffer[at : at + width]), at + width
    masked = bool(buffer[1] & _MASKED)
    mask, at = (bytes(buffer[at : at + 4]), at + 4) if masked else (bytes(4), at)
    if len(buffer) < at + size:
        return None
    keys = (mask * (size // 4 + 1))[:size]
    payload = (int.from_bytes(buffer[at : at + size]) ^ int.from_bytes(keys)).to_bytes(size)
    frame = Frame(buffer[0] & 0x0F, payload)
    del buffer[: at + size]
    return frame


def accept_key(request: str) -> str:
    """What the upgrade answer must carry for this request (RFC 6455 §4.2.2)."""
    lines = (line.partition(":") for line in request.split("\r\n"))
    key = next(value.strip() for name, _, value in lines if name.lower() == "sec-websocket-key")
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
