"""The closing account: what it makes of honest evidence, and that it says no to any other."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from deribit_ws.cli.demo.account import Account, Book, Cut, Evidence, Trades, settle
from deribit_ws.cli.demo.report import report
from deribit_ws.cli.printable import dumped

TRADES = Trades(
    channel="trades.X.100ms",
    sent={1: [10, 11, 12], 2: [15, 16]},  # 12 was on its way when the link was cut
    delivered=[10, 11, 15, 16],
    made=list(range(5, 20)),  # 13 and 14 while no link was up; the others before and after
    made_at={seq: 100.0 + seq / 10 for seq in range(5, 20)},
)
BOOK = Book("book.X.100ms", sent=[[1, 2, 3], [], [3, 4]], runs=[[1, 2], [3, 4]])
HONEST = Evidence(
    seconds=6.0,
    interrupted=False,
    trades=[TRADES],
    books=[BOOK],
    frames_sent={"trades.X.100ms": 5, "book.X.100ms": 5},
    messages={"trades.X.100ms": 4, "book.X.100ms": 4},
    ends={1: (101.3, "TCP reset"), 2: (102.0, "closed 1000 by the client")},
    refused={"HTTP 503": 2},
    injected=[("reset", 101.3)],
    cuts=[Cut(101.302, 101.402)],
    faults=[],
    errors=[],
)


def trades(**changes: Any) -> Evidence:
    return replace(HONEST, trades=[replace(TRADES, **changes)])


def book(**changes: Any) -> Evidence:
    return replace(HONEST, books=[replace(BOOK, **changes)])


def test_honest_evidence_adds_up() -> None:
    """What a drop cut off and what nobody sent are told apart, and neither is held against the client."""
    account = settle(HONEST)
    [line] = account.trades

    assert account.adds_up, account.discrepancies
    assert (line.made, line.sent, line.delivered, line.cut_off, line.missed) == (7, 5, 4, 1, 2)
    assert line.made == line.sent + line.missed and line.sent == line.delivered + line.cut_off


def test_drops_carry_their_times() -> None:
    """Noticing and recovering are measured per drop, and summed up."""
    account = settle(HONEST)

    assert [(d.kind, d.noticed_ms, d.back_ms) for d in account.drops] == [("reset", 2.0, 100.0)]
    assert account.recovery_ms == (100.0, 100.0)
    assert account.links_ended == {"TCP reset": 1, "closed 1000 by the client": 1}


WRONG = {
    "never sent": trades(delivered=[10, 11, 13, 15, 16]),
    "more than once": trades(delivered=[10, 11, 11, 15, 16]),
    "out of order": trades(delivered=[11, 10, 15, 16]),
    "never made": trades(made=[10, 11, 12, 13, 14, 15]),
    "mid-link": trades(delivered=[10, 12, 15, 16]),
    "well before": replace(
        HONEST, ends={1: (104.0, "TCP reset"), 2: (105.0, "")}, injected=[("reset", 104.0)]
    ),
    "well before connection 2": replace(trades(delivered=[10, 11, 15]), ends={1: (101.3, "TCP reset")}),
    "what came over link 1": book(runs=[[1, 3], [3, 4]]),
    "what came over link 2": book(runs=[[1, 2], [2, 3]]),
    "what came over link 3": book(runs=[[1, 2], [3, 4], [3, 4]]),
    "5 messages delivered, 4 sent": replace(
        HONEST, frames_sent={"book.X.100ms": 4}, messages={"book.X.100ms": 5}
    ),
    "none delivered": replace(HONEST, messages={"book.X.100ms": 4}),
    "the exchange ended no link": replace(HONEST, ends={1: (109.0, "TCP reset"), 2: (110.0, "")}),
    "never noticed": replace(HONEST, cuts=[]),
    "never replaced": replace(HONEST, cuts=[Cut(101.302, None)]),
    "nothing here had disturbed": replace(HONEST, cuts=[Cut(101.302, 101.4), Cut(101.5, 101.6)]),
    "knows of 0 ends": replace(HONEST, ends={}),
    "a gap": replace(HONEST, faults=["book.X.100ms: a gap: 2 after 1"]),
}


@pytest.mark.parametrize("said", WRONG)
def test_says_no(said: str) -> None:
    """Evidence that no honest client can leave is named, and the account does not add up."""
    account = settle(WRONG[said])

    assert not account.adds_up
    assert any(said in discrepancy for discrepancy in account.discrepancies), account.discrepancies


def test_interrupted_demo_owes_no_recovery() -> None:
    """A drop that a signal left no time to recover from is shown as such, not held against the client."""
    account = settle(replace(HONEST, interrupted=True, cuts=[Cut(101.302, None)]))

    assert account.adds_up
    assert account.drops[0].back_ms is None and account.recovery_ms is None


def test_nothing_traded_is_no_fault() -> None:
    """A channel without a single trade has an account of zeros."""
    account = settle(trades(sent={1: []}, delivered=[], made=[]))

    assert account.trades[0].made == account.trades[0].missed == 0


@pytest.fixture(params=[HONEST, WRONG["a gap"]], ids=["honest", "wrong"])
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
