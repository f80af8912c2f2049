"""What the name of a private channel says of its messages: what they carry, and of which instruments.

Knows: how Deribit writes these channels and instruments. Must not know: messages, or what was read.
`feed` asks it what belongs to a channel, `orders` which currencies to read.
Source: docs.deribit.com, user channels; instruments: BTC-PERPETUAL, ETH_USDC (spot), BTC-27NOV26-90000-C,
BTC-FS-27NOV26_PERP, BTC-CS-27NOV26-90000_95000.
"""

from dataclasses import dataclass
from enum import Enum
from typing import get_args

from deribit_ws.words import Currency

_ANY = "any"
_CURRENCIES: tuple[str, ...] = get_args(Currency)  # by which orders and fills can be read
_FUTURE_COMBOS = ("FS",)  # future spreads; all other combos are of options


class Content(Enum):
    """What the messages of a channel carry."""

    ORDERS = "orders"
    TRADES = "trades"
    COMBO_TRADES = "combo_trades"
    CHANGES = "changes"
    PORTFOLIO = "portfolio"


_CONTENTS = {content.value: content for content in Content}


@dataclass(frozen=True)
class Scope:
    """What a channel is about.

    Args:
        content: what its messages carry.
        instrument: the one it is about; "" where it is about many.
        kind: of the instruments, "any" for all.
        currency: of the instruments, "any" for all.
        is_single: whether a message is one object, where the others bring lists.
    """

    content: Content
    instrument: str = ""
    kind: str = _ANY
    currency: str = _ANY
    is_single: bool = False

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies to read for it. A spot pair is of both its sides."""
        if self.instrument:
            return _settled_in(self.instrument)
        return _CURRENCIES if self.currency == _ANY else (self.currency,)

    @property
    def has_orders(self) -> bool:
        """Whether its messages carry orders."""
        return self.content in (Content.ORDERS, Content.CHANGES)

    @property
    def has_trades(self) -> bool:
        """Whether its messages carry fills."""
        return self.content in (Content.TRADES, Content.COMBO_TRADES, Content.CHANGES)

    def covers(self, instrument: str, currency: str) -> bool:
        """Tell whether an instrument, that came up in what was read of a currency, belongs to the channel."""
        if self.instrument:
            return instrument == self.instrument
        kind = _kind_of(instrument)
        if self.content is Content.COMBO_TRADES and not kind.endswith("_combo"):
            return False
        return self._has_kind(kind) and self.currency in (_ANY, currency)

    def _has_kind(self, kind: str) -> bool:
        return self.kind in (_ANY, kind) or (self.kind == "combo" and kind.endswith("_combo"))


def scope_of(channel: str) -> Scope | None:
    """Read a channel's name; None unless its messages are orders, fills or sums that can be read as well."""
    user, *rest = channel.split(".")
    content = _CONTENTS.get(rest[0]) if rest and user == "user" else None
    match content, rest[1:]:
        case Content.PORTFOLIO, [currency]:
            return Scope(Content.PORTFOLIO, currency=_as_read(currency), is_single=True)
        case None | Content.PORTFOLIO, _:
            return None
        case _, [instrument, interval]:
            return Scope(content, instrument=instrument, is_single=_is_single(content, interval))
        case _, [kind, currency, interval]:
            return Scope(content, "", kind, _as_read(currency), _is_single(content, interval))
        case _:
            return None


def _as_read(currency: str) -> str:
    return _ANY if currency.lower() == _ANY else currency.upper()


def _is_single(content: Content, interval: str) -> bool:
    return content is Content.CHANGES or (content is Content.ORDERS and interval == "raw")


def _settled_in(instrument: str) -> tuple[str, ...]:
    base, dash, _ = instrument.partition("-")
    sides = tuple(base.upper().split("_"))
    return sides[-1:] if dash else sides


def _kind_of(instrument: str) -> str:
    base, *rest = instrument.split("-")
    match rest:
        case []:
            return "spot" if "_" in base else _ANY
        case [_]:
            return "future"
        case [_, _, "C" | "P"]:
            return "option"
        case [code, *_]:
            return "future_combo" if code in _FUTURE_COMBOS else "option_combo"
        case _:
            return _ANY
