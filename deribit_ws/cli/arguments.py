"""The command line: what may be typed, and what `--help` says.

Knows: options and their limits. Must not know: how anything is done, nor import what does it, so
that `--help` stays quick. `command` parses with it.
"""

import argparse
import math
from collections.abc import Callable
from typing import NoReturn

from deribit_ws.cli.failures import USAGE, Failure

MOST_DEMO_SECONDS = 55  # with its closing account the demo stays below a minute
LEAST_DEMO_SECONDS = 6  # below it five drops and their recovery do not fit
LONGEST = 10 * 365 * 86_400.0  # seconds: what any timer here can count

_STATUSES = """\
exit status:
  0    done
  1    it did not work: refused, or no answer in time (a dial that fails in
       passing is tried again, by `tail` without end)
  2    it can't work as asked: a wrong option, name or value
  130  ended by SIGINT (Ctrl-C)      143  ended by SIGTERM
  141  the reader of its output left (deribit-ws … | head -1)
"""
_ENVIRONMENT = """\
environment:
  DERIBIT_URL                the default for --url
  DERIBIT_CLIENT_ID          an API key; sent only when something private or
  DERIBIT_CLIENT_SECRET      raw is asked for, and never over plain ws://
                             to another machine
"""
_MAIN = f"""\
examples:
  deribit-ws demo
  deribit-ws tail ticker.BTC-PERPETUAL.100ms trades.BTC-PERPETUAL.100ms
  deribit-ws call public/get_order_book instrument_name=BTC-PERPETUAL depth=5
  deribit-ws simulate --tls

{_ENVIRONMENT}
{_STATUSES}"""
_DEMO = """\
Starts a simulated exchange on loopback and a client that watches it, and lets
the connection drop in many ways. On a terminal it shows a live view (with rich
installed), into a pipe it writes one JSON object per event. The closing account
compares the exchange's ledger with what the client handed out: each trade,
each state of each book, each order.
"""
_DEMO_END = """\
examples:
  deribit-ws demo
  deribit-ws demo --seconds 10 --seed 7
  deribit-ws demo | jq 'select(.event == "summary")'

exit status:
  0    the account adds up
  1    it does not: something was missed, doubled or made up, or a book or an
       order was not as the exchange has it
  2    a wrong option
  130  ended by SIGINT (Ctrl-C), 143 by SIGTERM; the account so far is given
  141  the reader of its output left
"""
_TAIL = """\
Prints each message of some channels, and stays connected through drops. On a
terminal: a readable line each. Into a pipe, or with --json: one JSON object
each, {"channel", "data" as received, "received_at" in ns since the epoch}.
What happens to the connection is told on stderr.
"""
_TAIL_END = f"""\
examples:
  deribit-ws tail ticker.BTC-PERPETUAL.100ms
  deribit-ws tail --testnet trades.option.any.100ms | jq .data[].price
  deribit-ws tail --url ws://127.0.0.1:8080/ws/api/v2 book.ETH-PERPETUAL.100ms

{_ENVIRONMENT}
{_STATUSES}"""
_CALL = """\
Calls one method and prints its result as JSON: indented on a terminal, one
line in a pipe. A value is taken as JSON where it parses, else as a string:
depth=5 is a number, label='"5"' a string. A read is asked again when the
connection drops under it; anything else is sent at most once.
"""
_CALL_END = f"""\
examples:
  deribit-ws call public/get_time
  deribit-ws call public/get_instruments currency=BTC kind=option --timeout 60
  deribit-ws call --testnet private/get_position instrument_name=BTC-PERPETUAL

{_ENVIRONMENT}
{_STATUSES}"""
_SIMULATE = """\
Runs the simulated exchange until it is stopped. The first line on stdout is
JSON with its URLs (and the file of its certificate authority, with --tls); the
account to log in with is client id "simulated", secret "secret".
"""
_SIMULATE_END = f"""\
examples:
  deribit-ws simulate --port 8080
  deribit-ws simulate --drop-every 10
  deribit-ws simulate --tls     (it says how to trust its certificate)

{_STATUSES}"""


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Fail with usage's status."""
        raise Failure(f"{message} (see {self.prog} --help)", USAGE)


