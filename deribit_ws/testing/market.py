"""The simulated market: indices that wander, books that change, trades with their numbers.

Knows: instruments, their books, prices and days. Must not know: channels, connections, whose an
order is, real time: it moves when told, with the chance and the clock it was given. `exchange` steps
it; `engine` puts users' orders into it; listeners hear each `BookEvent` at once; `payloads` reads
its states.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import assert_never

from deribit_ws.testing.book import Book, Direction, Fill, LevelChange, SideName
from deribit_ws.testing.crowd import Cancel, Limit, Order, Take, next_order, quote
from deribit_ws.testing.events import BookEvent, Listener, Trade
from deribit_ws.testing.instruments import START_PRICES, Instrument
from deribit_ws.testing.level_queue import Resting
from deribit_ws.testing.numbering import Numbering
from deribit_ws.testing.options import YEAR, Valuation, value

VOLATILITY = {"BTC": 0.55, "ETH": 0.75}  # a year, of the index
CARRY = 0.05  # a year: how far a dated future stands above its index
BASIS = 0.0004  # typical distance of a perpetual from its index, as a fraction
WARM_UP_STEPS = 40  # so that the first client finds books and past trades
HISTORY = 50_000  # trades per instrument that get_last_trades can still answer
TRADED = "open"  # the only state in which anybody may trade


class Line:
    """One instrument as it stands: its book, its prices and its day."""

    def __init__(self, instrument: Instrument, *, trade_seq: int, history: int) -> None:
        self.instrument = instrument
        self.book = Book()
        self.change_id = 0
        self.timestamp = 0
        self.mark_price = 0.0
        self.forward = 0.0  # USD; what an option's price is a fraction of
        self.valuation: Valuation | None = None
        self.mark_iv = 0.0  # percent
        self.next_trade_seq = trade_seq
        self.trades: deque[Trade] = deque(maxlen=history)
        self.open_price: float | None = None
        self.high: float | None = None
        self.low: float | None = None
        self.volume = 0.0  # base coin
        self.turnover = 0.0  # quote currency
        self.tick_direction = 0
        self.state = TRADED

    @property
    def last_price(self) -> float | None:
        """The price of the last trade, None before the first."""
        return self.trades[-1].price if self.trades else None

    def record(self, trade: Trade) -> None:
        """Take a trade into the history and the statistics of the day."""
        self.trades.append(trade)
        self.open_price = trade.price if self.open_price is None else self.open_price
        self.high = max(trade.price, self.high or trade.price)
        self.low = min(trade.price, self.low or trade.price)
        inverse = self.instrument.quote == "USD"
        self.volume += trade.amount / trade.price if inverse else trade.amount
        self.turnover += trade.amount if inverse else trade.amount * trade.price


class Market:
    """All lines and what drives them.

    `wall_clock` gives seconds since the epoch; `step_seconds` is how much time one step stands for;
    `history` how many trades of each instrument can still be asked for.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        *,
        rng: Random,
        wall_clock: Callable[[], float],
        step_seconds: float,
        history: int = HISTORY,
    ) -> None:
        self._rng = rng
        self._wall_clock = wall_clock
        self._step_seconds = step_seconds
        self._listeners: list[Listener] = []
        self.indices: dict[str, float] = {}
        self._coins = dict(START_PRICES)
        self.history = history
        self.lines = {
            one.name: Line(one, trade_seq=rng.randrange(10_000, 300_000_000), history=history)
            for one in instruments
        }
        self.expired: dict[str, Line] = {}
        self._numbers = Numbering(rng)
        for line in self.lines.values():
            line.timestamp = self.now_ms()
        self._revalue()
        for _ in range(WARM_UP_STEPS):
            self.step()

    def listen(self, listener: Listener) -> None:
        """Have every later event told to `listener`, in the call that makes it."""
        self._listeners.append(listener)

    def __getitem__(self, name: str) -> Line:
        return self.lines[name]

    def __contains__(self, name: object) -> bool:
        return name in self.lines

    def open(self, instrument: Instrument) -> Line:
        """List an instrument: its book is empty until the crowd comes."""
        line = self.lines[instrument.name] = Line(instrument, trade_seq=1, history=self.history)
        line.timestamp = self.now_ms()
        self._mark(line, self._wall_clock())
        return line

    def close(self, name: str) -> Line:
        """Take an instrument off the list; what it was can still be read in `expired`."""
        line = self.expired[name] = self.lines.pop(name)
        return line

    def now_ms(self) -> int:
        """The clock as the wire shows it."""
        return int(self._wall_clock() * 1000)

    def step(self) -> None:
        """Let the indices move and the crowd act once."""
        self._move_indices()
        self._revalue()
        for line in self.lines.values():
            for _ in range(self._due(line.instrument.activity)):
                if line.state == TRADED:
                    self._act(line)
            if line.instrument.perpetual and line.state == TRADED:
                self._quote(line)

    def place(self, name: str, direction: Direction | str, *, price: float, amount: float) -> BookEvent:
        """Put in a limit order of the crowd's by hand; amounts in the instrument's unit.

        It matches whatever it crosses, users' orders too.
        """
        line = self.lines[name]
        lots = round(amount / line.instrument.min_trade_amount)
        return self._execute(line, Limit(Direction(direction), line.instrument.ticks(price), lots))

    def take(self, name: str, direction: Direction | str, *, amount: float) -> BookEvent:
        """Put in a market order of the crowd's by hand, which takes any price, and users' orders too."""
        line = self.lines[name]
        lots = round(amount / line.instrument.min_trade_amount)
        return self._execute(line, Take(Direction(direction), lots))

    def enter(
        self, line: Line, direction: Direction, ticks: int | None, lots: int, order: Resting, *, rests: bool
    ) -> BookEvent:
        """Put in a user's order, which rests as `order` where it does not match and `rests`."""
        changes, fills = line.book.submit(direction, ticks, lots, order=order, rests=rests)
        return self._announce(line, changes, [(fill, self._trade(line, direction, fill)) for fill in fills])

    def shrink(self, line: Line, side: SideName, ticks: int, order: Resting, lots: int) -> BookEvent:
        """Take lots of a user's resting order out of the book, all of them or some."""
        return self._announce(line, [line.book.side(side).shrink(ticks, order, lots)], [])

    def _due(self, activity: float) -> int:
        whole = int(activity)
        return whole + (self._rng.random() < activity - whole)

    def _move_indices(self) -> None:
        for coin, volatility in VOLATILITY.items():
            spread = volatility * math.sqrt(self._step_seconds / YEAR)
            self._coins[coin] *= math.exp(self._rng.gauss(0.0, spread))

    def _revalue(self) -> None:
        for coin, price in self._coins.items():
            self.indices[f"{coin.lower()}_usd"] = round(price, 2)
            self.indices[f"{coin.lower()}_usdc"] = round(price * 1.0001, 4)
        now = self._wall_clock()
        for line in self.lines.values():
            self._mark(line, now)

    def _mark(self, line: Line, now: float) -> None:
        instrument = line.instrument
        index = self.indices[instrument.price_index]
        if instrument.perpetual:
            line.mark_price = round(index * (1 + BASIS * math.sin(now / 600)), 4)
            return
        years = (instrument.expiration_timestamp / 1000 - now) / YEAR
        forward = line.forward = index * math.exp(CARRY * years)
        if instrument.strike is None or instrument.option_type is None:
            line.mark_price = round(forward, 4)
            return
        line.mark_iv = round(smile(VOLATILITY[instrument.base], instrument.strike / forward), 2)
        line.valuation = value(
            instrument.option_type,
            forward=forward,
            strike=instrument.strike,
            years=years,
            volatility=line.mark_iv / 100,
        )
        line.mark_price = round(line.valuation.price / forward, 8)

    def _act(self, line: Line) -> None:
        mark = line.instrument.ticks(line.mark_price)
        self._execute(line, next_order(line.instrument, line.book, mark, self._rng))

    def _quote(self, line: Line) -> None:
        """Quote a side that was swept: a perpetual, which makers never leave, is not one-sided for long."""
        mark, bids, asks = line.instrument.ticks(line.mark_price), line.book.bids, line.book.asks
        for side, other in ((bids, asks), (asks, bids)):
            if not len(side):
                self._execute(line, quote(line.instrument, side, other, mark, self._rng))

    def _execute(self, line: Line, order: Order) -> BookEvent:
        match order:
            case Limit(direction, ticks, lots):
                changes, fills = line.book.submit(direction, ticks, lots)
            case Take(direction, lots, ticks):
                changes, fills = line.book.submit(direction, ticks, lots, rests=False)
            case Cancel(side, ticks, lots):
                return self._announce(line, line.book.side(side).withdraw(ticks, lots), [])
            case _:
                assert_never(order)
        return self._announce(line, changes, [(fill, self._trade(line, direction, fill)) for fill in fills])

    def _announce(
        self, line: Line, changes: list[LevelChange], trades: list[tuple[Fill, Trade]]
    ) -> BookEvent:
        before = line.change_id
        line.timestamp = max(line.timestamp, self.now_ms())
        if changes:
            line.change_id = self._numbers.change_id(line.instrument)
        event = BookEvent(
            line.instrument.name,
            line.timestamp,
            before,
            line.change_id,
            tuple(changes),
            tuple(trade for _, trade in trades),
            tuple(fill.maker for fill, _ in trades),
        )
        if changes:
            for listener in self._listeners:
                listener(event)
        return event

    def _trade(self, line: Line, direction: Direction, fill: Fill) -> Trade:
        instrument = line.instrument
        price = instrument.price(fill.ticks)
        amount = instrument.amount(fill.lots)
        trade = Trade(
            timestamp=self.now_ms(),
            price=price,
            amount=amount,
            direction=direction.value,
            index_price=self.indices[instrument.price_index],
            instrument_name=instrument.name,
            trade_seq=line.next_trade_seq,
            mark_price=line.mark_price,
            tick_direction=tick_direction(line, price),
            contracts=round(amount / instrument.contract_size, 8),
            iv=line.mark_iv if instrument.kind == "option" else None,
            trade_id=self._numbers.trade_id(instrument),
        )
        line.next_trade_seq += 1
        line.record(trade)
        return trade


def smile(at_the_money: float, moneyness: float) -> float:
    """Implied volatility in percent: higher the further strike/forward is from 1."""
    return 100 * at_the_money * (1 + 0.5 * math.log(moneyness) ** 2)


def tick_direction(line: Line, price: float) -> int:
    """0 plus, 1 zero-plus, 2 minus, 3 zero-minus, against the last trade."""
    last = line.last_price
    if last is None or price > last:
        line.tick_direction = 0
    elif price < last:
        line.tick_direction = 2
    else:
        line.tick_direction |= 1
    return line.tick_direction
