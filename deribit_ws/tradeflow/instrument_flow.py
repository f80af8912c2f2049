"""The trades of one instrument.

Knows: that everything after the last trade handed out can be asked for by its trade_seq. Must not
know: how, or when. `trades` makes one for `client.trades("BTC-PERPETUAL")`.
"""

from collections.abc import Sequence as List

from deribit_ws.tradeflow.doubt import Doubt
from deribit_ws.tradeflow.flow import Flow
from deribit_ws.tradeflow.requests import BySeq, ByTime, HistoryCall, Request, newest_of
from deribit_ws.tradeflow.sequence import Sequence
from deribit_ws.wire.market import Trade


class InstrumentFlow(Flow):
    """One instrument; trades of others are left out. The rest as `Flow`."""

    def __init__(self, instrument: str, *, maxsize: int, shows_gaps: bool = False) -> None:
        super().__init__(maxsize=maxsize, shows_gaps=shows_gaps)
        self._instrument = instrument
        self._doubt = Doubt()
        self._has_parted = False
        self._settled_at: int | None = None  # the next trade_seq when history last had no more
        self._is_bare = False  # history had no trade on entering: what it shows later came since

    def beginnings(self) -> dict[str, HistoryCall]:
        """Give the call that reads the newest trade."""
        return {self._instrument: newest_of(self._instrument)}

    def begin(self, key: str, newest: List[Trade]) -> None:
        """Begin after the newest trade that history has; unless a live one came before that."""
        if self._sequences:
            return
        self._is_bare = not newest
        if newest:
            last = max(t.trade_seq for t in newest)
            self._sequences[self._instrument] = Sequence(self._instrument, last + 1, late=True)

    @property
    def has_begun(self) -> bool:
        """Tell whether a live trade has said where it begins."""
        return bool(self._sequences)

    @property
    def is_troubled(self) -> bool:
        """Tell whether something is to be asked, or waits."""
        return bool(self._blocked or self._doubt)

    def doubt(self) -> None:
        """Have history asked for all after the last trade handed out."""
        self._doubt.cast()

    def part(self) -> None:
        """As `Flow`."""
        self._has_parted = True
        self.doubt()

    def look_again(self) -> None:
        """As `Flow`, where a link was lost and no later trade has shown that nothing was missed."""
        sequence = self._sequences.get(self._instrument)
        if self._has_parted and (sequence is None or sequence.next == self._settled_at):
            self.doubt()

    def refuse(self, request: Request) -> bool:
        """Take it that history won't ever answer this; tell whether that brought it on."""
        self._doubt.settle()
        return super().refuse(request)

    def _meet(self, trade: Trade) -> Sequence | None:
        if trade.instrument_name != self._instrument:
            return None
        # Where history had none, none was made before: all that it shows now are due. If it was merely
        # behind, some from before the beginning come as well.
        is_first = not self._is_bare or trade.trade_seq == 1
        sequence = Sequence(self._instrument, trade.trade_seq if is_first else None)
        self._sequences[self._instrument] = sequence
        return sequence

    def _tail(self) -> Request | None:
        sequence = self._sequences.get(self._instrument)
        next = sequence.next if sequence is not None else None
        is_wanted = self._doubt or (sequence is not None and next is None)
        if not is_wanted or (next is None and not self._is_bare):
            return None
        self._doubt.ask()
        return self._from_next(self._instrument, next or 1)

    def _answer_by_seq(self, request: BySeq, trades: List[Trade], is_more: bool) -> bool:
        sequence = self._sequences.get(self._instrument)
        if sequence is None or sequence.next is None:
            if not trades:
                self._doubt.settle()
                return False
            sequence = self._sequences.setdefault(self._instrument, Sequence(self._instrument, None))
            self._place(sequence, trades[0].trade_seq)
        return super()._answer_by_seq(request, trades, is_more)

    def _settled(self, request: BySeq) -> None:
        self._doubt.settle()
        self._settled_at = self._sequences[self._instrument].next

    def _answer_by_time(self, request: ByTime, trades: List[Trade], is_more: bool) -> bool:
        raise AssertionError("never asked")
