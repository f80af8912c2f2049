"""Channel names: the patterns that stand for them, and the families they come in.

Knows: the grammar of channel names, and of each family its payload type and how it may be thinned
when a consumer is slow. Must not know: who listens or what is subscribed. `handlers` parses
patterns, `router` asks for the family of each new channel.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from deribit_ws.errors import UsageError
from deribit_ws.wire.market import (
    BookChange,
    GroupedBook,
    IndexPrice,
    PlatformState,
    PublicMethodsState,
    Quote,
    Ticker,
    Trade,
)

Values = Mapping[str, str | Sequence[str]]

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LITERAL = re.compile(r"[^\s.*>{}\"\\]+")


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


@dataclass(frozen=True, slots=True)
class Family:
    """What all channels of one pattern have in common.

    `payload` is the type `data` is decoded into, None for plain values. `is_state`: each message
    replaces the last one of its channel, so a slow consumer may be given only the newest.
    `is_private`: needs a login, and none of its messages may ever be dropped.
    """

    pattern: Pattern
    payload: Any = None
    is_state: bool = False
    is_private: bool = False
    is_known: bool = True


def _family(text: str, payload: Any = None, *, is_state: bool = False) -> Family:
    is_private = text.startswith(_PRIVATE)
    return Family(Pattern(text), payload, is_state=is_state, is_private=is_private)


_PRIVATE = ("user.", "block_trade_confirmations", "block_rfq.maker.", "block_rfq.taker.")

# Source: docs.deribit.com, subscriptions. The last group is Coinbase's retail deployment's only.
_FAMILIES = (
    _family("platform_state", PlatformState),
    _family("platform_state.public_methods_state", PublicMethodsState),
    _family("announcements"),
    _family("book.{instrument_name}.{interval}", BookChange),
    _family("book.{instrument_name}.{group}.{depth}.{interval}", GroupedBook, is_state=True),
    _family("ticker.{instrument_name}.{interval}", Ticker, is_state=True),
    _family("incremental_ticker.{instrument_name}"),
    _family("perpetual.{instrument_name}.{interval}", is_state=True),
    _family("quote.{instrument_name}", Quote, is_state=True),
    _family("trades.{instrument_name}.{interval}", list[Trade]),
    _family("trades.{kind}.{currency}.{interval}", list[Trade]),
    _family("chart.trades.{instrument_name}.{resolution}"),
    _family("deribit_price_index.{index_name}", IndexPrice, is_state=True),
    _family("deribit_price_ranking.{index_name}", is_state=True),
    _family("deribit_price_statistics.{index_name}", is_state=True),
    _family("deribit_volatility_index.{index_name}", is_state=True),
    _family("estimated_expiration_price.{index_name}", is_state=True),
    _family("markprice.options.{index_name}"),
    _family("instrument.creation.{kind}.{currency}"),
    _family("instrument.state.{kind}.{currency}"),
    _family("block_trade_confirmations"),
    _family("block_trade_confirmations.{currency}"),
    _family("block_rfq.maker.{currency}"),
    _family("block_rfq.taker.{currency}"),
    _family("block_rfq.maker.quotes.{currency}"),
    _family("block_rfq.trades.{currency}"),
    _family("user.access_log"),
    _family("user.lock"),
    _family("user.mmp_trigger.{index_name}"),
    _family("user.portfolio.{currency}"),
    _family("user.orders.{instrument_name}.{interval}"),
    _family("user.orders.{kind}.{currency}.{interval}"),
    _family("user.trades.{instrument_name}.{interval}"),
    _family("user.trades.{kind}.{currency}.{interval}"),
    _family("user.combo_trades.{instrument_name}.{interval}"),
    _family("user.combo_trades.{kind}.{currency}.{interval}"),
    _family("user.changes.{instrument_name}.{interval}"),
    _family("user.changes.{kind}.{currency}.{interval}"),
    _family("user.liquidation"),
    _family("user.isolated.liquidation"),
    _family("user.lsp"),
    _family("user.isolated.orders.{kind}.{currency}.{interval}"),
    _family("user.isolated.orders.{instrument_name}.{interval}"),
    _family("user.isolated.trades.{kind}.{currency}.{interval}"),
    _family("user.isolated.trades.{instrument_name}.{interval}"),
    _family("user.isolated.changes.{kind}.{currency}.{interval}"),
    _family("user.isolated.changes.{instrument_name}.{interval}"),
    _family("user.isolated.portfolio.{currency}"),
    _family("user.position_lock"),
    _family("user.trailing_orders.trigger_price.{currency}"),
)


def family_of(channel: str) -> Family:
    """Give the family of a channel; one of plain values, not `is_known`, where nobody knows it."""
    for family in _FAMILIES:
        if family.pattern.match(channel, {}) is not None:
            return family
    return Family(Pattern(">"), is_private=is_private(channel), is_known=False)


def families_meant(pattern: Pattern) -> list[Family]:
    """Give the families whose channels `pattern` can route; [] where nobody knows one."""
    return [family for family in _FAMILIES if _overlap(pattern.segments, family.pattern.segments)]


def is_private(channel: str) -> bool:
    """Tell whether a channel needs `private/subscribe`."""
    return channel.startswith(_PRIVATE)


def _overlap(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    if ours[-1] == ">":
        theirs = theirs[: len(ours)]
    if len(ours) != len(theirs):
        return False
    return all(a == b or _is_open(a) or _is_open(b) for a, b in zip(ours, theirs, strict=True))


def _is_open(segment: str) -> bool:
    return segment in ("*", ">") or segment.startswith("{")
