"""Websocket frames as bytes, legal or not.

Knows: the header of an unmasked server frame (RFC 6455 §5.2). Must not know: sockets or messages.
`hub` frames each notification once for all who get it; `link` frames answers and faults.
"""

from typing import Final

TEXT: Final = 0x81
BINARY: Final = 0x82
CLOSE: Final = 0x88
PONG: Final = 0x8A


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A whole frame; `opcode` is its first byte, FIN bit included."""
    return header(len(payload), opcode) + payload


def header(length: int, opcode: int = TEXT) -> bytes:
    """The header of a frame of this length."""
    if length < 126:
        return bytes((opcode, length))
    if length < 65_536:
        return bytes((opcode, 126)) + length.to_bytes(2)
    return bytes((opcode, 127)) + length.to_bytes(8)


def payload_of(framed: bytes) -> bytes:
    """What a frame made here carries."""
    match framed[1]:
        case 126:
            return framed[4:]
        case 127:
            return framed[10:]
        case _:
            return framed[2:]


def close(code: int | None, reason: str = "") -> bytes:
    """A close frame with any 16-bit code, legal or not; None leaves it empty."""
    return frame(b"" if code is None else code.to_bytes(2) + reason.encode(), CLOSE)
