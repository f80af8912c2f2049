"""Writing and reading the names of channels.

Knows: the patterns of the exchange, and the words it takes in their segments. Must not know: what is
subscribed, or who listens. The builders of this room write names here, users read them with `parse`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from deribit_ws import words
from deribit_ws.errors import UsageError
from deribit_ws.wire.channels import Channel, family_of
from deribit_ws.wire.patterns import Pattern

Interval = Literal["raw", "100ms", "agg2"]  # each event (needs a login); every 100 ms; about once a second
Kind: TypeAlias = words.KindOrGroup
IsolatedKind = Literal["future", "any"]
OpenKind = Literal["{kind}", "*"]  # left open, in a pattern
Group = Literal["none", 1, 2, 5, 10, 25, 100, 250]  # price steps a level is made of; hundredths on ETH
Depth = Literal[1, 10, 20]
Resolution: TypeAlias = words.CandleResolution  # minutes, or a day

_WORDS = {"interval": Interval, "kind": Kind, "group": Group, "depth": Depth, "resolution": Resolution}


@dataclass(frozen=True, slots=True)
class ParsedChannel:
    """What a channel's name says.

    `pattern` is as Deribit documents it, `values` what stands in its open segments: `write` puts them
    together again. `payload` is the type of a message's data, None for plain values. A name of no known
    pattern is its own pattern, and not `is_known`.
    """

    pattern: str
    values: dict[str, str]
    payload: Any
    is_private: bool
    is_known: bool


def parse(name: str) -> ParsedChannel:
    """Read a channel's name; names that nobody knows are read as well.

    Raises:
        UsageError: `name` is no string.
    """
    if not isinstance(name, str):
        raise UsageError(f"channel {name!r}: not a string")
    family = family_of(name)
    if not family.is_known:
        return ParsedChannel(name, {}, None, family.is_private, is_known=False)
    values = family.pattern.match(name, {}) or {}
    return ParsedChannel(
        family.pattern.text, values, family.payload, is_private=family.is_private, is_known=True
    )


def write(pattern: str, values: Mapping[str, str | int]) -> Channel[Any]:
    """Put values into a pattern's open segments; the opposite of `parse`.

    A value may itself be a placeholder such as "{instrument}", or "*": the result is then a pattern, for
    `Client.on` and `Client.register`.

    Raises:
        UsageError: a value is missing, or can't be a segment, or is none of the words Deribit takes there,
            or is a currency or an index in the wrong case.
    """
    parsed = Pattern(pattern)
    for name in parsed.names:
        if name not in values:
            raise UsageError(f"channel {pattern}: no value for {name}")
        _check(pattern, name, values[name])
    return Channel(pattern.format_map(values))


def _check(pattern: str, name: str, value: str | int) -> None:
    if not isinstance(value, str | int):
        raise UsageError(f"channel {pattern}: {name} {value!r} is no name")
    segment = Pattern(str(value))  # raises where it can't be in a name
    if len(segment.segments) != 1 or value == ">":
        raise UsageError(f"channel {pattern}: {name} {value!r} is not one segment")
    if segment.names or segment.has_wildcard:
        return
    known = [str(word) for word in get_args(_WORDS.get(name))]
    if known and str(value) not in known:
        raise UsageError(f"channel {pattern}: {name} {value!r} is none of {', '.join(known)}")
    if str(value) != (spelt := _spelt(pattern, name, str(value))):
        raise UsageError(f"channel {pattern}: {name} {value!r} is spelt {spelt!r}")


def _spelt(pattern: str, name: str, value: str) -> str:
    # Deribit leaves out what is in the wrong case; a portfolio alone it finds by user.portfolio.btc too.
    match name:
        case "index_name":
            return value.lower()
        case "currency" if not pattern.endswith(".portfolio.{currency}"):
            return "any" if value.lower() == "any" else value.upper()
        case _:
            return value
