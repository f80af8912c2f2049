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
    yield f"Account of {account.seconds:.1f} s{ended}: the exchange's ledger, the callbacks' counts"
    yield ""
    yield from _trades(account)
    yield ""
    yield from _messages(account)
    yield ""
    yield from _drops(account)
    yield ""
    yield from _verdict(account)


def _trades(account: Account) -> Iterator[str]:
    yield f"{'Trades':<36}{'made':>6}{'sent':>8}{'delivered':>11}{'cut off':>9}{'missed':>8}"
    for line in (*account.trades, account.total):
        yield (
            f"  {line.channel:<34}{line.made:>6,}{line.sent:>8,}{line.delivered:>11,}"
            f"{line.cut_off:>9,}{line.missed:>8,}"
        )
    yield "  cut off: sent, but the drop was quicker.  missed: never sent, as no link was"
    yield "  up when they were due; this version does not fetch them later."


def _messages(account: Account) -> Iterator[str]:
    yield f"{'Messages':<36}{'':>6}{'sent':>8}{'delivered':>11}"
    for line in account.messages:
        yield f"  {line.kind:<34}{'':>6}{line.sent:>8,}{line.delivered:>11,}"
    sent = sum(line.sent for line in account.messages)
    delivered = sum(line.delivered for line in account.messages)
    yield f"  {'total':<34}{'':>6}{sent:>8,}{delivered:>11,}"


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
    if account.adds_up:
        duplicates = account.total.duplicates
        drops = f"{len(account.drops)} drops, {duplicates} duplicates"
        yield f"The account adds up: {drops}, nothing lost on a live link."
        if account.total.missed:
            yield f"What no link was there for: {account.total.missed:,} trades."
        return
    yield "THE ACCOUNT DOES NOT ADD UP:"
    for discrepancy in account.discrepancies:
        yield f"  {discrepancy}"


def ms(value: float | None) -> str:
    """Milliseconds, or seconds where there are many; a dash where there are none."""
    if value is None:
        return "–"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in counts.items()) or "none"
