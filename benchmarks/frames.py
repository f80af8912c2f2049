"""RFC 6455 as far as a sender needs it: the handshake's answer, its own frames, and those of a client.

Knows no JSON and no traffic. `sender` and `traffic` use it; a library here would be measured along.
"""

import base64
import hashlib
import re
import struct
from typing import BinaryIO

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_KEY = re.compile(rb"sec-websocket-key:\s*(\S+)", re.IGNORECASE)
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


def frame(opcode: int, payload: bytes) -> bytes:
    """Give a whole, unmasked frame."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + payload


def text_frame(payload: bytes) -> bytes:
    """Give a whole, unmasked text frame."""
    return frame(TEXT, payload)


def read_handshake(file: BinaryIO) -> tuple[str, bytes] | None:
    """Read the request for a websocket: give its target and the answer to write; None at the end."""
    lines = []
    while (line := file.readline()).strip():
        lines.append(line)
    found = _KEY.search(b"".join(lines))
    if found is None:
        return None
    accept = base64.b64encode(hashlib.sha1(found[1] + _GUID, usedforsecurity=False).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return lines[0].split()[1].decode(), head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"


def read_frame(file: BinaryIO) -> tuple[int, bytes] | None:
    """Read one frame of a client, unmasked: give its opcode and payload; None at the end."""
    head = file.read(2)
    if len(head) < 2:
        return None
    size = head[1] & 0x7F
    if size >= 126:
        size = int.from_bytes(file.read(2 if size == 126 else 8))
    mask = file.read(4)
    payload = file.read(size)
    whole = (mask * (size // 4 + 1))[:size]
    plain = (int.from_bytes(payload) ^ int.from_bytes(whole)).to_bytes(size)
    return head[0] & 0x0F, plain
