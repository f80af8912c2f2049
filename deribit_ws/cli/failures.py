"""How the command ends: its exit statuses, and the one error that carries a line for the user.

Knows: numbers and words. Must not know: what was being done. Every room of the command raises
`Failure`; `command` alone turns it into a line on stderr and a status.
"""

OK = 0
FAILED = 1  # it was tried, and did not work
USAGE = 2  # it can't work as it was asked for; argparse's own number
BROKEN_PIPE = 141  # 128 + SIGPIPE: the reader of our output has left


class Failure(Exception):
    """Ends the command with one line on stderr and a status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status
