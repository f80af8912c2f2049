"""The grammar of channel names: patterns in which segments may be left open.

Knows: segments, placeholders, wildcards. Must not know: any channel of the exchange. `handlers` parses
patterns here, `router` matches names against them, `channels` tells families apart by them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from deribit_ws.errors import UsageError

Values = Mapping[str, str | Sequence[str]]

LONGEST_NAME = 1_000  # characters; far beyond any channel's: longer ones are nonsense, and would fill memory
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LITERAL = re.compile(r"[^\s.*>{}\"\\]+")


def may_be_name(text: str) -> bool:
    """Tell whether a channel could be called this."""
    return len(text) < LONGEST_NAME and text.isprintable()


class Pattern:
    """A channel name in which segments may be left open.

    `{name}` and `*` stand for one whole segment, `>` for all the rest (at least one), as in NATS.

    Raises:
        UsageError: the text is no such pattern.
    """

    __slots__ = ("_placeholders", "names", "segments", "text")

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise UsageError(f"pattern {text!r}: not a string")
        self.text = text
        self.segments = tuple(text.split("."))
        self._placeholders = tuple(m and m[1] for m in map(_PLACEHOLDER.fullmatch, self.segments))
        self.names = tuple(name for name in self._placeholders if name)
        for position, segment in enumerate(self.segments):
            is_last = position == len(self.segments) - 1
            if not _is_segment(segment, is_last=is_last):
                raise UsageError(f"pattern {text!r}: {segment!r} is not a segment")
        if len(set(self.names)) != len(self.names):
            raise UsageError(f"pattern {text!r}: a placeholder occurs twice")

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    @property
    def has_wildcard(self) -> bool:
        """True when `*` or `>` occurs: such a pattern only routes."""
        return "*" in self.segments or ">" in self.segments

    def channels(self, values: Values) -> dict[str, dict[str, str]] | None:
        """Give the channels this pattern names under `values`, each with its placeholders' values.

        Lists multiply. None when a segment stays open: then the pattern only routes.
        """
        if self.has_wildcard or any(name not in values for name in self.names):
            return None
        named = [_strings(values[name]) for name in self.names]
        return {
            ".".join(self._filled(chosen)): dict(zip(self.names, chosen, strict=True))
            for chosen in product(*named)
        }

    def match(self, channel: str, values: Values) -> dict[str, str] | None:
        """Give the placeholders' values in `channel`; None when it is not meant by this pattern."""
        parts = channel.split(".")
        rest = self.segments[-1] == ">"
        if len(parts) < len(self.segments) or (len(parts) > len(self.segments) and not rest):
            return None
        found: dict[str, str] = {}
        for segment, name, part in zip(self.segments, self._placeholders, parts, strict=False):
            if name:
                if name in values and part not in _strings(values[name]):
                    return None
                found[name] = part
            elif segment not in ("*", ">", part):
                return None
        return found

    def checked(self, values: Mapping[str, Any]) -> Values:
        """Give `values` back if they fit this pattern.

        Raises:
            UsageError: a name is not a placeholder here, or a value can't be a segment.
        """
        for name, value in values.items():
            if name not in self.names:
                raise UsageError(f"pattern {self.text!r} has no placeholder {name!r}")
            if not _can_stand(value):
                raise UsageError(f"pattern {self.text!r}: {value!r} can't stand for {name!r}")
        return {name: value if isinstance(value, str) else tuple(value) for name, value in values.items()}

    def _filled(self, chosen: Sequence[str]) -> Iterator[str]:
        remaining = iter(chosen)
        for segment, name in zip(self.segments, self._placeholders, strict=True):
            yield next(remaining) if name else segment


def _can_stand(value: Any) -> bool:
    if isinstance(value, list | tuple | set | frozenset):
        return bool(value) and all(isinstance(one, str) and _LITERAL.fullmatch(one) for one in value)
    return isinstance(value, str) and _LITERAL.fullmatch(value) is not None


def _is_segment(segment: str, *, is_last: bool) -> bool:
    if segment == ">":
        return is_last
    return bool(segment == "*" or _PLACEHOLDER.fullmatch(segment) or _LITERAL.fullmatch(segment))


def _strings(value: str | Sequence[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value
