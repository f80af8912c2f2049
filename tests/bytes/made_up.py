"""Books and trades made up of bytes, and what must hold of whatever is made of them.

Knows: the rules of a book and of a flow, in its own words. Must not know: frames, channels, links. Few
prices, numbers and times are used, so that chance lets messages fit each other often.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from deribit_ws.errors import BookGap
from deribit_ws.marks import Gap
from deribit_ws.orderbook import OrderBook
from deribit_ws.tradeflow import BadAnswer, BySeq, Flow, InstrumentFlow, KindFlow
from deribit_ws.wire.market import BookChange, Level, Trade

NAME = "BTC-PERPETUAL"
NAMES = (NAME, "ETH-PERPETUAL", "BTC-25DEC26")
ODD = (float("nan"), float("inf"), -float("inf"), -0.0, 1e308, -1.0)
HUGE = 2**63 - 1


class Dice:
    """Small numbers out of bytes; zeros once they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def roll(self, sides: int) -> int:
        self._at += 1
        return self._data[self._at - 1] % sides if self._at <= len(self._data) else 0


# --- books


def played_book(data: bytes) -> OrderBook:
    """Feed a book with messages; whenever it is valid, compare it with a plain one."""
    dice, book = Dice(data), OrderBook(NAME)
    sides: dict[str, dict[float, float]] = {"bids": {}, "asks": {}}
    while dice:
        change = _change(dice, book.change_id)
        try:
            taken = book.apply(change)
        except BookGap as error:
            assert str(error) and not book.valid
            taken = False
        if taken:
            if change.is_snapshot:
                sides = {"bids": {}, "asks": {}}
            for side, levels in sides.items():
                for _, price, amount in getattr(change, side):
                    levels[price] = amount
            _check_book(book, sides)
        elif not book.valid:
            assert not (book.bids or book.asks or book.best_bid or book.best_ask)
    return book


def _check_book(book: OrderBook, sides: dict[str, dict[float, float]]) -> None:
    bids = sorted((level for level in sides["bids"].items() if level[1]), reverse=True)
    asks = sorted(level for level in sides["asks"].items() if level[1])
    assert book.valid and (list(book.bids), list(book.asks)) == (bids, asks)
    assert not (bids and asks and bids[0][0] >= asks[0][0]), "a valid book is crossed"


def _change(dice: Dice, last: int | None) -> BookChange:
    kind = dice.roll(8)
    change_id = (last or 0) + dice.roll(4) - (dice.roll(3) == 2) * 2
    return BookChange(
        timestamp=dice.roll(5),
        type=("snapshot", "change", "change", "change", "change", "", "odd", "snapshot")[kind],
        change_id=HUGE if kind == 7 and dice.roll(9) == 8 else change_id,
        instrument_name=NAME,
        bids=_levels(dice, 100),
        asks=_levels(dice, 103),
        prev_change_id=None if kind in (0, 5) else (last or 0) + (dice.roll(16) == 15),
    )


def _levels(dice: Dice, base: int) -> list[Level]:
    levels: list[Level] = []
    for _ in range(dice.roll(4)):
        price: float = base + dice.roll(8) - 4
        amount: float = dice.roll(4)
        if dice.roll(40) == 39:
            price, amount = ODD[dice.roll(6)], ODD[dice.roll(6)]
        levels.append((("new", "change", "delete")[dice.roll(3)], price, amount))
    if dice.roll(251) == 250:  # seldom: it takes a hundred times as long
        levels += [("new", base - 200.0 + n % 600 / 4, 1.0) for n in range(700)]
    return levels


# --- trades


def played_trades(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Feed a flow with live trades and with history's answers; give what it wants to ask."""
    dice = Dice(data)
    most = 4 + dice.roll(12)
    flow: Flow = (
        InstrumentFlow(NAME, maxsize=most, shows_gaps=True)
        if dice.roll(2)
        else KindFlow("any", ["BTC", "ETH"], maxsize=most, shows_gaps=True)
    )
    if dice.roll(3):
        for key, (method, params) in flow.beginnings().items():
            yield method, params
            flow.begin(key, _trades(dice))
    referee, now = _Referee(), 0.0
    while dice:
        now += 1
        yield from _play(dice, flow, now)
        referee.look(flow, reads=bool(dice.roll(4)))
    flow.finish()
    referee.look(flow, reads=True)


def _play(dice: Dice, flow: Flow, now: float) -> Iterator[tuple[str, dict[str, Any]]]:
    match dice.roll(8):
        case 0 | 1 | 2:
            flow.live(_trades(dice))
        case 3 | 4:
            request = flow.wanted()
            if request is None:
                return
            yield request.method, request.params
            try:
                flow.answer(request, _trades(dice), (None, True, False)[dice.roll(3)])
            except BadAnswer as bad:
                assert str(bad)
        case 5:
            request = flow.wanted()
            if request is not None and dice.roll(2):
                flow.refuse(request)
            elif isinstance(request, BySeq):  # as it should be
                some = [_trade(NAME, request.start_seq + n, 5) for n in range(dice.roll(5))]
                if request.instrument == NAME:
                    flow.answer(request, some)
        case 6:
            (flow.doubt, flow.part, flow.look_again, flow.suspend)[dice.roll(4)]()
        case _:
            flow.due(now, 2.0)
            flow.give_up(now, 2.0)


def _trades(dice: Dice) -> list[Trade]:
    return [_trade(NAMES[dice.roll(3)], _seq(dice), dice.roll(200)) for _ in range(dice.roll(5))]


def _seq(dice: Dice) -> int:
    return (HUGE, -HUGE, 0, 10**6)[dice.roll(4)] if dice.roll(64) == 63 else dice.roll(24)


def _trade(name: str, seq: int, tenths: int) -> Trade:
    return Trade(
        timestamp=tenths * 100,
        price=1.0,
        amount=1.0,
        direction="buy",
        instrument_name=name,
        trade_seq=seq,
        trade_id=("", "-", "ETH-5", "5", "٣", "²")[seq % 6],
    )


class _Referee:
    """Watches what comes out of a flow: per instrument each number once, upwards, unless it began anew."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._anew: Counter[str] = Counter()  # beginnings told of, whose trades may not have been read yet

    def look(self, flow: Flow, *, reads: bool) -> None:
        self._anew.update(instrument for instrument, _ in flow.restarts)
        flow.restarts.clear()
        for gap in flow.gaps:
            assert gap.first <= gap.last, gap
        flow.gaps.clear()
        while reads and flow.ready:
            item = flow.take()
            if not isinstance(item, Trade):
                assert isinstance(item, Gap)
                continue
            name, seq = item.instrument_name, item.trade_seq
            if name in self._last and seq <= self._last[name]:
                assert self._anew[name], f"{seq} after {self._last[name]} of {name}"
                self._anew[name] -= 1
            self._last[name] = seq
