"""What flows have in common: trades in, live or from history; trades and gaps out, each once, in order.

Knows: the sequences of its instruments, what is ready, what is held, and what history was asked. Must
not know: how it is asked, who reads. Both what is ready and what is held is bounded: beyond it live
trades are not kept, and are had from history when there is room again.
"""

from collections import deque
from collections.abc import Sequence as List

from deribit_ws.marks import Gap, Mark
from deribit_ws.tradeflow.requests import PAGE, BadAnswer, BySeq, ByTime, HistoryCall, Request
from deribit_ws.tradeflow.sequence import Sequence
from deribit_ws.wire.market import Trade

# Answers in a row that begin with later trades before the missing ones are believed to be gone: one may
# come from a part of the exchange that is behind, and a second costs one call in the rarest of cases.
_DENIALS = 2


class Flow:
    """Base of the flows.

    Args:
        maxsize: trades ready for the reader at most, and trades held at most.
        shows_gaps: put gaps among what is ready.

    Attributes:
        ready: what the reader takes next; the marks in it were put there from outside, and gaps.
        gaps: declared, and not told yet; whoever tells them clears it.
        restarts: instruments whose numbers began anew, and with which; the same.
        lost: trades declared lost. recovered: trades that history gave. duplicates: copies of live
            trades that were dropped.
    """

    def __init__(self, *, maxsize: int, shows_gaps: bool = False) -> None:
        self.ready: deque[Trade | Mark] = deque()
        self.gaps: list[Gap] = []
        self.restarts: list[tuple[str, int]] = []
        self.lost = self.recovered = self.duplicates = 0
        self._maxsize: float = maxsize
        self._shows_gaps = shows_gaps
        self._sequences: dict[str, Sequence] = {}
        self._held = 0
        # Sequences with a hole, the longest blocked first, and since when (None: not counted yet).
        self._blocked: dict[Sequence, float | None] = {}
        self._stalled: dict[Sequence, None] = {}  # those that lack nothing but room

    # --- where it begins

    def beginnings(self) -> dict[str, HistoryCall]:
        """Give the calls that read the newest trades, each by what `begin` is to be told with its answer."""
        raise NotImplementedError

    def begin(self, key: str, newest: List[Trade]) -> None:
        """Begin after these, where no live one came before them."""
        raise NotImplementedError

    @property
    def has_begun(self) -> bool:
        """Tell whether a live trade has said where it begins."""
        return False

    # --- in

    def live(self, trades: List[Trade]) -> None:
        """Take the trades of one message."""
        ready, sequences, most = self.ready, self._sequences, self._maxsize
        for trade in trades:
            sequence = sequences.get(trade.instrument_name) or self._meet(trade)
            if sequence is None:
                continue
            seq = trade.trade_seq
            if seq == sequence.next and not sequence.held and len(ready) < most:
                ready.append(trade)
                sequence.next = seq + 1
                sequence.newest = trade.timestamp
            else:
                self._take_in(sequence, trade)

    def answer(self, request: Request, trades: List[Trade], has_more: object = None) -> bool:
        """Take what history answered; tell whether that brought it on.

        Raises:
            BadAnswer: it can't be an answer to this request; nothing was taken of it.
        """
        request.check(trades)
        is_more = has_more if isinstance(has_more, bool) else len(trades) >= request.count
        if is_more and not trades:
            raise BadAnswer(f"{request.method}: no trades, and yet more of them")
        if isinstance(request, BySeq):
            return self._answer_by_seq(request, trades, is_more)
        return self._answer_by_time(request, trades, is_more)

    def refuse(self, request: Request) -> bool:
        """Take it that history won't ever answer this; tell whether that brought it on."""
        if isinstance(request, BySeq):
            sequence = self._sequences.get(request.instrument)
            return sequence is not None and self._deny(sequence)
        return False

    def doubt(self) -> None:
        """Take it that something may have been missed: a drop, or a message that nobody can read."""
        raise NotImplementedError

    def part(self) -> None:
        """Take it that the link is gone: what is traded until the next one is missed."""
        self.doubt()

    def look_again(self) -> None:
        """Have history asked once more after a new link: it may have been behind the first time."""
        self.doubt()

    # --- out

    def take(self) -> Trade | Mark:
        """Hand out what comes next; there must be something."""
        item = self.ready.popleft()
        if self._stalled and self.has_room:
            for sequence in list(self._stalled):
                self._drain(sequence)
        return item

    @property
    def has_room(self) -> bool:
        """Tell whether the reader has caught up far enough for history to be asked."""
        return len(self.ready) * 2 <= self._maxsize

    @property
    def is_troubled(self) -> bool:
        """Tell whether something is to be asked, or waits."""
        return bool(self._blocked)

    def wanted(self) -> Request | None:
        """Give what to ask history for now, if anything; one request at a time."""
        if not self.has_room:
            return None
        tail = self._tail()
        if tail is not None:
            return tail
        for sequence in self._blocked:
            if sequence.next is not None:
                return self._from_next(sequence.instrument, sequence.next)
        return None

    # --- patience

    @property
    def is_counted(self) -> bool:
        """Tell whether it is known of all that waits since when it does; if not, `due` is to be asked."""
        return None not in self._blocked.values()

    def due(self, now: float, hold: float | None) -> float | None:
        """Give when the first of what waits has waited for `hold` seconds; what has begun to, begins now.

        Nothing waits where there is no room: that is for the reader to end.
        """
        if hold is None or not self._blocked:
            return None
        if not self.has_room:
            self.suspend()
            return None
        self._blocked = {s: now if since is None else since for s, since in self._blocked.items()}
        return min(since for since in self._blocked.values() if since is not None) + hold

    def suspend(self) -> None:
        """Count waiting from the start again: there was no link, or some of what is missing has come."""
        self._blocked = dict.fromkeys(self._blocked)

    def give_up(self, now: float, hold: float) -> None:
        """Declare lost what is still missing after `hold` seconds, and go on with what there is."""
        for sequence, since in list(self._blocked.items()):
            if since is not None and since + hold <= now:
                self._declare_all(sequence)

    def finish(self) -> None:
        """Give up all that waits, whatever room there is: nothing more will come."""
        self._maxsize = float("inf")
        for sequence in list(self._stalled):
            self._drain(sequence)
        for sequence in list(self._blocked):
            self._declare_all(sequence)
        for sequence in self._sequences.values():
            if sequence.next is not None and sequence.next <= sequence.let_go:
                self._lose(Gap(sequence.instrument, sequence.next, sequence.let_go))
                sequence.next = sequence.let_go + 1

    # --- for the flows

    def _meet(self, trade: Trade) -> Sequence | None:
        """Give the sequence of an instrument met for the first time; None where it does not belong."""
        raise NotImplementedError

    def _tail(self) -> Request | None:
        """Give what to ask because of a doubt."""
        raise NotImplementedError

    def _answer_by_time(self, request: ByTime, trades: List[Trade], is_more: bool) -> bool:
        raise NotImplementedError

    def _settled(self, request: BySeq) -> None:
        """History has no more of an instrument."""

    def _room(self) -> int:
        return max(1, min(PAGE, int(self._maxsize) - len(self.ready)))

    def _from_next(self, instrument: str, next: int) -> BySeq:
        # No last one is named: an answer that begins with later trades then tells what is gone for good
        # from what is not there yet.
        return BySeq(instrument, next, self._room())

    def _take_in(self, sequence: Sequence, trade: Trade) -> None:
        """Take a live trade that is not simply the next."""
        seq = trade.trade_seq
        if sequence.has_had(seq) and not sequence.begin_earlier(seq):
            if seq in sequence.held or not sequence.has_begun_anew(trade):
                self.duplicates += 1
            else:
                self._begin_anew(sequence, trade)
        elif self._held >= self._maxsize:
            sequence.let_go = max(sequence.let_go, seq)
            self.doubt()  # history has it when there is room
        else:
            self._hold(sequence, trade)

    def _begin_anew(self, sequence: Sequence, trade: Trade) -> None:
        """Go on with new numbers: what is missing of the old ones will not come any more."""
        self.restarts.append((sequence.instrument, trade.trade_seq))
        self._held -= len(sequence.held)
        sequence.begin_anew(trade.trade_seq)
        self._hold(sequence, trade)
        self.doubt()  # so that it is looked into, and told

    def _recover(self, sequence: Sequence, trade: Trade) -> None:
        """Take a trade from history; beyond what may be held too, as a page is bounded itself."""
        if not sequence.has_had(trade.trade_seq):
            self.recovered += 1
            self._hold(sequence, trade)

    def _hold(self, sequence: Sequence, trade: Trade) -> None:
        sequence.held[trade.trade_seq] = trade
        self._held += 1
        self._drain(sequence)

    def _drain(self, sequence: Sequence) -> None:
        """Move what can be handed out from what is held to what is ready."""
        held, ready, next = sequence.held, self.ready, sequence.next
        while next in held and len(ready) < self._maxsize:
            assert next is not None
            trade = held.pop(next)
            ready.append(trade)
            sequence.newest = trade.timestamp
            self._held -= 1
            sequence.next = next = next + 1
            sequence.denials = 0
        if sequence.is_blocked:
            self._blocked.setdefault(sequence, None)
        else:
            self._blocked.pop(sequence, None)
        if next in held:
            self._stalled[sequence] = None
        else:
            self._stalled.pop(sequence, None)

    def _answer_by_seq(self, request: BySeq, trades: List[Trade], is_more: bool) -> bool:
        sequence = self._sequences[request.instrument]
        before = sequence.next
        assert before is not None
        for trade in trades:
            self._recover(sequence, trade)
        if not is_more:
            self._settled(request)
        assert sequence.next is not None
        if sequence.next > before:
            if sequence in self._blocked:
                self._blocked[sequence] = None
            return True
        return bool(trades) and trades[0].trade_seq > before and self._deny(sequence)

    def _place(self, sequence: Sequence, seq: int) -> None:
        """Let an instrument begin with a trade, or with an earlier one that is held."""
        sequence.next = min([seq, *sequence.held])
        self._drain(sequence)

    def _deny(self, sequence: Sequence) -> bool:
        """Take it that history does not have what comes next; believe it when it is said again."""
        if sequence not in self._blocked:
            return False
        sequence.denials += 1
        if sequence.denials < _DENIALS:
            return False
        self._declare(sequence)
        return True

    def _declare_all(self, sequence: Sequence) -> None:
        while sequence.is_blocked:
            self._declare(sequence)

    def _declare(self, sequence: Sequence) -> None:
        """Declare lost what is missing before the first trade held, and go on with that."""
        first = min(sequence.held)
        if sequence.next is not None:
            self._lose(Gap(sequence.instrument, sequence.next, first - 1))
        sequence.next = first
        sequence.denials = 0
        self._drain(sequence)

    def _lose(self, gap: Gap) -> None:
        self.lost += gap.last - gap.first + 1
        self.gaps.append(gap)
        if self._shows_gaps:
            self.ready.append(gap)
