"""What the account is made of: the ledger's record beside the board's counts, as plain values.

Knows: how to read the exchange's ledger. Must not know: what any of it should add up to. `show`
calls `gather` once the client is closed, so that the ledger holds the end of every link.
"""

from collections import Counter, defaultdict
from typing import Any

from deribit_ws.cli.demo.account import Evidence
from deribit_ws.cli.demo.board import Board, Row, Wanted
from deribit_ws.cli.demo.book_account import Book
from deribit_ws.cli.demo.drop_account import Cut, Links
from deribit_ws.cli.demo.order_account import Intent
from deribit_ws.cli.demo.trade_account import Deal, Trades
from deribit_ws.marks import Connected, Disconnected
from deribit_ws.testing import Drop, Ledger, Outcome
from deribit_ws.testing.faults import How

_HOW = {How.RST: "TCP reset", How.FIN: "TCP end", How.FIN_IN_FRAME: "TCP end in mid-frame"}


def gather(board: Board, ledger: Ledger, *, interrupted: bool) -> Evidence:
    """Everything, as it stands now."""
    labels = [order["label"] for order in ledger.last_versions().values()]
    wanted = {one.label for one in board.wanted}
    return Evidence(
        seconds=round(board.elapsed, 1),
        interrupted=interrupted,
        trades=[_trades(instrument, row, ledger) for instrument, row in board.rows.items()],
        books=[_book(instrument, row) for instrument, row in board.rows.items()],
        intents=[_intent(one, ledger) for one in board.wanted],
        strangers=sum(_own_words(label) not in wanted for label in labels),
        frames_sent=_frames(ledger, board),
        messages=dict(board.messages),
        links=Links(
            ends=_ends(ledger),
            refused=_refused(ledger),
            injected=[(injected.name, injected.time) for injected in board.injected],
            cuts=_cuts(board),
        ),
        faults=list(board.faults),
        errors=list(board.errors),
    )


def newest_trade(ledger: Ledger, instrument: str) -> int:
    """The trade_seq of an instrument's newest trade; 0 before the first."""
    trades = ledger.trades[instrument]
    return trades[-1].trade_seq if trades else 0


def _trades(instrument: str, row: Row, ledger: Ledger) -> Trades:
    return Trades(
        instrument=instrument,
        made={trade.trade_seq: _deal(trade) for trade in ledger.trades[instrument]},
        sent=set(ledger.trade_seqs_sent(f"trades.{instrument}.100ms", instrument)),
        delivered=[(trade.trade_seq, _deal(trade)) for trade in row.trades],
        declared=[(gap.first, gap.last) for gap in row.declared],
        since=row.since,
        until=row.until,
        recovered=row.recovered,
    )


def _deal(trade: Any) -> Deal:  # the client's trade or the exchange's: they have these names in common
    return trade.trade_id, trade.price, trade.amount, trade.direction, trade.timestamp


def _book(instrument: str, row: Row) -> Book:
    watch = row.book
    return Book(
        instrument=instrument,
        compared=watch.compared,
        equal=watch.equal,
        crossed=watch.crossed,
        unlike=watch.unlike,
        spells=list(watch.spells),
        is_valid=watch.is_valid,
        resyncs=watch.resyncs,
        stale=watch.stale,
    )


def _intent(wanted: Wanted, ledger: Ledger) -> Intent:
    there = [one for one in ledger.last_versions().values() if _own_words(one["label"]) == wanted.label]
    return Intent(
        label=wanted.label,
        ending=wanted.ending,
        cut=wanted.cut,
        found=len(there),
        error=wanted.error,
        told_state=wanted.state,
        real_state=there[0]["order_state"] if there and wanted.state else None,
    )


def _own_words(label: str) -> str:
    return label.partition("~")[0]  # what follows is the client's, to make it unique


def _frames(ledger: Ledger, board: Board) -> dict[str, int]:
    """How many messages were sent on each channel that a callback hears."""
    frames: defaultdict[str, int] = defaultdict(int)
    for channels in ledger.sent.values():
        for channel, sent in channels.items():
            if channel in board.messages or channel.startswith(("ticker.", "quote.")):
                frames[channel] += sent.frames
    return dict(frames)


def _ends(ledger: Ledger) -> dict[int, tuple[float, str]]:
    ends = {}
    for farewell in ledger.farewells:
        how = "left without a word" if farewell.code is None else f"closed {farewell.code} by the client"
        ends[farewell.connection] = (farewell.time, how)
    for dropped in ledger.drops:  # what the exchange did came first, and is why the client left
        ends[dropped.connection] = (dropped.time, _name(dropped.fault))
    return ends


def _name(drop: Drop) -> str:
    return _HOW.get(drop.how) or f"closed {drop.code} by the exchange"


def _refused(ledger: Ledger) -> dict[str, int]:
    refused = [h for h in ledger.handshakes if h.outcome is not Outcome.ACCEPTED]
    return dict(Counter(f"HTTP {h.status}" if h.status else h.outcome.value for h in refused))


def _cuts(board: Board) -> list[Cut]:
    cuts = []
    for n, (moment, mark) in enumerate(board.marks):
        if isinstance(mark, Disconnected):
            later = (t for t, next_mark in board.marks[n:] if isinstance(next_mark, Connected))
            cuts.append(Cut(moment, next(later, None)))
    return cuts
