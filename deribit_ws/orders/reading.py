"""Reads of what private channels may have missed: orders, fills, positions and sums of the account.

Knows: which methods give them, their pages, and how long the exchange keeps what for quick reads. Must not
know: channels, or what was handed out. `recovery` makes one `Reader` per connection.
Source: docs.deribit.com, API reference (Trading, Account) and the article on historical orders and trades.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from deribit_ws.errors import AuthError, ProtocolError, RpcError
from deribit_ws.orderflow import Read
from deribit_ws.orderflow.keys import keyed, order_key, trade_key
from deribit_ws.wire.accounts import Portfolio
from deribit_ws.wire.errors import is_passing
from deribit_ws.wire.methods import Call

_PAGE = 1_000  # orders or fills in one answer: the most there are
_MOST_PAGES = 1_000  # a million orders; an exchange that never comes to an end must not hold us for ever
_RECENT_ORDERS_MS = 30 * 60 * 1000  # for so long quick reads have closed orders, then only the archive
_RECENT_TRADES_MS = 24 * 60 * 60 * 1000  # and fills
_AHEAD_MS = (
    60_000  # our reading of the exchange's time is behind by a network's delay: ask for what is newer too
)
_NOT_FOUND = 10004
_REFUSALS = 3  # in a row: one alone may be a slip of the exchange's, and would cost what it was to tell
_NOT_LOGGED_IN = 13009  # passes with the next login
_SUMS = frozenset(Portfolio.__struct_fields__)


@dataclass(frozen=True)
class Want:
    """What to read of one currency, from `since` (ms of the exchange's time) on."""

    since: int
    orders: bool = False
    trades: bool = False
    combos: bool = False


class Reader:
    """Reads on one connection.

    Args:
        call: calls a method on it.
        refused: told of reads that this login is refused for good; they count as empty.
    """

    def __init__(self, call: Call, refused: Callable[[RpcError], None]) -> None:
        self._call = call
        self._refused = refused
        self._refusals: Counter[str] = Counter()  # of each method in a row

    async def time(self) -> int:
        """Read the exchange's clock, in ms.

        Raises:
            CallError, ProtocolError: as all reads here.
        """
        answer = await self._call("public/get_time", {})
        if not isinstance(answer, int | float):
            raise ProtocolError(f"public/get_time gave {type(answer).__name__}")
        return int(answer)

    async def currency(self, currency: str, want: Want, now: int) -> Read:
        """Read orders and fills of a currency; `now` is the exchange's time."""
        orders, trades = [], []
        if want.orders:  # open ones first: what closes in between is then among the closed
            orders = await self._list("private/get_open_orders_by_currency", {"currency": currency})
            orders += await self._closed(currency, want.since, is_old=False)
            if now - want.since > _RECENT_ORDERS_MS:
                orders += await self._closed(currency, want.since, is_old=True)
        if want.trades:
            trades = await self._trades(currency, want.since, now, {})
            if now - want.since > _RECENT_TRADES_MS:
                trades += await self._trades(currency, want.since, now, {"historical": True})
        if want.combos:
            trades += await self._trades(currency, want.since, now, {"kind": "combo"})
        return Read(currency, [*keyed(orders, order_key)], [*keyed(trades, trade_key)])

    async def states(self, order_ids: list[str]) -> Read:
        """Read orders one by one; those the exchange no longer knows are left out."""
        answers = [await self._state(order_id) for order_id in order_ids]
        return Read(orders=[*keyed(filter(None, answers), order_key)])

    async def open_orders(self) -> list[Any]:
        """Read all open orders; raise what refuses it too."""
        return _within(await self._call("private/get_open_orders", {}), "orders", "private/get_open_orders")

    async def positions(self) -> list[dict[str, Any]]:
        """Read all positions."""
        found = await self._list("private/get_positions", {})
        return [p for p in found if isinstance(p, dict) and isinstance(p.get("instrument_name"), str)]

    async def portfolio(self, currency: str) -> Read:
        """Read the sums of a currency, or of all ("any"), as `user.portfolio` gives them."""
        if currency == "any":
            answer = await self._ask("private/get_account_summaries", {})
            summaries = _within(answer or {}, "summaries", "private/get_account_summaries")
        else:
            answer = await self._ask("private/get_account_summary", {"currency": currency})
            summaries = [] if answer is None else [answer]
        return Read(currency, portfolios=[_sums(summary) for summary in summaries])

    # --- pages

    async def _closed(self, currency: str, since: int, *, is_old: bool) -> list[Any]:
        params = {"currency": currency, "count": _PAGE, "include_old": True, "include_unfilled": True}
        if is_old:
            params["historical"] = True
        found: list[Any] = []
        for page_number in range(_MOST_PAGES):
            # By offset: what closes meanwhile moves the rest back, so some may come twice, none is left out.
            offset = page_number * _PAGE
            page = await self._list("private/get_order_history_by_currency", {**params, "offset": offset})
            found += page
            if len(page) < _PAGE or all(_is_before(order, since) for order in page):
                break
        return found

    async def _trades(self, currency: str, since: int, now: int, more: Mapping[str, Any]) -> list[Any]:
        common = {"currency": currency, "count": _PAGE, "sorting": "asc", **more}
        by_time = {**common, "start_timestamp": since, "end_timestamp": max(since, now) + _AHEAD_MS}
        method, params = "private/get_user_trades_by_currency_and_time", by_time
        found: list[Any] = []
        for _ in range(_MOST_PAGES):
            answer = await self._ask(method, params)
            page = [t for t in _within(answer or [], "trades", method) if _is_trade(t)]
            found += page
            if not page or not (isinstance(answer, dict) and answer.get("has_more")):
                break
            last = page[-1]
            if last["timestamp"] > params.get("start_timestamp", last["timestamp"]):
                params = {**params, "start_timestamp": last["timestamp"]}  # others of that ms may follow
            elif last["trade_id"] != params.get("start_id"):  # a page of one ms: ids go on
                method, params = (
                    "private/get_user_trades_by_currency",
                    {**common, "start_id": last["trade_id"]},
                )
            else:
                break
        return found

    async def _state(self, order_id: str) -> Any:
        try:
            return await self._ask("private/get_order_state", {"order_id": order_id})
        except RpcError as error:
            if error.code == _NOT_FOUND:
                return None
            raise

    async def _list(self, method: str, params: Mapping[str, Any]) -> list[Any]:
        answer = await self._ask(method, params)
        return [] if answer is None else _within(answer, "orders", method)

    async def _ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """Call a method; give None where it is refused for good: for want of rights, or again and again."""
        try:
            answer = await self._call(method, params)
        except RpcError as error:
            if is_passing(error.code) or error.code in (_NOT_LOGGED_IN, _NOT_FOUND):
                raise
            self._refusals[method] += 1
            if not isinstance(error, AuthError) and self._refusals[method] < _REFUSALS:
                raise
            self._refused(error)
            return None
        del self._refusals[method]
        return answer


def _within(answer: Any, name: str, method: str) -> list[Any]:
    """Give the list an answer is, or has under a name; some methods have been seen to answer both ways."""
    found = answer.get(name) if isinstance(answer, dict) else answer
    if not isinstance(found, list):
        raise ProtocolError(f"{method} gave no list but {type(answer).__name__}")
    return found


def _is_trade(value: Any) -> bool:
    return isinstance(value, dict) and {"timestamp", "trade_id"} <= value.keys()


def _is_before(order: Any, since: int) -> bool:
    updated = order.get("last_update_timestamp") if isinstance(order, dict) else None
    return isinstance(updated, int | float) and updated < since


def _sums(summary: Any) -> bytes:
    """Give a summary in the shape of a channel's message."""
    if not isinstance(summary, dict) or "currency" not in summary:
        raise ProtocolError("private/get_account_summary gave no summary")
    return msgspec.json.encode({name: cast(Any, summary[name]) for name in summary if name in _SUMS})
