"""The command `deribit-ws`. Only `main` is for others: the entry point and `__main__` call it."""

from deribit_ws.cli.command import main

__all__ = ["main"]
