"""The account of trades: what the exchange made, against what `client.trades` handed out.

Knows: arithmetic on plain values. Must not know: clients, exchanges, screens. `account` calls it with
what `evidence` gathered: every trade that could have been delivered must be, once, in order, and be the
trade that was made.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

Deal = tuple[str, float, float, str, int]  # trade_id, price, amount, direction, timestamp in ms


@dataclass(frozen=True, slots=True)
class Trades:
    """What is known of one instrument's trades; all numbers are trade_seq."""

    instrument: str
    made: Mapping[int, Deal]  # by the ledger
    sent: Collection[int]  # on its channel, on any link; the ends of links may have cut some off
    delivered: Sequence[tuple[int, Deal]]
    declared: Sequence[tuple[int, int]]  # first and last of what was said to be lost
    since: int | None  # the newest one when the stream had been entered; None: it never was
    until: int | None  # the newest one when the time was over; None: a signal came before
    recovered: int  # as the client counts what it had from history


@dataclass(frozen=True, slots=True)
class TradeLine:
    """Trades of one instrument, from the first that was owed or delivered to the last."""

    instrument: str
    made: int
    sent: int  # live; of the others no link brought a word
    delivered: int
    recovered: int  # among the delivered: from history
    missed: int
    duplicates: int
    out_of_order: int
    declared_lost: int


def trade_line(trades: Trades) -> TradeLine:
    """Do the sums of one instrument."""
    numbers = [seq for seq, _ in trades.delivered]
    made, delivered = _owed(trades), set(numbers)
    return TradeLine(
        instrument=trades.instrument,
        made=len(made),
        sent=len(made.intersection(trades.sent)),
        delivered=len(delivered),
        recovered=trades.recovered,
        missed=len(made - delivered),
        duplicates=len(numbers) - len(delivered),
        out_of_order=sum(b < a for a, b in itertools.pairwise(numbers)),
        declared_lost=sum(last - first + 1 for first, last in trades.declared),
    )


def trade_total(lines: Sequence[TradeLine]) -> TradeLine:
    """All instruments in one line."""
    columns = [name for name in TradeLine.__slots__ if name != "instrument"]
    return TradeLine("total", *(sum(getattr(line, column) for line in lines) for column in columns))


def trade_faults(trades: Trades) -> Iterator[str]:
    """Say what must not be."""
    name, line = trades.instrument, trade_line(trades)
    delivered = Counter(seq for seq, _ in trades.delivered)
    if missed := _owed(trades) - delivered.keys():
        yield f"{name}: {len(missed)} trades missed, e.g. {min(missed)}"
    if doubles := [seq for seq, times in delivered.items() if times > 1]:
        yield f"{name}: {len(doubles)} trades delivered more than once, e.g. {doubles[0]}"
    if line.out_of_order:
        yield f"{name}: {line.out_of_order} trades delivered out of order"
    if line.declared_lost:
        yield f"{name}: {line.declared_lost} trades declared lost that history has"
    if phantoms := delivered.keys() - trades.made.keys():
        yield f"{name}: {len(phantoms)} trades delivered that were never made, e.g. {min(phantoms)}"
    if altered := [seq for seq, deal in trades.delivered if trades.made.get(seq, deal) != deal]:
        yield f"{name}: {len(altered)} trades delivered other than they were made, e.g. {altered[0]}"
    unsent = len(delivered.keys() - set(trades.sent))
    if unsent > trades.recovered:
        yield f"{name}: {unsent} trades delivered but never sent live, {trades.recovered} said recovered"


def _owed(trades: Trades) -> set[int]:
    """All that were made from when the stream was entered, or earlier where it began earlier."""
    if trades.since is None:
        return set()
    numbers = [seq for seq, _ in trades.delivered]
    first = min([trades.since + 1, *numbers])
    last = max([trades.until or 0, *numbers])  # cut short: only up to the last delivered
    return {seq for seq in trades.made if first <= seq <= last}
