"""What a login gave: its scope, its tokens, and when they end.

Knows: the answer of `public/auth`, and how scopes compare. Must not know: calls or clocks. `login`
keeps one per connection. Source: facts of docs.deribit.com, access scope: a request for more than the
key may have is narrowed without a word, so the scope granted has to be compared with the one asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LEVELS = {"none": 0, "read": 1, "read_write": 2}


@dataclass(frozen=True, slots=True)
class Grant:
    """A login's answer.

    `scope` is what was granted, as words. `expires_in` is seconds from `since` (the loop's clock), None
    when the answer names no end. `session_id` is the exchange's, "" in connection scope. Tokens are
    never shown.
    """

    scope: str = ""
    expires_in: float | None = None
    since: float = 0.0
    session_id: str = ""
    refresh_token: str = field(default="", repr=False)

    @property
    def expires_at(self) -> float:
        """When the tokens end, on the loop's clock."""
        return float("inf") if self.expires_in is None else self.since + self.expires_in


def grant_of(answer: object, since: float) -> Grant:
    """Read the answer of `public/auth`, asked at `since`; what is not there or odd is left empty."""
    given: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    expires_in = given.get("expires_in")
    return Grant(
        scope=_text(given.get("scope")),
        expires_in=float(expires_in) if isinstance(expires_in, int | float) and expires_in > 0 else None,
        since=since,
        session_id=_text(given.get("sid")),
        refresh_token=_text(given.get("refresh_token")),
    )


def missing(asked: str | None, granted: str) -> list[str]:
    """Give the words of the scope asked for that the granted one does not cover.

    Only access levels are compared: `expires:` and `ip:` are limits one sets oneself, and whether the
    answer names the session is not documented.
    """
    have = _levels(granted)
    lacking = []
    for word in (asked or "").split():
        area, _, level = word.partition(":")
        if level in LEVELS and LEVELS[level] > have.get(area, 0):
            lacking.append(word)
    return lacking


def _levels(scope: str) -> dict[str, int]:
    levels: dict[str, int] = {}
    for word in scope.split():
        area, _, level = word.partition(":")
        if level in LEVELS:
            levels[area] = max(levels.get(area, 0), LEVELS[level])
    return levels


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
