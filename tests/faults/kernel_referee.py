"""Holds a witness's account against the exchange's ledger: G1 to G6, G8 and G9 of a row, whatever befell it.

Knows the ledger, and what a witness writes down. Must not know which fault there was. It runs beside the
exchange, which may be another process than the witness's. Says in words what is wrong.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from deribit_ws.testing import SimulatedExchange
from tests.faults.kernel_witness import BOOKS, NOISE, OWN, TRADES, levels_digest

FOUND_SECONDS = 20.6  # of silence at most, with the link up and nothing told: 15, then a probe of 5 (G9)
BUSY = 0.05  # of a processor while there is no link (G8); the caller's own work is within it
LONG_DOWN = 3.0  # seconds without a link, from which on the processor's time tells anything
MARK_ERRORS = ("ArithmeticError",)  # on_error is told of the callback that raises, and of nothing else
ORDERS = ("private/buy", "orders.sell")
LEAVES_DOUBT = ("OutcomeUnknown", "CallTimeout")
NOT_DONE = ("RequestNotSent", "OrderNotPlaced", "RpcError")  # an error: its valid_until was over


def facts(exchange: SimulatedExchange) -> dict[str, Any]:
    """Give how far the exchange is, to be held against how far a witness has come."""
    last = exchange.ledger.last_versions(_user(exchange))
    return {
        "connections": len(exchange.connections),
        "trades": {name: exchange.market[name].next_trade_seq - 1 for name in TRADES},
        "books": {name: exchange.market[name].change_id for name, _ in BOOKS},
        "fills": len(exchange.ledger.user_trades[_user(exchange)]),
        "orders": {one["order_id"]: [one["order_state"], one["filled_amount"]] for one in last.values()},
    }


def behind(at: dict[str, Any], is_so: dict[str, Any]) -> list[str]:
    """Say in which ways a witness is not where the exchange is."""
    orders = {order_id: list(state) for order_id, state in at["orders"].items()}
    said = [] if at["connected"] else ["not connected"]
    said += [f"{key}: {at[key]}, not {is_so[key]}" for key in ("trades", "books") if at[key] != is_so[key]]
    said += [] if at["fills"] >= is_so["fills"] else [f"{at['fills']} fills of {is_so['fills']}"]
    said += [] if orders == is_so["orders"] else ["orders are not at their last versions"]
    return said + ([] if is_so["connections"] == 1 else [f"{is_so['connections']} connections"])


def faults(account: dict[str, Any], exchange: SimulatedExchange, *, drops: int) -> list[str]:
    """Say what is wrong with an account, given how often the link was to be lost."""
    return [
        *_trades(account, exchange),
        *_books(account, exchange),
        *_marks(account, drops),
        *_calls(account, exchange),
        *_own(account, exchange),
        *_rest(account),
    ]


def lacking_channels(exchange: SimulatedExchange) -> list[str]:
    """Say what the one connection is not subscribed to and should be, or the reverse (G5)."""
    wanted = {f"book.{name}.{interval}" for name, interval in BOOKS} | {NOISE, *OWN}
    wanted |= {f"trades.{name}.100ms" for name in TRADES}
    had = [set(session.channels) for session in exchange.connections.values()]
    return [] if had == [wanted] else [f"G5: subscribed to {had}, not {wanted}"]


def _trades(account: dict[str, Any], exchange: SimulatedExchange) -> Iterator[str]:
    for name, seqs in account["trades"].items():
        gaps = account["gaps"][name]
        if seqs != sorted(set(seqs)):
            yield f"G1: {name}: out of order, or more than once"
        if gaps:
            yield f"G1: {name}: lost {gaps}, which history has"
        made = exchange.ledger.trade_seqs_made(name, since=seqs[0]) if seqs else []
        if sorted(seqs) != made or not made:
            yield f"G1: {name}: {len(seqs)} of {len(made)}, without {sorted(set(made) - set(seqs))[:10]}"


def _books(account: dict[str, Any], exchange: SimulatedExchange) -> Iterator[str]:
    for name, looks in account["looks"].items():
        if not looks:
            yield f"G2: {name} was never valid"
        for change_id, digest in looks.items():
            real = exchange.ledger.book_at(name, int(change_id))
            if real is None or levels_digest(*real) != digest:
                yield f"G2: {name} at {change_id} is not the exchange's"
    yield from (f"G2: {said}" for said in account["unsound"])


def _marks(account: dict[str, Any], drops: int) -> Iterator[str]:
    names = [mark["name"] for mark in account["marks"]]
    wanted = ["Connected", *["Disconnected", "Connected"] * drops]
    if names != wanted:
        yield f"G3: {names}, not {wanted}: {[mark['reason'] for mark in account['marks']]}"
    if account["streamed"] != names[1:]:  # it was opened after the first
        yield f"G3: {account['streamed']} among the data, {names} to the handler"


def _calls(account: dict[str, Any], exchange: SimulatedExchange) -> Iterator[str]:
    ledger = exchange.ledger
    requests = [request for side in ("buy", "sell") for request in ledger.requests_of(f"private/{side}")]
    sent = Counter(_own_part(request.params["label"]) for request in requests)
    made = Counter(_own_part(order["label"]) for order in ledger.last_versions().values())
    for call in account["calls"]:
        if len(call["ended"]) != 1:
            yield f"G4: {call} ended {len(call['ended'])} times"
        elif call["method"] in ORDERS:
            outcome, label = call["ended"][0], call["label"]
            right = (0, 1) if outcome in LEAVES_DOUBT else (0,) if outcome in NOT_DONE else (1,)
            if made[label] not in right or sent[label] > 1:
                yield f"G4: {call}: sent {sent[label]} times, made {made[label]} times"
            if outcome in LEAVES_DOUBT and call["method"] == "orders.sell":
                yield f"G4: {call}: left in doubt"
        elif call["ended"] != ["done"]:
            yield f"G4: {call}: a read that could have been repeated"


def _own_part(label: str) -> str:
    """Leave out what makes a label unique."""
    return label.partition("~")[0]


def _own(account: dict[str, Any], exchange: SimulatedExchange) -> Iterator[str]:
    made = [trade["trade_id"] for trade in exchange.ledger.user_trades[_user(exchange)]]
    if Counter(account["fills"]) != Counter(made):
        yield f"G1: own fills: {len(account['fills'])} heard, {len(made)} made"


def _rest(account: dict[str, Any]) -> Iterator[str]:
    if account["left"]:
        yield f"G6: left behind: {account['left']}"
    if account["raised"] != account["callbacks"] or not account["raised"]:
        yield f"a callback raised {account['raised']} times, and on_error heard {account['callbacks']}"
    if others := [said for said in account["errors"] if not said.startswith(MARK_ERRORS)]:
        yield f"on_error was told: {others}"
    if account["longest_silence"] > FOUND_SECONDS:
        yield f"G9: nothing for {account['longest_silence']:.1f} s"
    marks = account["marks"]
    for lost, found in zip(marks[1::2], marks[2::2], strict=False):
        down, used = found["at"] - lost["at"], found["cpu"] - lost["cpu"]
        if down > LONG_DOWN and used > BUSY * down:
            yield f"G8: {used:.2f} s of the processor in {down:.1f} s without a link"


def _user(exchange: SimulatedExchange) -> int:
    return exchange.logins.user("simulated")
