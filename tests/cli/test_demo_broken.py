"""`deribit-ws demo` with a client that was broken on purpose: it must say so, and fail."""

from pathlib import Path

import pytest

from tests.cli.shell import ROOT, ran

# What is done to the client before the demo begins, and what the account must say of it.
Breaks = dict[str, tuple[str, str]]
WHAT_IS_HANDED_OUT: Breaks = {
    "a trade is not": (
        """
from deribit_ws.tradeflow.flow import Flow
from deribit_ws.wire.market import Trade
take, taken = Flow.take, []
def leaving_out(self):
    taken.append(take(self))
    if len(taken) > 40 and isinstance(taken[-1], Trade) and self.ready and not hasattr(Flow, "left_out"):
        Flow.left_out = True
        return take(self)
    return taken[-1]
Flow.take = leaving_out
""",
        "1 trades missed",
    ),
    "a trade is, twice": (
        """
once = Flow.take
def twice(self):
    if len(taken) > 60 and isinstance(self.ready[0], Trade) and not hasattr(Flow, "doubled"):
        Flow.doubled = True
        return self.ready[0]
    return once(self)
Flow.take = twice
""",
        "delivered more than once",
    ),
    "a book is without a level": (
        """
from deribit_ws.orderbook import OrderBook
apply, applied = OrderBook.apply, []
def leaving_out_a_level(self, change):
    applied.append(change)
    if len(applied) > 10 and len(change.bids) > 1 and not hasattr(OrderBook, "spoilt"):
        OrderBook.spoilt = True
        del change.bids[0]
    return apply(self, change)
OrderBook.apply = leaving_out_a_level
""",
        "unlike the exchange's",
    ),
}
WHAT_A_DROP_DEMANDS: Breaks = {
    "history is not asked": (
        "from deribit_ws.tradeflow import InstrumentFlow\nInstrumentFlow.wanted = lambda self: None\n",
        "trades missed",
    ),
    "books are not doubted": (
        "from deribit_ws.books.books import Books\nBooks.disconnected = lambda self: None\n",
        "still valid when a new link came up",
    ),
    "an order in doubt is not looked up": (
        """
from deribit_ws.orders.intents.doubts import Doubts
from deribit_ws.errors import OrderNotPlaced
async def hoping(self, intent, error):
    raise OrderNotPlaced("let us hope", method=intent.method, label=intent.label)
Doubts.placed = hoping
""",
        "said not to be placed, and at the exchange",
    ),
}


@pytest.mark.parametrize("breaks", [WHAT_IS_HANDED_OUT, WHAT_A_DROP_DEMANDS], ids=["out", "drop"])
async def test_broken_client_is_found_out(breaks: Breaks, tmp_path: Path) -> None:
    """Whatever of the promise is broken, the account names it and the demo ends with 1."""
    (tmp_path / "sitecustomize.py").write_text("".join(code for code, _ in breaks.values()))
    ended = await ran("demo", "--seconds", "6", PYTHONPATH=f"{tmp_path}:{ROOT}")
    summary = ended.objects[-1]
    unsaid = [
        name
        for name, (_, said) in breaks.items()
        if not any(said in discrepancy for discrepancy in summary["discrepancies"])
    ]

    assert unsaid == [], summary["discrepancies"]
    assert ended.status == 1 and not summary["adds_up"]
