"""The closing account: what the ledger says was sent, against what the callbacks counted.

Knows: arithmetic on plain values. Must not know: clients, exchanges, screens. `evidence` gathers
what it takes; whatever can't be true of an honest client is named in `discrepancies`.
Times are seconds on one clock.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

WELL_BEFORE = 2.0  # seconds: what was sent earlier than this before a link's end must have arrived
NOTICE = 1.0  # seconds for a link to end once it was told to


@dataclass(frozen=True, slots=True)
class Trades:
    """The trade_seq of each trade of one channel; `sent` is by connection, `made_at` in seconds."""

    channel: str
    sent: Mapping[int, Sequence[int]]
    delivered: Sequence[int]
    made: Sequence[int]
    made_at: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Book:
    """The change_ids of one book: what each connection was sent, and what came over each link."""

    channel: str
    sent: Sequence[Sequence[int]]
    runs: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Cut:
    """A link that ended: when noticed, and when the next one was up (None: not any more)."""

    time: float
    back: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the account is made of."""

    seconds: float
    interrupted: bool
    trades: Sequence[Trades]
    books: Sequence[Book]
    frames_sent: Mapping[str, int]  # by channel, from the ledger
    messages: Mapping[str, int]  # by channel, from the callbacks
    ends: Mapping[int, tuple[float, str]]  # connection → when and how it ended, from the ledger
    refused: Mapping[str, int]  # dials that gave no link, from the ledger
    injected: Sequence[tuple[str, float]]
    cuts: Sequence[Cut]
    faults: Sequence[str]
    errors: Sequence[str]


@dataclass(frozen=True, slots=True)
class TradeLine:
    """Trades of one channel, from the first to the last that was sent or delivered."""

    channel: str
    made: int
    sent: int
    delivered: int
    cut_off: int  # sent, but a link's end was quicker
    missed: int  # never sent: no link was up when they were due
    duplicates: int


@dataclass(frozen=True, slots=True)
class KindLine:
    """Messages of one kind of channel."""

    kind: str
    sent: int
    delivered: int


@dataclass(frozen=True, slots=True)
class DropLine:
    """One disturbance: milliseconds until it was noticed, and from then until a link was up again."""

    kind: str
    noticed_ms: float | None
    back_ms: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """What there is to say at the end."""

    seconds: float
    interrupted: bool
    trades: tuple[TradeLine, ...]
    messages: tuple[KindLine, ...]
    drops: tuple[DropLine, ...]
    links_ended: Mapping[str, int]
    dials_refused: Mapping[str, int]
    errors: tuple[str, ...]
    discrepancies: tuple[str, ...]

    @property
    def adds_up(self) -> bool:
        """Whether nothing in it is impossible for an honest client."""
        return not self.discrepancies

    @property
    def total(self) -> TradeLine:
        """All trades."""
        columns = ("made", "sent", "delivered", "cut_off", "missed", "duplicates")
        return TradeLine("total", *(sum(getattr(line, column) for line in self.trades) for column in columns))

    @property
    def recovery_ms(self) -> tuple[float, float] | None:
        """Median and longest time from noticing a drop to the next link."""
        times = [drop.back_ms for drop in self.drops if drop.back_ms is not None]
        return (median(times), max(times)) if times else None

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        recovery = self.recovery_ms
        return {
            **asdict(self),
            "trades_total": asdict(self.total),
            "messages_sent": sum(line.sent for line in self.messages),
            "messages_delivered": sum(line.delivered for line in self.messages),
            "drops_total": len(self.drops),
            "recovery_ms": None if recovery is None else {"p50": recovery[0], "max": recovery[1]},
            "adds_up": self.adds_up,
        }


def settle(evidence: Evidence) -> Account:
    """Do the sums."""
    ends = {connection: time for connection, (time, _) in evidence.ends.items()}
    discrepancies = [
        *(fault for trades in evidence.trades for fault in _trade_faults(trades, ends)),
        *(fault for book in evidence.books for fault in _book_faults(book)),
        *_count_faults(evidence),
        *_drop_faults(evidence),
        *evidence.faults,
    ]
    return Account(
        seconds=evidence.seconds,
        interrupted=evidence.interrupted,
        trades=tuple(map(_trade_line, evidence.trades)),
        messages=tuple(_kind_lines(evidence)),
        drops=tuple(_drop_line(evidence, n) for n in range(len(evidence.injected))),
        links_ended=dict(Counter(how for _, how in evidence.ends.values())),
        dials_refused=dict(evidence.refused),
        errors=tuple(evidence.errors),
        discrepancies=tuple(dict.fromkeys(discrepancies)),
    )


def _trade_line(trades: Trades) -> TradeLine:
    sent = {seq for seqs in trades.sent.values() for seq in seqs}
    delivered = set(trades.delivered)
    window = sent | delivered
    made = {seq for seq in trades.made if min(window) <= seq <= max(window)} if window else set()
    return TradeLine(
        channel=trades.channel,
        made=len(made),
        sent=len(sent),
        delivered=len(delivered),
        cut_off=len(sent - delivered),
        missed=len(made - sent - delivered),
        duplicates=len(trades.delivered) - len(delivered),
    )


