"""What the account is made of: the ledger's record beside the board's counts, as plain values.

Knows: how to read the exchange's ledger. Must not know: what any of it should add up to. `show`
calls `gather` once the client is closed, so that the ledger holds the end of every link.
"""

import asyncio
import time
from collections import Counter, defaultdict

from deribit_ws.cli.demo.account import Book, Cut, Evidence, Trades
from deribit_ws.cli.demo.board import Board
from deribit_ws.cli.demo.listeners import trades_channel
from deribit_ws.marks import Connected, Disconnected
from deribit_ws.testing import Drop, Ledger, Outcome
from deribit_ws.testing.faults import How

_HOW = {How.RST: "TCP reset", How.FIN: "TCP end", How.FIN_IN_FRAME: "TCP end in mid-frame"}


def gather(board: Board, ledger: Ledger, *, interrupted: bool) -> Evidence:
    """Everything, as it stands now."""
    instruments = list(board.rows)
    return Evidence(
        seconds=round(board.elapsed, 1),
        interrupted=interrupted,
        trades=[_trades(board, ledger, instrument) for instrument in instruments],
        books=[_book(board, ledger, f"book.{instrument}.100ms") for instrument in instruments],
        frames_sent=_frames(ledger),
        messages=dict(board.messages),
        ends=_ends(ledger),
        refused=_refused(ledger),
        injected=[(injected.name, injected.time) for injected in board.injected],
        cuts=_cuts(board),
        faults=list(board.faults),
        errors=list(board.errors),
    )


def _trades(board: Board, ledger: Ledger, instrument: str) -> Trades:
    channel = trades_channel(instrument)
    to_loop = asyncio.get_running_loop().time() - time.time()  # trades carry the wall's clock
    return Trades(
        channel=channel,
        sent={c: ledger.trade_seqs_sent(channel, instrument, c) for c in ledger.sent},
        delivered=list(board.trades[channel]),
        made=ledger.trade_seqs_made(instrument),
        made_at={trade.trade_seq: trade.timestamp / 1000 + to_loop for trade in ledger.trades[instrument]},
    )


def _book(board: Board, ledger: Ledger, channel: str) -> Book:
    sent = [ledger.change_ids_sent(channel, connection) for connection in sorted(ledger.sent)]
    return Book(channel, sent, [run for run in board.chains[channel].runs if run])


def _frames(ledger: Ledger) -> dict[str, int]:
    frames: defaultdict[str, int] = defaultdict(int)
    for channels in ledger.sent.values():
        for channel, sent in channels.items():
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
