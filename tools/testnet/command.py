"""The command: what was asked for, against which exchange and as whom, and with what status it ends.

Knows: options and the environment. Must not know: any check. Credentials come from the environment
only. Production is refused: the checks provoke errors on purpose.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from deribit_ws import TESTNET, Credentials
from deribit_ws.cli.environment import CLIENT_ID, CLIENT_SECRET, URL
from deribit_ws.cli.failures import BROKEN_PIPE
from deribit_ws.endpoints import fault_of, is_private
from tools.testnet.bench import Bench
from tools.testnet.catalogue import CHECKS
from tools.testnet.checks import Check
from tools.testnet.masking import Mask
from tools.testnet.pace import Pace
from tools.testnet.report import Report, counted
from tools.testnet.running import Terms, run
from tools.testnet.verdicts import Undecided, Verdict

HOLDS, REFUTED, USAGE, NOTHING_DECIDED = 0, 1, 2, 3
INTERRUPTED = 130  # what a shell calls an end by Ctrl-C
_PATIENCE = 90.0  # seconds a check may take by its nature: all there are, with some to spare


class Mistake(Exception):
    """The command was used wrongly."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; give its exit status: 0 nothing refuted, 1 something, 2 usage, 3 nothing decided."""
    options = _options(sys.argv[1:] if argv is None else argv)
    try:
        status = _main(options)
        sys.stdout.flush()
    except* BrokenPipeError:  # alone, or out of the checks' task group
        status = BROKEN_PIPE
        # Else Python would write what is left when it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _main(options: argparse.Namespace) -> int:
    if options.list:
        _list(CHECKS)
        return HOLDS
    try:
        checks, url, credentials = _chosen(options.checks), _url(), _credentials()
        if credentials is not None and not is_private(url):
            raise Mistake("credentials over ws:// to another machine can be read by others: use wss://")
        _writable(options.out)
    except Mistake as mistake:
        print(f"testnet: {mistake}", file=sys.stderr)
        return USAGE
    logging.disable(logging.ERROR)  # a lost or refused link is part of the matter, and told as a finding
    return _judge(checks, url, credentials, options)


def _judge(
    checks: Sequence[Check], url: str, credentials: Credentials | None, options: argparse.Namespace
) -> int:
    secrets = (credentials.client_id, credentials.client_secret) if credentials else ()
    mask = Mask(*secrets)
    report = Report(url, checks, mask)
    asked_to_act = "checks that act allowed" if options.orders else "checks that act left out"
    login = "with a login" if credentials else f"without a login (set {CLIENT_ID} and {CLIENT_SECRET})"
    print(f"{counted(len(checks))} of {url}, {login}, {asked_to_act}", flush=True)
    interrupted = False
    try:
        asyncio.run(_run(checks, url, credentials, options, mask, report))
    except KeyboardInterrupt:
        interrupted = True
    except Undecided as why:
        print(f"testnet: {url}: {mask.words(str(why))}", file=sys.stderr)
        return NOTHING_DECIDED
    report.table()
    if options.out is not None:
        report.write(options.out)
        print(f"evidence: {options.out}")
    return INTERRUPTED if interrupted else _status(report)


async def _run(
    checks: Sequence[Check],
    url: str,
    credentials: Credentials | None,
    options: argparse.Namespace,
    mask: Mask,
    report: Report,
) -> None:
    pace = Pace()

    def bench(seconds: float) -> Bench:
        return Bench(url, credentials, mask, pace, seconds)

    async with bench(0).peer():
        pass  # raises Undecided when there is nobody: better than so many times by each check
    await run(checks, bench, Terms(options.orders, options.seconds), report.tell)


def _status(report: Report) -> int:
    if report.count(Verdict.REFUTED):
        return REFUTED
    return HOLDS if report.count(Verdict.CONFIRMED) else NOTHING_DECIDED


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="testnet",
        description="Check what this project believes of Deribit against its test exchange.",
        epilog=f"{URL} names another exchange; {CLIENT_ID} and {CLIENT_SECRET} are the API key.",
    )
    parser.add_argument(
        "checks", nargs="*", metavar="CHECK", help="its name, or how it begins; all by default"
    )
    parser.add_argument("--list", action="store_true", help="list the checks and end")
    parser.add_argument(
        "--orders", action="store_true", help="allow checks that act: orders, logout, sessions"
    )
    parser.add_argument(
        "--seconds",
        type=_positive,
        default=_PATIENCE,
        help="leave out checks that take longer (default: %(default)g)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write results and frames as JSON, masked")
    return parser.parse_args(argv)


def _positive(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be above zero")
    return seconds


def _chosen(names: Sequence[str]) -> list[Check]:
    for name in names:
        if not any(check.name.startswith(name) for check in CHECKS):
            raise Mistake(f"no check begins with {name!r}; --list shows them")
    return [check for check in CHECKS if not names or check.name.startswith(tuple(names))]


def _url() -> str:
    url = os.environ.get(URL) or TESTNET
    if fault := fault_of(url):
        raise Mistake(f"{URL}: {fault}")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if "@" in parts.netloc:
        raise Mistake(f"{URL}: no user or password in it")
    if host.endswith("deribit.com") and host != urlsplit(TESTNET).hostname:
        raise Mistake(f"{URL}: {host} is no test exchange, and these checks provoke errors on purpose")
    return url


def _credentials() -> Credentials | None:
    client_id, secret = os.environ.get(CLIENT_ID), os.environ.get(CLIENT_SECRET)
    if bool(client_id) != bool(secret):
        raise Mistake(f"half an API key: set both {CLIENT_ID} and {CLIENT_SECRET}, or neither")
    return Credentials(client_id, secret) if client_id and secret else None


def _writable(path: Path | None) -> None:
    """Complain before the checks rather than after them."""
    if path is None:
        return
    try:
        path.touch()
    except OSError as error:
        raise Mistake(f"--out: {error}") from None


def _list(checks: Sequence[Check]) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        needs = "not decided here" if check.why_not else f"needs {check.needs.value}"
        print(f"{check.name:{width}}  {check.facts}: {check.claim} [{needs}]")
