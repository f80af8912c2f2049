"""Keeping secrets out of a recording: by their names, and wherever else one that was seen is quoted.

Knows: the names that secrets have on the wire (`shown.SECRETS`), and the secrets seen so far. Must not know:
files or lines. A frame without a secret stays as it is, byte for byte. `writer` puts each frame through here.
"""

import re
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from deribit_ws.shown import SECRETS, starred
from deribit_ws.wire.codec import NOTIFICATION_HEAD

_SHORTEST = 8  # characters; a shorter word is no secret of the exchange's, and would star plain words
_MOST = 64  # secrets remembered of those seen: a login brings three, and nobody quotes those of an hour ago
_HEAD = NOTIFICATION_HEAD.decode()
_OWN = f"{_HEAD}user."  # what only the account itself is told
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
        self._given = {word for word in words if _is_telling(word)}
        self._seen: dict[str, None] = {}  # the last one last
        self._words = _longest_first(self._given)

    def hidden(self, frame: str) -> str:
        """Give a frame with secrets starred; the frame itself where there are none."""
        # In a string of JSON a name can only be written otherwise with a backslash.
        if "_secret" in frame or "_token" in frame or "signature" in frame or "\\" in frame:
            return self._searched(frame)
        if frame.startswith(_HEAD) and not frame.startswith(_OWN):
            return frame  # nobody quotes a secret in market data, and there is much of it
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
        seen = [word for word in words if _is_telling(word)]
        for word in seen:
            self._seen.pop(word, None)
            self._seen[word] = None
        while len(self._seen) > _MOST:
            del self._seen[next(iter(self._seen))]
        if seen:
            self._words = _longest_first({*self._given, *self._seen})


def _is_telling(word: Any) -> bool:
    return isinstance(word, str) and len(word) >= _SHORTEST and bool(word.strip("*"))


def _longest_first(words: Collection[str]) -> list[str]:
    """Give the order in which to look for words: one that begins another must not leave the rest of it."""
    return sorted(words, key=len, reverse=True)
