"""What a login may do: access scopes, parsed, narrowed and compared.

Knows: the grammar of Deribit's scope words. Must not know: tokens, sessions or methods. `logins`
narrows what is asked to what a key may have, `methods` and `channels` ask whether it is enough.
Source: the access scope page of docs.deribit.com: what is asked beyond the key's own scope is left
out silently.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How much of an area; each includes those below."""

    NONE = 0
    READ = 1
    READ_WRITE = 2


AREAS = ("account", "trade", "wallet", "block_trade", "block_rfq")
MAIN = "mainaccount"  # given by the exchange to a main account's login, never by asking
FULL_SCOPE = " ".join([MAIN, *(f"{area}:read_write" for area in AREAS)])
_ALTERNATIVES = re.compile(r"\s+or\s+")
_CONDITION = re.compile(r"\(.*?\)")  # words such as (when block_rfq = true): either scope then does


@dataclass(frozen=True, slots=True)
class Scope:
    """Levels by area, and whether the login is a main account's."""

    levels: Mapping[str, Level]
    main: bool = False

    @classmethod
    def parse(cls, words: str) -> "Scope":
        """Read a scope string; what is no area is passed over."""
        levels = {}
        for word in words.split():
            area, _, level = word.partition(":")
            if area in AREAS and level.upper() in Level.__members__:
                levels[area] = Level[level.upper()]
        return cls(levels, MAIN in words.split())

    def narrowed(self, wish: "Scope") -> "Scope":
        """What is granted of this (the most there is) to a wish; one that names no area wishes for all."""
        if not wish.levels:
            return self
        granted = {area: min(level, self.level(area)) for area, level in wish.levels.items()}
        return Scope(granted, self.main)

    def level(self, area: str) -> Level:
        """How much of an area it gives."""
        return self.levels.get(area, Level.NONE)

    def allows(self, needed: str | None) -> bool:
        """Whether it is enough for a method or channel: `trade:read`, `… or …`, `… and mainaccount`."""
        if needed is None:
            return True
        alternatives = _ALTERNATIVES.split(_CONDITION.sub("", needed))
        return any(all(map(self._has, one.split())) for one in alternatives)

    def _has(self, word: str) -> bool:
        if word == MAIN:
            return self.main
        area, _, level = word.partition(":")
        return area not in AREAS or self.level(area) >= Level[level.upper()]

    def __str__(self) -> str:
        given = [f"{area}:{level.name.lower()}" for area, level in self.levels.items() if level]
        return " ".join([*([MAIN] if self.main else []), *given])
