"""Keeping secrets out of all that is printed or written.

Knows: which fields of a frame are secret or personal, and every secret seen so far. Must not know: what
the frames are for. `evidence` puts each frame through it, `report` each line.
"""

import json
import re
from typing import Any

from deribit_ws.cli.printable import printable

_SECRET = frozenset(
    {"client_secret", "client_id", "access_token", "refresh_token", "signature", "nonce", "sid"}
)
# What a private answer tells about a person: of no use as evidence.
_PERSONAL = frozenset({"email", "username", "system_name", "ip", "city", "country", "receiver_name"})
_SHORTEST = 8  # characters: a shorter word may well be an innocent one, and no secret of Deribit's is
_SECRET_TEXT = re.compile(rf'("(?:{"|".join(sorted(_SECRET))})"\s*:\s*)"[^"]*"?')
_STARS = "***"


class Mask:
    """Remembers secrets, and takes them out of frames and of words."""

    def __init__(self, *secrets: str) -> None:
        self._secrets: set[str] = set()
        for secret in secrets:
            self._learn(secret)

    def frame(self, text: str) -> Any:
        """A frame as JSON values without secrets; one that is no JSON stays text."""
        try:
            return self._masked(json.loads(text))
        except ValueError:
            return self.words(_SECRET_TEXT.sub(rf'\1"{_STARS}"', text))

    def words(self, text: str) -> str:
        """A line of text without the secrets seen so far, and without control characters."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, _STARS)
        return printable(text)

    def _masked(self, value: Any, key: str = "") -> Any:
        match value:
            case dict():
                return {self.words(name): self._masked(one, name) for name, one in value.items()}
            case list():
                return [self._masked(one, key) for one in value]
            case str() if key in _SECRET:
                self._learn(value)
                return _STARS
            case str() if key in _PERSONAL:
                return _STARS
            case str():
                return self.words(value)
            case _:
                return value

    def _learn(self, secret: str) -> None:
        if len(secret) >= _SHORTEST:
            self._secrets.add(secret)