def _book_faults(book: Book) -> Iterator[str]:
    """What came over each link must be the beginning of what one connection was sent, in their order."""
    sent = iter(book.sent)
    for number, run in enumerate(book.runs, 1):
        if not any(list(changes[: len(run)]) == list(run) for changes in sent):
            yield f"{book.channel}: what came over link {number} is not what any connection was sent"
            return


def _trade_faults(trades: Trades, ends: Mapping[int, float]) -> Iterator[str]:
    """What an honest client can't have done with the trades of one channel."""
    name = trades.channel
    sent = {number for numbers in trades.sent.values() for number in numbers}
    delivered = Counter(trades.delivered)
    if phantoms := delivered.keys() - sent:
        yield f"{name}: {len(phantoms)} delivered that were never sent, e.g. {min(phantoms)}"
    if doubles := [number for number, times in delivered.items() if times > 1]:
        yield f"{name}: {len(doubles)} delivered more than once, e.g. {doubles[0]}"
    if any(b < a for a, b in zip(trades.delivered, trades.delivered[1:], strict=False)):
        yield f"{name}: delivered out of order"
    if unmade := sent - set(trades.made):
        yield f"{name}: {len(unmade)} sent that were never made, e.g. {min(unmade)}"
    for connection, numbers in trades.sent.items():
        yield from _lost_on_a_live_link(trades, connection, numbers, ends.get(connection))


def _lost_on_a_live_link(
    trades: Trades, connection: int, numbers: Sequence[int], end: float | None
) -> Iterator[str]:
    """Only the tail of a link may be cut off, and only by its end."""
    delivered = set(trades.delivered)
    arrived = [number in delivered for number in numbers]
    tail = len(arrived) - arrived[::-1].index(True) if True in arrived else 0
    if holes := arrived[:tail].count(False):
        yield f"{trades.channel}: {holes} lost in mid-link on connection {connection}"
    cut_off = [number for number in numbers[tail:] if number in trades.made_at]
    early = [n for n in cut_off if end is None or trades.made_at[n] < end - WELL_BEFORE]
    if early:
        yield f"{trades.channel}: {len(early)} lost well before connection {connection} ended"


def _kind_lines(evidence: Evidence) -> Iterator[KindLine]:
    sent, delivered = Counter[str](), Counter[str]()
    for channel, frames in evidence.frames_sent.items():
        sent[channel.partition(".")[0]] += frames
    for channel, messages in evidence.messages.items():
        delivered[channel.partition(".")[0]] += messages
    for kind in sorted(sent | delivered):
        yield KindLine(kind, sent[kind], delivered[kind])


def _count_faults(evidence: Evidence) -> Iterator[str]:
    for channel, messages in evidence.messages.items():
        sent = evidence.frames_sent.get(channel, 0)
        if messages > sent:
            yield f"{channel}: {messages} messages delivered, {sent} sent"
    for channel, sent in evidence.frames_sent.items():
        if sent and not evidence.messages.get(channel) and not evidence.interrupted:
            yield f"{channel}: {sent} messages sent, none delivered"


def _drop_faults(evidence: Evidence) -> Iterator[str]:
    end_times = [time for time, _ in evidence.ends.values()]
    if len(evidence.cuts) > len(end_times):
        yield f"{len(evidence.cuts)} links lost, but the exchange knows of {len(end_times)} ends"
    for n, (name, time) in enumerate(evidence.injected):
        if not any(time <= end <= time + NOTICE for end in end_times):
            yield f"{name}: injected, but the exchange ended no link"
        elif _cut_after(evidence, n) is None and not evidence.interrupted:
            yield f"{name}: the client never noticed"
    if not evidence.interrupted:
        for n, cut in enumerate(evidence.cuts, 1):
            if cut.back is None:
                yield f"link {n} was lost and never replaced"
    if (uncaused := len(evidence.cuts) - len(evidence.injected)) > 0:
        yield f"{uncaused} links were lost that nothing here had disturbed"


def _drop_line(evidence: Evidence, n: int) -> DropLine:
    name, time = evidence.injected[n]
    cut = _cut_after(evidence, n)
    if cut is None:
        return DropLine(name, None, None)
    back = None if cut.back is None else round((cut.back - cut.time) * 1000, 1)
    return DropLine(name, round((cut.time - time) * 1000, 1), back)


def _cut_after(evidence: Evidence, n: int) -> Cut | None:
    """The link lost between this disturbance and the next."""
    since = evidence.injected[n][1]
    until = evidence.injected[n + 1][1] if n + 1 < len(evidence.injected) else float("inf")
    return next((cut for cut in evidence.cuts if since <= cut.time < until), None)
