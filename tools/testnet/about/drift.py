"""How a payload differs from the type it is decoded into: fields nobody knows, values that change.

Knows: structs, and JSON. Must not know: channels or methods. The checks of drift compare each payload
with what comes out when the decoded one is written again: a known field is in both.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tools.testnet.verdicts import Finding, confirmed, refuted

_SHOWN = 12  # fields named in one line


@dataclass(slots=True)
class Drift:
    """What the payloads of one type have shown so far."""

    count: int = 0
    unknown: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    failure: str | None = None

    def add(self, raw: bytes, decode: Callable[[bytes], Any]) -> Any:
        """Decode one payload, and compare; gives what it was decoded into, None where that failed."""
        self.count += 1
        try:
            value = decode(raw)
        except msgspec.MsgspecError as error:
            self.failure = self.failure or str(error)
            return None
        before, after = msgspec.json.decode(raw), msgspec.json.decode(msgspec.json.encode(value))
        if isinstance(after, list) and not isinstance(before, list):
            after = after[0]  # where an object may stand for a list of one
        self._compare(before, after, "")
        return value

    def finding(self) -> Finding:
        """The verdict: every payload decodes, and holds no field that is not known."""
        if self.failure is not None:
            return refuted(f"not decoded: {self.failure}")
        complaints = [f"unknown fields: {_listed(self.unknown)}"] if self.unknown else []
        complaints += [f"values not kept: {_listed(self.changed)}"] if self.changed else []
        return refuted("; ".join(complaints)) if complaints else confirmed(f"{self.count} decoded")

    def _compare(self, before: Any, after: Any, path: str) -> None:
        match before, after:
            case dict(), dict():
                self.unknown.update(f"{path}.{key}".lstrip(".") for key in before.keys() - after.keys())
                for key in before.keys() & after.keys():
                    self._compare(before[key], after[key], f"{path}.{key}".lstrip("."))
            case list(), list() if len(before) == len(after):
                for one, other in zip(before, after, strict=True):
                    self._compare(one, other, f"{path}[]")
            case _ if before != after:
                self.changed.add(path or "the value itself")


def _listed(paths: set[str]) -> str:
    shown = sorted(paths)[:_SHOWN]
    return " ".join(shown) + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")
