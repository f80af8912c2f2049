"""What is asked of history, as values, and whether an answer can be one to it.

Knows: the methods that read past trades, their parameters and their limits. Must not know: how calls
are made, or what the trades are for. Source: facts of docs.deribit.com, the get_last_trades methods:
bounds are inclusive, and only a sorting that is asked for can be relied on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from deribit_ws.errors import ProtocolError
from deribit_ws.wire.market import Trade

PAGE = 1000  # trades; the most that one answer gives
_LEAST_BY_TIME = 10  # a page by time begins with trades that the last one ended with


class BadAnswer(ProtocolError):
    """History answered something that can't be an answer to what was asked."""


@dataclass(frozen=True, slots=True)
class BySeq:
    """An instrument's trades from `start_seq` on, the oldest first, `count` at most."""

    instrument: str
    start_seq: int
    count: int = PAGE

    method = "public/get_last_trades_by_instrument"

    @property
    def params(self) -> dict[str, Any]:
        """What the method is given."""
        return {
            "instrument_name": self.instrument,
            "start_seq": self.start_seq,
            "count": self.count,
            "sorting": "asc",
        }

    def check(self, trades: Sequence[Trade]) -> None:
        """Raise BadAnswer unless these are trades of the instrument, in order, none before the first."""
        last = self.start_seq - 1
        for trade in trades:
            if trade.instrument_name != self.instrument or trade.trade_seq <= last:
                raise BadAnswer(f"{self.method}: {_named(trade)} does not belong after {last}")
            last = trade.trade_seq


@dataclass(frozen=True, slots=True)
class ByTime:
    """The trades of a kind and currency from a time (ms) on, the oldest first.

    `start_id`, where given, stands instead of the time: more trades than a page holds share one.
    """

    kind: str
    currency: str
    start_timestamp: int
    start_id: str | None = None
    count: int = PAGE

    method = "public/get_last_trades_by_currency"

    @classmethod
    def within(cls, kind: str, currency: str, since: int, start_id: str | None, room: int) -> "ByTime":
        """Ask for no more than there is room for, but for enough to get on."""
        return cls(kind, currency, since, start_id, max(room, _LEAST_BY_TIME))

    @property
    def params(self) -> dict[str, Any]:
        """What the method is given."""
        start: dict[str, Any] = (
            {"start_timestamp": self.start_timestamp}
            if self.start_id is None
            else {"start_id": self.start_id}
        )
        kind = {} if self.kind == "any" else {"kind": self.kind}
        return {"currency": self.currency, **kind, **start, "count": self.count, "sorting": "asc"}

    def check(self, trades: Sequence[Trade]) -> None:
        """Raise BadAnswer where they begin too early, or the newest comes first."""
        if not trades:
            return
        earliest = self.start_timestamp if self.start_id is None else 0
        if trades[0].timestamp > trades[-1].timestamp or min(t.timestamp for t in trades) < earliest:
            raise BadAnswer(f"{self.method}: not the trades since {earliest}, the oldest first")


Request: TypeAlias = BySeq | ByTime
HistoryCall: TypeAlias = tuple[str, dict[str, Any]]  # a method and its parameters


def newest_of(instrument: str) -> HistoryCall:
    """Give the call that reads an instrument's newest trade."""
    return BySeq.method, {"instrument_name": instrument, "count": 1, "sorting": "desc"}


def newest_by(kind: str, currency: str) -> HistoryCall:
    """Give the call that reads the newest trades of a kind and currency: a page names many instruments."""
    params: dict[str, Any] = {"currency": currency, "count": PAGE, "sorting": "desc"}
    return ByTime.method, params if kind == "any" else params | {"kind": kind}


def number_of(trade_id: str) -> int:
    """Give the rising part of a trade id, 0 where it has none: "ETH-2696097" is 2,696,097."""
    number = trade_id.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _named(trade: Trade) -> str:
    return f"trade {trade.trade_seq} of {trade.instrument_name}"
