"""The closing account in words, for people.

Knows: how the account reads best in 80 columns. Must not know: where it came from, or colours.
"""

import textwrap
from collections.abc import Iterator, Mapping

from deribit_ws.cli.demo.account import Account

WIDTH = 80  # columns


def report(account: Account) -> Iterator[str]:
    """The account, line by line."""
    ended = " (interrupted)" if account.interrupted else ""
    yield f"Account of {account.seconds:.1f} s{ended}: the exchange's ledger, and what the client handed out"
    for part in (_trades, _books, _orders, _messages, _drops, _verdict):
        yield ""
        yield from part(account)


def _trades(account: Account) -> Iterator[str]:
    yield f"{'Trades':<26}{'made':>9}{'sent live':>12}{'recovered':>12}{'delivered':>12}{'missed':>9}"
    for line in (*account.trades, account.trades_total):
        yield (
            f"  {line.instrument:<24}{line.made:>9,}{line.sent:>12,}{line.recovered:>12,}"
            f"{line.delivered:>12,}{line.missed:>9,}"
        )
    total = account.trades_total
    wrong = {"twice": total.duplicates, "out of order": total.out_of_order, "lost": total.declared_lost}
    yield "  recovered: delivered from history; " + ", ".join(f"{name} {n}" for name, n in wrong.items())


def _books(account: Account) -> Iterator[str]:
    numbers = f"{'compared':>9}{'equal':>8}{'crossed':>9}"
    yield f"{'Books':<26}{numbers}{'not valid':>11}{'median':>8}{'longest':>9}"
    for line in (*account.books, account.books_total):
        yield (
            f"  {line.instrument:<24}{line.compared:>9,}{line.equal:>8,}{line.crossed:>9,}"
            f"{line.not_valid:>11,}{ms(line.p50_ms):>8}{ms(line.longest_ms):>9}"
        )
    resyncs = account.books_total.resyncs
    yield f"  not valid: from a drop or gap to the next snapshot; resyncs after a gap {resyncs}"


def _orders(account: Account) -> Iterator[str]:
    sums = account.orders
    yield f"Own orders: {sums.intents} wanted, {sums.placed} placed, {sums.not_placed} proved not placed"
    left = f", {sums.open} not seen through" if sums.open else ""
    yield f"  at the exchange {sums.at_exchange}; cut off in mid-air, and found out {sums.cut}{left}"


def _messages(account: Account) -> Iterator[str]:
    counts = [f"{line.kind} {line.delivered:,} of {line.sent:,}" for line in account.messages]
    yield "Messages delivered to callbacks, of those sent; states are not fetched again"
    yield from _wrapped(", ".join(counts) or "none")


def _drops(account: Account) -> Iterator[str]:
    yield f"{'Drops':<36}{'':>6}{'noticed after':>19}{'back after':>17}"
    for line in account.drops:
        yield f"  {line.kind:<40}{ms(line.noticed_ms):>19}{ms(line.back_ms):>17}"
    if account.recovery_ms is not None:
        p50, longest = account.recovery_ms
        yield f"  back after: median {ms(p50)}, longest {ms(longest)}"
    yield from _wrapped(f"links ended: {_counted(account.links_ended)}")
    yield from _wrapped(f"dials refused: {_counted(account.dials_refused)}")
    for error in account.errors:
        yield f"  reported by the client: {error}"


def _verdict(account: Account) -> Iterator[str]:
    if not account.adds_up:
        yield "THE ACCOUNT DOES NOT ADD UP:"
        yield from (f"  {discrepancy}" for discrepancy in account.discrepancies)
        return
    trades, books, orders = account.trades_total, account.books_total, account.orders
    doubt = f"{orders.open} not seen through" if orders.open else "none in doubt"  # after a signal
    yield from textwrap.wrap(
        f"The account adds up: through {len(account.drops)} drops, {trades.made:,} trades made,"
        f" {trades.delivered:,} delivered, {trades.missed} missed; {books.compared:,} books compared, all"
        f" equal; {orders.intents} orders wanted, {doubt}, none twice.",
        WIDTH,
    )


def ms(value: float | None) -> str:
    """Milliseconds, or seconds where there are many; a dash where there are none."""
    if value is None:
        return "–"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in counts.items()) or "none"
