"""Text and bytes that a peer had a hand in, made fit to be shown: no forged lines, no secrets, not too long.

Knows: characters, and the names that secrets have on the wire. Must not know: who wrote the text, or where
it is shown. `errors` puts all that the exchange says through here; so does whoever writes a log.
"""

import functools
import re
from collections.abc import Collection
from typing import Any

# What is never shown, by name.
SECRETS = ("client_secret", "counterparty_signature", "signature", "refresh_token", "access_token")

# The value beside the name of a secret: quoted, quoted inside a quotation, or bare up to a delimiter.
_SECRET = (
    rf"""((?:{"|".join(SECRETS)})[\\"']*\s*[:=]\s*)"""
    r"""(?:\\*"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s"'&,;]+)"""
)
_SECRET_TEXT = re.compile(_SECRET, re.DOTALL)
_SECRET_BYTES = re.compile(_SECRET.encode(), re.DOTALL)
_SEARCHED_BYTES = 4096  # of a bad frame, for secrets that must not be shown
_SHOWN_BYTES = 200  # enough of a bad frame to recognise it, too little to flood a log
_SHOWN_TEXT = 1000  # characters; the longest of our own sentences is shorter, a peer's may be megabytes


def one_line(text: str) -> str:
    """Make text that a peer had a hand in fit for one line of a log.

    It can't forge another line, nor send escapes or reorder what is read; what stands beside the name of
    a secret is starred, and of very long text only the beginning is left.
    """
    shown = printable(_SECRET_TEXT.sub(r"\1***", text[:_SHOWN_TEXT]))
    is_whole = len(text) <= _SHOWN_TEXT and len(shown) <= _SHOWN_TEXT
    return shown if is_whole else f"{shown[:_SHOWN_TEXT]}…"


def printable(text: str) -> str:
    """Show what moves a cursor, ends a line, reorders or hides text as escapes, however long the text is."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shown_bytes(raw: bytes) -> bytes:
    """Give the beginning of a frame, secrets starred."""
    return _SECRET_BYTES.sub(rb"\1***", raw[:_SEARCHED_BYTES])[:_SHOWN_BYTES]


def starred(value: Any, hidden: Collection[str]) -> Any:
    """Give decoded JSON with secrets starred, by name and, those of `hidden`, wherever they are quoted."""
    match value:
        case str():
            words = functools.reduce(lambda text, word: text.replace(word, "***"), hidden, value)
            return _SECRET_TEXT.sub(r"\1***", words)
        case list():
            return [starred(item, hidden) for item in value]
        case dict():
            return {
                starred(key, hidden): "***" if key in SECRETS else starred(item, hidden)
                for key, item in value.items()
            }
        case _:
            return value
