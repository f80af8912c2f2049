"""The closing account: the exchange's ledger against what the client handed out.

Knows: what it is made of, and that it must add up. Must not know: clients, exchanges, screens, or the
sums of each part. `show` settles what `evidence` gathered; whatever can't be true of an honest client is
named in `discrepancies`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deribit_ws.cli.demo.book_account import Book, BookLine, book_faults, book_lines, book_total
from deribit_ws.cli.demo.drop_account import DropLine, Links, drop_faults, drop_lines, recovery_ms
from deribit_ws.cli.demo.order_account import Intent, OrderSums, order_faults, order_sums
from deribit_ws.cli.demo.trade_account import TradeLine, Trades, trade_faults, trade_line, trade_total


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the account is made of."""

    seconds: float
    interrupted: bool
    trades: Sequence[Trades]
    books: Sequence[Book]
    intents: Sequence[Intent]
    strangers: int  # orders at the exchange that nobody asked for
    frames_sent: Mapping[str, int]  # by channel of a callback, from the ledger
    messages: Mapping[str, int]  # by channel, from the callbacks
    links: Links
    faults: Sequence[str]
    errors: Sequence[str]


@dataclass(frozen=True, slots=True)
class KindLine:
    """Messages of one kind of channel that callbacks hear."""

    kind: str
    sent: int
    delivered: int


@dataclass(frozen=True, slots=True)
class Account:
    """What there is to say at the end."""

    seconds: float
    interrupted: bool
    trades: tuple[TradeLine, ...]
    trades_total: TradeLine
    books: tuple[BookLine, ...]
    books_total: BookLine
    orders: OrderSums
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
    def recovery_ms(self) -> tuple[float, float] | None:
        """Median and longest time from noticing a drop to the next link."""
        return recovery_ms(self.drops)

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        recovery = self.recovery_ms
        return {
            **asdict(self),
            "messages_sent": sum(line.sent for line in self.messages),
            "messages_delivered": sum(line.delivered for line in self.messages),
            "drops_total": len(self.drops),
            "recovery_ms": None if recovery is None else {"p50": recovery[0], "max": recovery[1]},
            "adds_up": self.adds_up,
        }


def settle(evidence: Evidence) -> Account:
    """Do the sums."""
    trades = tuple(map(trade_line, evidence.trades))
    return Account(
        seconds=evidence.seconds,
        interrupted=evidence.interrupted,
        trades=trades,
        trades_total=trade_total(trades),
        books=book_lines(evidence.books),
        books_total=book_total(evidence.books),
        orders=order_sums(evidence.intents),
        messages=tuple(_kind_lines(evidence)),
        drops=drop_lines(evidence.links),
        links_ended=dict(Counter(how for _, how in evidence.links.ends.values())),
        dials_refused=dict(evidence.links.refused),
        errors=tuple(evidence.errors),
        discrepancies=tuple(dict.fromkeys(_discrepancies(evidence))),
    )


def _discrepancies(evidence: Evidence) -> Iterator[str]:
    interrupted = evidence.interrupted
    for trades in evidence.trades:
        yield from trade_faults(trades)
    for book in evidence.books:
        yield from book_faults(book, interrupted=interrupted)
    yield from order_faults(evidence.intents, evidence.strangers, interrupted=interrupted)
    yield from _count_faults(evidence)
    yield from drop_faults(evidence.links, interrupted=interrupted)
    yield from evidence.faults


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
