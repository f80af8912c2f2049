"""One instrument's place in a flow: which trade_seq comes next, and what waits for it.

Knows: that an instrument's trades are numbered without holes. Must not know: queues, history, or other
instruments. `flow` keeps one for each instrument.
"""

from deribit_ws.wire.market import Trade

# A copy of a trade that was handed out is never newer than the last one handed out; clocks of an exchange may
# differ a little.
_NEWER_MS = 1_000


class Sequence:
    """Where one instrument stands.

    Args:
        instrument: its name.
        next: the trade_seq to hand out next; None while it is not known where the stream begins.
        late: whether trades from before `next` may still come: it was read, and the channel gathers
            trades for a while before it tells them. The first live trade then says where it begins.
    """

    __slots__ = ("_read", "denials", "held", "instrument", "let_go", "newest", "next")

    def __init__(self, instrument: str, next: int | None, *, late: bool = False) -> None:
        self.instrument = instrument
        self.next = next
        self.held: dict[int, Trade] = {}
        self.newest = 0  # ms; when the last trade handed out was made
        self.let_go = 0  # the last trade_seq of a live trade that there was no room to hold
        self.denials = 0  # answers in a row by which history does not have `next`, but later ones
        self._read = next if late else None

    @property
    def is_blocked(self) -> bool:
        """Tell whether what is held waits for a trade that is missing."""
        return bool(self.held) and self.next not in self.held

    def has_had(self, seq: int) -> bool:
        """Tell whether this trade was handed out, or is held."""
        return (self.next is not None and seq < self.next) or seq in self.held

    def has_begun_anew(self, trade: Trade) -> bool:
        """Tell whether a trade that seems to be an old one is a new one: the exchange counts from 1 again."""
        return self.newest > 0 and trade.timestamp > self.newest + _NEWER_MS

    def begin_anew(self, seq: int) -> None:
        """Forget all that was numbered before."""
        self.held.clear()
        self.let_go = 0
        self.next = seq
        self._read = None  # an old one: the new numbers may pass by it once more

    def begin_earlier(self, seq: int) -> bool:
        """Begin with an earlier live trade, where none was handed out yet; tell whether it did."""
        if self._read is None or self.next != self._read or seq >= self._read:
            return False
        self.next = seq
        self._read = None
        return True
