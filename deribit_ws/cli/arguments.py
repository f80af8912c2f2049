"""The command line: what may be typed, and what `--help` says.

Knows: options and their limits. Must not know: how anything is done, nor import what does it, so
that `--help` stays quick. `command` parses with it.
"""

import argparse
from collections.abc import Callable
from typing import NoReturn

from deribit_ws.cli import help as text
from deribit_ws.cli import values
from deribit_ws.cli.failures import USAGE, Failure


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Fail with usage's status."""
        raise Failure(f"{message} (see {self.prog} --help)", USAGE)


def parser(version: Callable[[], str]) -> Parser:
    """The whole command line; `version` is asked only when it is to be shown."""
    main = _parser(Parser, prog="deribit-ws", description="Deribit over a websocket.", epilog=text.MAIN)
    main.add_argument("--version", action=_Version, shown=version, nargs=0, help="show it and end")
    commands = main.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", parser_class=Parser, required=True
    )
    for name, (help, about, end, add) in _COMMANDS.items():
        add(_command(commands, name, help, about, end))
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
    limits = f"{values.LEAST_DEMO_SECONDS} to {values.MOST_DEMO_SECONDS}"
    demo.add_argument(
        "--seconds", type=values.demo_seconds, default=38.0, metavar="N", help=f"{limits}; default 38"
    )
    demo.add_argument("--seed", type=values.whole, default=0, metavar="N", help="of the market; default 0")


def _add_tail(tail: Parser) -> None:
    _add_channels(tail)
    _add_place(tail)
    _add_json(tail)


def _add_call(call: Parser) -> None:
    call.add_argument("method", metavar="METHOD", help="e.g. public/ticker")
    call.add_argument("params", nargs="*", metavar="key=value", help="its parameters")
    _add_place(call)
    call.add_argument(
        "--timeout",
        type=values.seconds,
        default=30.0,
        metavar="S",
        help="seconds, for connecting too; default 30",
    )


def _add_monitor(monitor: Parser) -> None:
    _add_channels(monitor)
    _add_place(monitor)
    monitor.add_argument("--plain", action="store_true", help="lines on a terminal too")


def _add_record(record: Parser) -> None:
    _add_channels(record)
    _add_place(record)
    record.add_argument(
        "--out", type=values.path, required=True, metavar="FILE", help="a new file; .gz compresses it"
    )
    record.add_argument(
        "--for", dest="seconds", type=values.duration, metavar="TIME", help="e.g. 90s, 15m, 1h, 2d"
    )
    record.add_argument(
        "--rotate",
        type=values.rotation,
        default=values.Rotation(),
        metavar="EVERY",
        help="begin a new file so often: 1h, 100MB",
    )


def _add_replay(replay: Parser) -> None:
    _add_file(replay)
    _add_speed(replay)
    _add_json(replay)


def _add_export(export: Parser) -> None:
    _add_file(export)
    export.add_argument("--to", required=True, choices=("parquet", "csv"), help="what to write")
    export.add_argument(
        "--out", type=values.path, metavar="DIR", help="a new folder; by default named as the file, beside it"
    )


def _add_simulate(simulate: Parser) -> None:
    simulate.add_argument(
        "--host", type=values.host, default="127.0.0.1", help="default 127.0.0.1: this machine only"
    )
    simulate.add_argument("--port", type=values.port, default=0, metavar="N", help="default 0: a free one")
    simulate.add_argument("--tls", action="store_true", help="wss, with a certificate made for this run")
    simulate.add_argument("--seed", type=values.whole, metavar="N", help="of the market; default 0")
    simulate.add_argument(
        "--drop-every",
        type=values.seconds,
        metavar="S",
        help="drop all connections so often, in turn in each way",
    )
    simulate.add_argument(
        "--from", dest="file", type=values.path, metavar="FILE", help="serve this recording"
    )
    _add_speed(simulate)


def _add_channels(command: Parser) -> None:
    command.add_argument("channels", nargs="+", metavar="CHANNEL", help="e.g. quote.ETH-PERPETUAL")


def _add_place(command: Parser) -> None:
    place = command.add_mutually_exclusive_group()
    place.add_argument("--testnet", action="store_true", help="test.deribit.com instead of production")
    place.add_argument("--url", help="any ws:// or wss:// URL")


def _add_json(command: Parser) -> None:
    command.add_argument("--json", action="store_true", help="JSON lines on a terminal too")


def _add_file(command: Parser) -> None:
    command.add_argument(
        "file", type=values.path, metavar="FILE", help="a recording; further parts of it are found"
    )


def _add_speed(command: Parser) -> None:
    command.add_argument(
        "--speed",
        type=values.speed,
        metavar="N",
        help="times the recorded pace, or max; default 1",
    )


# What each command is for, in a word and at length, what follows its options, and what these are.
_COMMANDS: dict[str, tuple[str, str, str, Callable[[Parser], None]]] = {
    "demo": ("watch a client live through drops", text.DEMO, text.DEMO_END, _add_demo),
    "tail": ("print the messages of channels", text.TAIL, text.TAIL_END, _add_tail),
    "call": ("call a method, print its result", text.CALL, text.CALL_END, _add_call),
    "monitor": ("see whether a feed is healthy", text.MONITOR, text.MONITOR_END, _add_monitor),
    "record": ("write a connection to a file", text.RECORD, text.RECORD_END, _add_record),
    "replay": ("print a recording's messages", text.REPLAY, text.REPLAY_END, _add_replay),
    "export": ("turn a recording into tables", text.EXPORT, text.EXPORT_END, _add_export),
    "simulate": ("run a simulated exchange", text.SIMULATE, text.SIMULATE_END, _add_simulate),
}


class _Version(argparse.Action):
    def __init__(self, *args: object, shown: Callable[[], str], **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]  # argparse's own business
        self._shown = shown

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(self._shown())
        parser.exit()
