"""Reads the parameters of a request, and refuses the wrong ones as Deribit does.

Knows: types, ranges and the -32602 answers. Must not know: methods. The methods read through it.
Values that came as query parameters are strings; numbers and booleans are read out of them.
"""

from collections.abc import Collection
from typing import Any

from deribit_ws.testing.envelope import Refusal

TRUTH = {"true": True, "false": False}
CHANNELS_PER_CALL = 500  # documented


class Params:
    """The parameters of one request."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str, *, among: Collection[str] | None = None) -> str:
        """A required string, one of `among` if given."""
        value = self.values.get(name)
        if value is None:
            raise Refusal.param(name, "required")
        if not isinstance(value, str):
            raise Refusal.param(name, "must be a string")
        if among is not None and value not in among:
            raise Refusal.param(name, "wrong format")
        return value

    def optional(self, name: str, *, among: Collection[str] | None = None) -> str | None:
        """A string that may be absent."""
        return self.text(name, among=among) if name in self.values else None

    def number(self, name: str, *, least: float) -> float:
        """A required number that is at least `least`."""
        value = _number(self.values.get(name))
        if value is None:
            raise Refusal.param(name, "required" if name not in self.values else "must be a number")
        if value < least:
            raise Refusal.param(name, f"must be at least {least:g}")
        return value

    def integer(self, name: str, default: int | None = None, *, least: int = 0) -> int | None:
        """An integer that may be absent."""
        if name not in self.values:
            return default
        value = self.number(name, least=least)
        if not float(value).is_integer():
            raise Refusal.param(name, "must be an integer")
        return int(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean that may be absent."""
        value = self.values.get(name, default)
        value = TRUTH.get(value, value) if isinstance(value, str) else value
        if not isinstance(value, bool):
            raise Refusal.param(name, "must be a boolean")
        return value

    def channels(self) -> list[str]:
        """The required list of channel names, each once."""
        value = self.values.get("channels")
        if value is None:
            raise Refusal.param("channels", "required")
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise Refusal.param("channels", "must be a list of strings")
        if len(value) > CHANNELS_PER_CALL:
            raise Refusal.param("channels", f"no more than {CHANNELS_PER_CALL}")
        return list(dict.fromkeys(value))


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
