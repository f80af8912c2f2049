"""One private channel across drops: each version of an order and each fill goes out once, in order.

Knows: what the channel has handed out, what it holds back, and since when it may lack something. Must not
know: where messages come from or go to, or what time it is. `orders` keeps one for each channel.

Live messages pass `sift`. While something may be missing they are held (`hold`), until what was missed has
been read and went out before them (`missed`, then `release`). Of those who listen, one that could not take a
message is owed it, and gets it alone from what is read.
"""

import math
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from deribit_ws.orderflow.keys import K, OrderKey, Read, TradeKey, order_key, trade_key
from deribit_ws.orderflow.memory import Seen
from deribit_ws.orderflow.owed import Owed
from deribit_ws.orderflow.scope import Content, Scope

_AT_ONCE = 100  # orders or fills in one recovered list: a consumer's queue counts bytes by message

OrderItem = tuple[OrderKey, msgspec.Raw]
TradeItem = tuple[TradeKey, msgspec.Raw]


class _Changes(msgspec.Struct, gc=False):
    """`user.changes.…`, its orders and fills as they came."""

    trades: list[msgspec.Raw] | None = None
    orders: list[msgspec.Raw] | None = None


_changes = msgspec.json.Decoder(_Changes).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.encode


class Feed:
    """What one channel has handed out, and what it holds back.

    Args:
        channel: its name.
        scope: what that says.

    Attributes:
        since: ms of the exchange's time: all up to then was handed out; None before the channel has begun.
        is_holding: whether live messages are to be held.
        newest: ms; when the last of what came live happened: all sent before that has arrived.
        dropped: how many orders and fills were known already, or overtaken.
    """

    def __init__(self, channel: str, scope: Scope) -> None:
        self.channel = channel
        self.scope = scope
        self.since: int | None = None
        self.is_holding = False
        self.newest = 0
        self.dropped = 0
        self._held: list[bytes] = []
        self._kept: list[bytes] = []  # held on links that are gone
        self._seen = Seen()
        self._owed: dict[Hashable, Owed] = {}  # by consumer

    def advance(self, since: int) -> None:
        """Take it that all up to a moment was handed out, but for what is owed."""
        self.since = since if self.since is None else max(self.since, since)
        self._reach_back()

    def _reach_back(self) -> None:
        if self.since is not None and self._owed:
            self.since = min(self.since, *(owed.since or self.since for owed in self._owed.values()))

    def open_ids(self) -> set[str]:
        """Give the ids of the orders that were open when the channel last told of them, or are owed."""
        owed = (id for owed in self._owed.values() for id in owed.order_ids())
        return {key.order_id for key in self._seen.orders.open()}.union(owed)

    def forget(self, order_ids: Iterable[str]) -> None:
        """Take it that nobody knows any more what became of some orders."""
        for order_id in order_ids:
            self._seen.orders.forget(order_id)

    # --- live messages

    def sift(self, data: bytes) -> bytes | None:
        """Give what is news of a live message, most often the message itself; None where nothing is.

        Raises:
            msgspec.DecodeError: it is not what the channel promises, or no JSON.
        """
        if self.scope.content is Content.PORTFOLIO:
            return data
        orders, trades = self._arrived(data)
        new_orders, new_trades = self._news(orders, self._seen.orders), self._news(trades, self._seen.trades)
        if len(new_orders) == len(orders) and len(new_trades) == len(trades):
            return data
        if not new_orders and not new_trades:
            return None
        if self.scope.content is Content.CHANGES:
            return _encode({**_fields(data), "orders": new_orders, "trades": new_trades})
        return _encode(new_orders or new_trades)

    def _arrived(self, data: bytes) -> tuple[list[OrderItem], list[TradeItem]]:
        orders, trades = self._items(data)
        for order, _ in orders:
            self.newest = max(self.newest, order.time)
        for trade, _ in trades:
            self.newest = max(self.newest, trade.time)
        return orders, trades

    def _items(self, data: bytes) -> tuple[list[OrderItem], list[TradeItem]]:
        orders: Iterable[msgspec.Raw] = ()
        trades: Iterable[msgspec.Raw] = ()
        if self.scope.content is Content.CHANGES:
            changes = _changes(data)
            orders, trades = changes.orders or (), changes.trades or ()
        else:
            items = _list(data) if data.startswith(b"[") else [msgspec.Raw(data)]
            orders, trades = (items, ()) if self.scope.has_orders else ((), items)
        return [(order_key(item), item) for item in orders], [(trade_key(item), item) for item in trades]

    def _news(self, items: Iterable[tuple[K, msgspec.Raw]], seen: Any) -> list[msgspec.Raw]:
        news = []
        for key, item in items:
            if seen.is_news(key):
                seen.note(key)
                news.append(item)
            else:
                self.dropped += 1
        return news

    # --- who could not take it

    @property
    def creditors(self) -> tuple[Hashable, ...]:
        """The consumers that are owed something."""
        return tuple(self._owed)

    def handed_out(self, data: bytes, *, refused: Collection[Hashable], is_for_all: bool) -> None:
        """Take it that a message went out, to all or to one, and who could not take it: these are owed it."""
        try:
            orders, trades = self._items(data) if self.scope.content is not Content.PORTFOLIO else ([], [])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # what can't be told from others can't be found again
        for who in refused:
            self._owed.setdefault(who, Owed(self._seen)).add(orders, trades)
        for who in self._owed.keys() - refused if is_for_all else ():
            self._owed[who].note(orders, trades)
        self._reach_back()

    def owed(self, who: Hashable, reads: Sequence[Read], *, until: int) -> Iterator[bytes]:
        """Give what a consumer is owed, as `missed`, which is to follow, gives what all missed."""
        self._owed[who].begin(until)
        if self.scope.content is not Content.PORTFOLIO:
            yield from self._messages(reads, until, self._owed[who])

    def settle(self) -> int:
        """Owe nobody any more what was read for, and not found; give how many orders and fills that were."""
        lost = sum(owed.settle() for owed in self._owed.values())
        self._owed = {who: owed for who, owed in self._owed.items() if owed}
        return lost

    # --- what is held

    def hold(self, data: bytes) -> None:
        """Keep a live message back; one that `sift` could not read is refused as there."""
        if self.scope.content is not Content.PORTFOLIO:
            self._arrived(data)
        self._held.append(data)

    @property
    def has_held(self) -> bool:
        """Whether anything is held, of this link or of those before."""
        return bool(self._held or self._kept)

    def cut(self) -> None:
        """Take it that the link is gone: what is held goes out with what is read on the next one."""
        if self.scope.content is not Content.PORTFOLIO:  # the next read gives the newest
            self._kept += self._held
        self._held = []

    def release(self) -> list[bytes]:
        """Hold no more: give what was held and is news, in its order; what was kept goes first."""
        held, self._held, self._kept = [*self._kept, *self._held], [], []
        self.is_holding = False
        return [news for news in map(self.sift, held) if news is not None]

    # --- what was missed

    def lacks(self, reads: Sequence[Read], *, until: int) -> bool:
        """Tell whether orders or fills were missed; see `missed`."""
        orders, trades = self._found(reads, until)
        return self._is_any_news(orders, trades, self._seen) or any(
            self._is_any_news(orders, trades, owed) for owed in self._owed.values()
        )

    def _is_any_news(
        self, orders: Iterable[OrderItem], trades: Iterable[TradeItem], had: Seen | Owed
    ) -> bool:
        return any(had.orders.is_news(key) for key, _ in orders) or any(
            had.trades.is_news(key) for key, _ in trades
        )

    def missed(self, reads: Sequence[Read], *, until: int) -> Iterator[bytes]:
        """Give what was missed up to a moment (ms), in order, as messages of this channel.

        What happened after `until` comes live: reads of two currencies, made one after the other, would
        disagree about it. It is noted as handed out message by message; live ones may pass meanwhile.
        """
        yield from self._messages(reads, until, self._seen)
        self._kept = []

    def _messages(self, reads: Sequence[Read], until: int, had: Seen | Owed) -> Iterator[bytes]:
        orders, trades = self._found(reads, until)
        match self.scope.content:
            case Content.PORTFOLIO:
                yield from (portfolio for read in reads for portfolio in read.portfolios)
            case Content.CHANGES:
                positions = {p["instrument_name"]: p for read in reads for p in read.positions}
                yield from self._missed_changes(orders, trades, positions, had)
            case Content.ORDERS if self.scope.is_single:
                yield from (bytes(order) for item in orders for order in self._news([item], had.orders))
            case Content.ORDERS:
                yield from self._in_lists(orders, had.orders)
            case _:
                yield from self._in_lists(trades, had.trades)

    def _in_lists(self, items: Sequence[tuple[K, msgspec.Raw]], seen: Any) -> Iterator[bytes]:
        for first in range(0, len(items), _AT_ONCE):
            if news := self._news(items[first : first + _AT_ONCE], seen):
                yield _encode(news)

    def _missed_changes(
        self,
        orders: Iterable[OrderItem],
        trades: Iterable[TradeItem],
        positions: dict[str, Any],
        had: Seen | Owed,
    ) -> Iterator[bytes]:
        """Give one message for each instrument, in the order of what was missed first of each."""
        by_name: dict[str, tuple[list[OrderItem], list[TradeItem]]] = {}
        for order in orders:
            by_name.setdefault(order[0].instrument_name, ([], []))[0].append(order)
        for trade in trades:
            by_name.setdefault(trade[0].instrument_name, ([], []))[1].append(trade)
        for name in sorted(by_name, key=lambda name: min(_first(items) for items in by_name[name])):
            its_orders, its_trades = by_name[name]
            message = {
                "trades": self._news(its_trades, had.trades),
                "positions": [positions[name]] if name in positions else [],
                "orders": self._news(its_orders, had.orders),
                "instrument_name": name,
            }
            if message["trades"] or message["orders"]:
                yield _encode(message)

    def _found(self, reads: Sequence[Read], until: int) -> tuple[list[OrderItem], list[TradeItem]]:
        """Give what of all that was read may have been missed here, and what other links left, in order."""
        orders, trades = [], []
        for data in self._kept:
            kept_orders, kept_trades = self._items(data)
            orders += kept_orders
            trades += kept_trades
        for read in reads:
            if self.scope.has_orders:
                orders += [item for item in read.orders if self._may_lack(item[0], read.currency, until)]
            if self.scope.has_trades:
                trades += [item for item in read.trades if self._is_due(item[0], read.currency, until)]
        return sorted(orders, key=lambda item: item[0].place), sorted(trades, key=lambda item: item[0].place)

    def _may_lack(self, key: OrderKey, currency: str, until: int) -> bool:
        if key.order_id in self._seen.orders:  # told of before: whatever became of it
            return key.time <= until
        return self._is_due(key, currency, until)

    def _is_due(self, key: OrderKey | TradeKey, currency: str, until: int) -> bool:
        is_within = self.since is not None and self.since <= key.time <= until
        return is_within and self.scope.covers(key.instrument_name, currency)


def _first(items: Sequence[OrderItem] | Sequence[TradeItem]) -> float:
    return items[0][0].time if items else math.inf