def parser(version: Callable[[], str]) -> Parser:
    """The whole command line; `version` is asked only when it is to be shown."""
    main = _parser(Parser, prog="deribit-ws", description="Deribit over a websocket.", epilog=_MAIN)
    main.add_argument("--version", action=_Version, shown=version, nargs=0, help="show it and end")
    commands = main.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", parser_class=Parser, required=True
    )
    _add_demo(_command(commands, "demo", "watch a client live through drops", _DEMO, _DEMO_END))
    _add_tail(_command(commands, "tail", "print the messages of channels", _TAIL, _TAIL_END))
    _add_call(_command(commands, "call", "call a method, print its result", _CALL, _CALL_END))
    _add_simulate(_command(commands, "simulate", "run a simulated exchange", _SIMULATE, _SIMULATE_END))
    return main


def _parser(kind: Callable[..., Parser], *args: object, **options: object) -> Parser:
    formatter = argparse.RawDescriptionHelpFormatter
    return kind(*args, formatter_class=formatter, allow_abbrev=False, **options)


def _command(
    commands: "argparse._SubParsersAction[Parser]", name: str, help: str, about: str, end: str
) -> Parser:
    command = _parser(commands.add_parser, name, help=help, description=about, epilog=end)
    command.add_argument("-v", "--verbose", action="store_true", help="also log INFO, to stderr")
    return command


def _add_demo(demo: Parser) -> None:
    limits = f"{LEAST_DEMO_SECONDS} to {MOST_DEMO_SECONDS}"
    demo.add_argument(
        "--seconds", type=_demo_seconds, default=38.0, metavar="N", help=f"{limits}; default 38"
    )
    demo.add_argument("--seed", type=_whole, default=0, metavar="N", help="of the market; default 0")


def _add_tail(tail: Parser) -> None:
    tail.add_argument("channels", nargs="+", metavar="CHANNEL", help="e.g. quote.ETH-PERPETUAL")
    _add_place(tail)
    tail.add_argument("--json", action="store_true", help="JSON lines on a terminal too")


def _add_call(call: Parser) -> None:
    call.add_argument("method", metavar="METHOD", help="e.g. public/ticker")
    call.add_argument("params", nargs="*", metavar="key=value", help="its parameters")
    _add_place(call)
    call.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="S", help="seconds, for connecting too; default 30"
    )


def _add_simulate(simulate: Parser) -> None:
    simulate.add_argument(
        "--host", type=_host, default="127.0.0.1", help="default 127.0.0.1: this machine only"
    )
    simulate.add_argument("--port", type=_port, default=0, metavar="N", help="default 0: a free one")
    simulate.add_argument("--tls", action="store_true", help="wss, with a certificate made for this run")
    simulate.add_argument("--seed", type=_whole, default=0, metavar="N", help="of the market; default 0")
    simulate.add_argument(
        "--drop-every", type=_seconds, metavar="S", help="drop all connections so often, in turn in each way"
    )


def _add_place(command: Parser) -> None:
    place = command.add_mutually_exclusive_group()
    place.add_argument("--testnet", action="store_true", help="test.deribit.com instead of production")
    place.add_argument("--url", help="any ws:// or wss:// URL")


class _Version(argparse.Action):
    def __init__(self, *args: object, shown: Callable[[], str], **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]  # argparse's own business
        self._shown = shown

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(self._shown())
        parser.exit()


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a whole number: {text!r}") from None


def _port(text: str) -> int:
    port = _whole(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"not a port: {text!r} (0 to 65535)")
    return port


def _host(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("no host: it would listen at every address of this machine")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f"not a number of seconds above 0: {text!r}")
    return seconds


def _demo_seconds(text: str) -> float:
    seconds = _seconds(text)
    if not LEAST_DEMO_SECONDS <= seconds <= MOST_DEMO_SECONDS:
        raise argparse.ArgumentTypeError(f"{text}: between {LEAST_DEMO_SECONDS} and {MOST_DEMO_SECONDS}")
    return seconds
