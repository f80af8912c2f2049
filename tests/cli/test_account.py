"""The closing account: what it makes of honest evidence, and that it says no to any other."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from deribit_ws.cli.demo.account import Account, Evidence, settle
from deribit_ws.cli.demo.book_account import Book
from deribit_ws.cli.demo.drop_account import Cut, Links
from deribit_ws.cli.demo.order_account import Ending, Intent
from deribit_ws.cli.demo.report import report
from deribit_ws.cli.demo.trade_account import Deal, Trades
from deribit_ws.cli.printable import dumped


def deal(seq: int) -> Deal:
    return str(1000 + seq), 50_000.0 + seq, 10.0, "buy", 1_700_000_000_000 + seq


def deals(*seqs: int) -> list[tuple[int, Deal]]:
    return [(seq, deal(seq)) for seq in seqs]


TRADES = Trades(
    instrument="X",
    made=dict(deals(*range(5, 20))),  # 5 to 9 before it was entered, 18 and 19 after the time was over
    sent=[10, 11, 12, 15, 16],  # 13, 14 and 17 while no link was up
    delivered=deals(10, 11, 12, 13, 14, 15, 16, 17),
    declared=[],
    since=10,
    until=17,
    recovered=4,  # 12 was sent, but on its way when the link was cut
)
BOOK = Book(
    "X", compared=9, equal=9, crossed=0, unlike="", spells=[0.1, 0.3, 0.2], is_valid=True, resyncs=1, stale=0
)
PLACED = Intent("demo-1", Ending.PLACED, cut=True, found=1, told_state="cancelled", real_state="cancelled")
PROVED = Intent("demo-2", Ending.NOT_PLACED, cut=True, found=0)
LINKS = Links(
    ends={1: (101.3, "TCP reset"), 2: (102.0, "closed 1000 by the client")},
    refused={"HTTP 503": 2},
    injected=[("reset", 101.3)],
    cuts=[Cut(101.302, 101.402)],
)
HONEST = Evidence(
    seconds=6.0,
    interrupted=False,
    trades=[TRADES],
    books=[BOOK],
    intents=[PLACED, PROVED],
    strangers=0,
    frames_sent={"ticker.X.100ms": 5},
    messages={"ticker.X.100ms": 4},
    links=LINKS,
    faults=[],
    errors=[],
)


def trades(**changes: Any) -> Evidence:
    return replace(HONEST, trades=[replace(TRADES, **changes)])


def book(**changes: Any) -> Evidence:
    return replace(HONEST, books=[replace(BOOK, **changes)])


def placed(**changes: Any) -> Evidence:
    return replace(HONEST, intents=[replace(PLACED, **changes)])


def links(**changes: Any) -> Evidence:
    return replace(HONEST, links=replace(LINKS, **changes))


def test_honest_evidence_adds_up() -> None:
    """All that was made while it was owed is delivered, what no link carried among it."""
    account = settle(HONEST)
    [line] = account.trades

    assert account.adds_up, account.discrepancies
    assert (line.made, line.sent, line.delivered, line.recovered, line.missed) == (8, 5, 8, 4, 0)
    assert (line.duplicates, line.out_of_order, line.declared_lost) == (0, 0, 0)


def test_books_carry_their_times() -> None:
    """Comparisons are counted, and the times in which a book was not valid summed up."""
    account = settle(HONEST)

    assert (account.books_total.compared, account.books_total.equal) == (9, 9)
    assert (account.books[0].not_valid, account.books[0].p50_ms, account.books[0].longest_ms) == (3, 200, 300)


def test_orders_are_counted_at_both_ends() -> None:
    """Intents are counted by how they ended, and by what is at the exchange."""
    sums = settle(HONEST).orders

    assert (sums.intents, sums.placed, sums.not_placed, sums.at_exchange, sums.cut) == (2, 1, 1, 1, 2)


def test_drops_carry_their_times() -> None:
    """Noticing and recovering are measured per drop, and summed up."""
    account = settle(HONEST)

    assert [(d.kind, d.noticed_ms, d.back_ms) for d in account.drops] == [("reset", 2.0, 100.0)]
    assert account.recovery_ms == (100.0, 100.0)
    assert account.links_ended == {"TCP reset": 1, "closed 1000 by the client": 1}


WRONG = {
    "1 trades missed, e.g. 13": trades(delivered=deals(10, 11, 12, 14, 15, 16, 17)),
    "1 trades missed, e.g. 17": trades(delivered=deals(10, 11, 12, 13, 14, 15, 16)),
    "7 trades missed, e.g. 11": trades(delivered=[]),
    "delivered more than once": trades(delivered=deals(10, 11, 11, 12, 13, 14, 15, 16, 17)),
    "delivered out of order": trades(delivered=deals(10, 12, 11, 13, 14, 15, 16, 17)),
    "2 trades declared lost": trades(declared=[(13, 14)]),
    "never made, e.g. 20": trades(delivered=deals(*range(10, 21))),
    "other than they were made, e.g. 17": trades(delivered=[*deals(*range(10, 17)), (17, deal(18))]),
    "3 trades delivered but never sent live, 2 said recovered": trades(recovered=2),
    "book of X: 1 of 9 unlike the exchange's, first": book(equal=8, unlike="first at change_id 5"),
    "book of X: crossed": book(crossed=1),
    "book of X: still valid when a new link came up": book(stale=1),
    "book of X: never valid": book(compared=0, equal=0),
    "book of X: not valid at the end": book(is_valid=False),
    "demo-1: 2 at the exchange": placed(found=2),
    "demo-1: said to be placed, and not at": placed(found=0),
    "demo-1: said not to be placed, and at": placed(ending=Ending.NOT_PLACED),
    "demo-1: OutcomeUnknown": placed(ending=Ending.FAILED, error="OutcomeUnknown: closed"),
    "demo-1: left in doubt": placed(ending=Ending.OPEN),
    "demo-1: said to be cancelled, is open": placed(real_state="open"),
    "1 orders at the exchange that nobody asked for": replace(HONEST, strangers=1),
    "5 messages delivered, 4 sent": replace(HONEST, frames_sent={"quote.X": 4}, messages={"quote.X": 5}),
    "none delivered": replace(HONEST, messages={}),
    "the exchange ended no link": links(ends={1: (109.0, "TCP reset"), 2: (110.0, "")}),
    "never noticed": links(cuts=[]),
    "never replaced": links(cuts=[Cut(101.302, None)]),
    "nothing here had disturbed": links(cuts=[Cut(101.302, 101.4), Cut(101.5, 101.6)]),
    "knows of 0 ends": links(ends={}),
    "the client closed by itself": replace(HONEST, faults=["the client closed by itself"]),
}


@pytest.mark.parametrize("said", WRONG)
def test_says_no(said: str) -> None:
    """Evidence that no honest client can leave is named, and the account does not add up."""
    account = settle(WRONG[said])

    assert not account.adds_up
    assert any(said in discrepancy for discrepancy in account.discrepancies), account.discrepancies


def test_interrupted_demo_owes_no_recovery() -> None:
    """What a signal left no time for is shown, not held against the client: a link, trades, a book."""
    account = settle(
        replace(
            HONEST,
            interrupted=True,
            trades=[replace(TRADES, delivered=deals(10, 11), until=None)],
            books=[replace(BOOK, is_valid=False)],
            intents=[replace(PLACED, ending=Ending.OPEN, told_state=None, real_state=None)],
            links=replace(LINKS, cuts=[Cut(101.302, None)]),
        )
    )

    assert account.adds_up, account.discrepancies
    assert account.drops[0].back_ms is None and account.recovery_ms is None
    assert account.trades[0].made == account.trades[0].delivered == 2 and account.orders.open == 1
    assert "1 not seen through" in " ".join(report(account))


def test_interrupted_demo_still_owes_what_lies_between() -> None:
    """A hole among the trades delivered before a signal is a hole."""
    evidence = trades(delivered=deals(10, 12), until=None)
    account = settle(replace(evidence, interrupted=True))

    assert account.trades[0].missed == 1 and not account.adds_up


def test_nothing_traded_is_no_fault() -> None:
    """An instrument without a single trade has an account of zeros."""
    account = settle(trades(sent=[], delivered=[], made={}, since=0, until=0, recovered=0))

    assert account.adds_up and account.trades[0].made == account.trades[0].missed == 0


@pytest.fixture(params=[HONEST, WRONG["book of X: crossed"]], ids=["honest", "wrong"])
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    yield settle(request.param)


def test_report_fits_a_terminal(account: Account) -> None:
    """In words it fits 80 columns, and ends with its verdict."""
    lines = list(report(account))

    assert max(map(len, lines)) <= 80
    assert any("adds up" in line for line in lines) is account.adds_up
    assert any("DOES NOT ADD UP" in line for line in lines) is not account.adds_up


def test_json_is_plain(account: Account) -> None:
    """As JSON it is one line that says whether it adds up."""
    line = dumped(account.as_json())

    assert "\n" not in line and f'"adds_up": {str(account.adds_up).lower()}' in line
