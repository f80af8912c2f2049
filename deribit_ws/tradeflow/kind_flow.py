"""The trades of all instruments of a kind and currency, those that are born meanwhile included.

Knows: that each instrument has a sequence of its own, and that what an unknown one traded can be found
by time alone. Must not know: how or when history is asked. `trades` makes one for
`client.trades(kind="option", currency="BTC")`. Each instrument's trades are handed out by trade_seq;
across instruments they come as they were received, or as history lists them.
"""

from collections.abc import Sequence as List
from dataclasses import dataclass, field

from deribit_ws.marks import Gap
from deribit_ws.tradeflow.doubt import Doubt
from deribit_ws.tradeflow.flow import Flow
from deribit_ws.tradeflow.requests import ByTime, HistoryCall, Request, newest_by, number_of
from deribit_ws.tradeflow.sequence import Sequence
from deribit_ws.wire.market import Trade

# How far instruments of one channel may be out of step. Feeds of single books were measured up to 1.6 s
# behind others; what is read twice for it is known by its trade_seq.
_OVERLAP_MS = 2_000


@dataclass(eq=False)
class _Span:
    """How far history was read in one currency: reads take one at a time."""

    currency: str
    since: int = 0  # ms; all before it was received
    start_id: str | None = None  # instead, where one millisecond has more trades than a page
    shown: int | None = None  # ms; how far history went when it was first read on this link
    entry: tuple[int, int] = (0, 0)  # time and number of the newest trade before the stream began
    doubt: Doubt = field(default_factory=Doubt)

    def is_after_entry(self, trade: Trade) -> bool:
        """Tell whether a trade was made since the stream began."""
        return (trade.timestamp, number_of(trade.trade_id)) > self.entry

    def move_on(self, last: Trade) -> None:
        """Read on from the last trade of a page."""
        is_stuck = last.timestamp <= self.since
        self.start_id = last.trade_id if is_stuck else None
        self.since = max(self.since, last.timestamp)


