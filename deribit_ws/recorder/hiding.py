"""Keeping secrets out of a recording: by their names, and wherever else one that was seen is quoted.

Knows: the names that secrets have on the wire (`shown.SECRETS`), and the secrets seen so far. Must not know:
files or lines. A frame without a secret stays as it is, byte for byte. `writer` puts each frame through here.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from deribit_ws.shown import SECRETS, starred
from deribit_ws.wire.codec import NOTIFICATION_HEAD

_SHORTEST = 8  # characters; a shorter word is no secret of the exchange's, and would star plain words
_MOST = 64  # secrets remembered: a login brings three, and nobody quotes those of an hour ago
_HEAD = NOTIFICATION_HEAD.decode()
_NAME = re.compile("|".join(SECRETS))
_ESCAPED = re.compile(r"\\u00([2-7][0-9a-fA-F])")  # how JSON may write what is in a secret's name

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Hiding:
    """What is to be hidden, of one recording.

    Args:
        words: secrets known from the start.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words: dict[str, None] = {}
        self._learn(list(words))

    def hidden(self, frame: str) -> str:
        """Give a frame with secrets starred; the frame itself where there are none."""
        # In a string of JSON a name can only be written otherwise with a backslash.
        if "_secret" in frame or "_token" in frame or "signature" in frame or "\\" in frame:
            return self._searched(frame)
        if frame.startswith(_HEAD):  # nobody quotes a secret in market data, and there is much of it
            return frame
        return self.without_words(frame)

    def without_words(self, text: str) -> str:
        """Give any text with the secrets seen so far starred."""
        for word in self._words:
            text = text.replace(word, "***")
        return text

    def _searched(self, frame: str) -> str:
        try:
            value = _decode(frame)
            self._note(value)
            shown = starred(value, self._words)
            return frame if shown == value else _encode(shown).decode()
        except (msgspec.DecodeError, OverflowError, RecursionError):  # no JSON, a vast number, or too deep
            return self._cut(frame)

    def _cut(self, frame: str) -> str:
        """Give what stands before the first secret, of a frame that can't be taken apart."""
        plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), frame)
        name = _NAME.search(plain)
        return self.without_words(frame if name is None else f"{plain[: name.end()]}***")

    def _note(self, value: Any) -> None:
        """Remember the secrets in decoded JSON."""
        if isinstance(value, dict):
            self._learn([item for name, item in value.items() if name in SECRETS])
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                self._note(item)

    def _learn(self, words: list[Any]) -> None:
        for word in words:
            if isinstance(word, str) and len(word) >= _SHORTEST and word.strip("*"):
                self._words[word] = None
        while len(self._words) > _MOST:
            del self._words[next(iter(self._words))]
