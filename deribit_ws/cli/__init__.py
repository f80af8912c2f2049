"""The command `deribit-ws`. Only `main` is for others: the entry point and `__main__` call it.

What the command needs is imported when it runs, so that Ctrl-C during the imports is no traceback.
"""

import signal
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `deribit-ws`; give its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to close

    from deribit_ws.cli.command import main as command

    return command(argv)