class KindFlow(Flow):
    """All instruments of a kind in some currencies. The rest as `Flow`.

    Of an instrument not met before nobody can tell which of its trades is the first to hand out. While
    there is no doubt it is the first that comes; in doubt it waits until history shows one of them.
    """

    def __init__(self, kind: str, currencies: List[str], *, maxsize: int, shows_gaps: bool = False) -> None:
        super().__init__(maxsize=maxsize, shows_gaps=shows_gaps)
        self._kind = kind
        self._currencies = tuple(currencies)
        self._spans: dict[str, _Span] = {}
        self._unplaced: dict[str, Sequence] = {}
        self._newest = 0  # ms; the time of the newest trade that came
        self._first: dict[str, int] = {}  # where an instrument began with a live trade, no read telling
        # From the end of a link to the second look on the next: who is met then may have been born meanwhile,
        # and its first trades not be in history yet.
        self._is_wary = False
        self._is_their_turn = True
        self._asked: set[str] = set()  # currencies, since some answer last brought nothing

    def beginnings(self) -> dict[str, HistoryCall]:
        """Give the calls that read the newest trades, by currency."""
        return {currency: newest_by(self._kind, currency) for currency in self._currencies}

    def begin(self, key: str, newest: List[Trade]) -> None:
        """Begin in one currency after the newest trades that history has."""
        entry = max(((t.timestamp, number_of(t.trade_id)) for t in newest), default=(0, 0))
        span = self._spans[key] = _Span(key, entry[0], entry=entry)
        last: dict[str, int] = {}
        for trade in newest:
            last[trade.instrument_name] = max(trade.trade_seq, last.get(trade.instrument_name, 0))
        for name, seq in last.items():
            if name not in self._sequences:
                self._sequences[name] = Sequence(name, seq + 1, late=True)
        if self._newest and self._newest < span.since:  # something may have been missed before this was read
            span.since = max(0, self._newest - _OVERLAP_MS)
            span.doubt.cast()

    @property
    def is_troubled(self) -> bool:
        """Tell whether something is to be asked, or waits."""
        return bool(self._blocked) or self._is_in_doubt

    @property
    def _is_in_doubt(self) -> bool:
        return any(span.doubt for span in self._spans.values())

    def live(self, trades: List[Trade]) -> None:
        """Take the trades of one message."""
        super().live(trades)
        if trades and trades[-1].timestamp > self._newest:
            self._newest = trades[-1].timestamp

    def doubt(self) -> None:
        """Have history asked for all since the newest trade that came, and somewhat before."""
        for span in self._spans.values():
            if not span.doubt:
                span.since = max(span.since, self._newest - _OVERLAP_MS)
                span.start_id = None
            span.doubt.cast()

    def part(self) -> None:
        """As `Flow`; strangers are placed by history alone until the second look."""
        self._is_wary = True
        for span in self._spans.values():
            span.shown = None
        self.doubt()

    def look_again(self) -> None:
        """As `Flow`, from where history ended when it was first read on this link."""
        self._is_wary = False
        self.doubt()
        for span in self._spans.values():
            if span.shown is not None:
                span.since = min(span.since, max(0, span.shown - _OVERLAP_MS))

    def refuse(self, request: Request) -> bool:
        """Take it that history won't ever answer this; tell whether that brought it on."""
        if not isinstance(request, ByTime):
            return super().refuse(request)
        self._spans[request.currency].doubt.settle()
        if not self._is_in_doubt:
            for sequence in list(self._unplaced.values()):
                self._declare_all(sequence)
        return False

    def _meet(self, trade: Trade) -> Sequence | None:
        name, seq = trade.instrument_name, trade.trade_seq
        sequence = self._sequences[name] = Sequence(name, None)
        if seq == 1 or not (self._is_in_doubt or self._is_wary or self._unplaced):
            sequence.next = self._first[name] = seq
        else:
            self._unplaced[name] = sequence
        return sequence

    def _place(self, sequence: Sequence, seq: int) -> None:
        self._unplaced.pop(sequence.instrument, None)
        super()._place(sequence, seq)

    def _declare(self, sequence: Sequence) -> None:
        if self._unplaced.pop(sequence.instrument, None):
            self._first[sequence.instrument] = min(sequence.held)
        super()._declare(sequence)

    def _tail(self) -> Request | None:
        # In turn with what single instruments lack: a read that brings nothing must not use up their time.
        self._is_their_turn = not self._is_their_turn and any(s.next is not None for s in self._blocked)
        if self._is_their_turn:
            return None
        if self._unplaced and not self._is_in_doubt:  # history is behind: it has not shown them yet
            for span in self._spans.values():
                span.doubt.cast()
        span_in_doubt = next((span for span in self._spans.values() if span.doubt), None)
        if span_in_doubt is None:
            return None
        # Another currency's turn comes first the next time, if this one fails.
        self._spans[span_in_doubt.currency] = self._spans.pop(span_in_doubt.currency)
        span_in_doubt.doubt.ask()
        return ByTime.within(
            self._kind, span_in_doubt.currency, span_in_doubt.since, span_in_doubt.start_id, self._room()
        )

    def _answer_by_time(self, request: ByTime, trades: List[Trade], is_more: bool) -> bool:
        span, before = self._spans[request.currency], self.recovered
        self._begin_strangers(span, trades)
        for trade in trades:
            sequence = self._sequences.get(trade.instrument_name)
            if sequence is not None and sequence.next is not None:
                self._recover(sequence, trade)
                self._regret(span, trade)
        if is_more:
            span.move_on(trades[-1])
        else:
            span.doubt.settle()
            if span.shown is None:
                span.shown = trades[-1].timestamp if trades else span.since
        if trades:
            self._newest = max(self._newest, trades[-1].timestamp)
        is_further = is_more or self.recovered > before
        if is_further:
            self.suspend()
        return is_further or self._has_others(request.currency)

    def _has_others(self, currency: str) -> bool:
        """Tell whether another currency's turn has not come since some answer last brought nothing."""
        self._asked.add(currency)
        if any(span.doubt and span.currency not in self._asked for span in self._spans.values()):
            return True
        self._asked.clear()
        return False

    def _regret(self, span: _Span, trade: Trade) -> None:
        """Declare lost what history shows too late: its instrument had to begin without it."""
        first = self._first.get(trade.instrument_name)
        if first is not None and trade.trade_seq < first and span.is_after_entry(trade):
            self._first[trade.instrument_name] = trade.trade_seq
            self._lose(Gap(trade.instrument_name, trade.trade_seq, first - 1))

    def _begin_strangers(self, span: _Span, trades: List[Trade]) -> None:
        """Let instruments not met before, or not placed yet, begin with the first of these trades."""
        first: dict[str, int] = {}
        for trade in trades:
            sequence = self._sequences.get(trade.instrument_name)
            if (sequence is None or sequence.next is None) and span.is_after_entry(trade):
                seq = first.get(trade.instrument_name, trade.trade_seq)
                first[trade.instrument_name] = min(seq, trade.trade_seq)
        for name, seq in first.items():
            if name not in self._sequences:
                self._sequences[name] = Sequence(name, seq)
            else:
                self._place(self._sequences[name], seq)
