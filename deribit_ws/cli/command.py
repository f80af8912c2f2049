"""From the words typed to a status: parse, run the command, turn failures into one line on stderr.

Knows: which command is which. Must not know: how any of them works; the one chosen is imported when
it is chosen, so that `tail` never loads the simulated exchange and `--help` loads nothing.
"""

import logging
import os
import sys
from argparse import Namespace
from collections.abc import Coroutine, Sequence
from typing import Any

from deribit_ws.cli.arguments import parser
from deribit_ws.cli.failures import BROKEN_PIPE, FAILED, USAGE, Failure
from deribit_ws.cli.logs import tell
from deribit_ws.cli.running import die_quietly, run
from deribit_ws.errors import DeribitError, OutcomeUnknown, UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `deribit-ws`; give its exit status."""
    die_quietly()  # until there is something to close
    if sys.stdout is None:  # the number of its descriptor may be a socket's soon
        tell("deribit-ws: started without a stdout to write to")
        return FAILED
    try:
        status = _main(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:
        status = BROKEN_PIPE
    if status == BROKEN_PIPE:
        _let_go_of_stdout()
    return status


def _main(argv: Sequence[str]) -> int:
    try:
        options = parser(_version).parse_args(argv)
        return run(_chosen(options))
    except SystemExit as end:  # --help and --version
        return end.code if isinstance(end.code, int) else 0
    except Failure as failure:
        if failure.args[0]:
            tell(f"deribit-ws: {failure}")
        return failure.status
    except DeribitError as error:
        tell(f"deribit-ws: {_said(error)}")
        return USAGE if isinstance(error, UsageError) else FAILED
    except BrokenPipeError:
        raise
    except Exception as error:
        logging.getLogger("deribit_ws.cli").info("the command failed", exc_info=error)
        tell(f"deribit-ws: a mistake of ours, please report it: {type(error).__name__}: {error}")
        return FAILED


def _chosen(options: Namespace) -> Coroutine[Any, Any, int]:
    match options.command:
        case "demo":
            from deribit_ws.cli.demo import run as chosen
        case "tail":
            from deribit_ws.cli.tail import run as chosen
        case "call":
            from deribit_ws.cli.call import run as chosen
        case "monitor":
            from deribit_ws.cli.monitor import run as chosen
        case "record":
            from deribit_ws.cli.record import run as chosen
        case "replay":
            from deribit_ws.cli.replay import run as chosen
        case "export":
            from deribit_ws.cli.export import run as chosen
        case _:
            from deribit_ws.cli.simulate import run as chosen
    return chosen(options)


def _said(error: DeribitError) -> str:
    if isinstance(error, OutcomeUnknown):
        return f"{error}; it was sent, and nobody here knows whether it acted"
    return str(error)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"deribit-ws {version('deribit_ws')}"
    except PackageNotFoundError:
        return "deribit-ws (not installed)"


def _let_go_of_stdout() -> None:
    """Nothing is left to be written when Python ends, which would be a traceback."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
