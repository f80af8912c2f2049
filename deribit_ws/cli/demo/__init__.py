"""`deribit-ws demo`: a client and a simulated exchange, drops in between, and an honest account.

Only `run` is for others: `command` calls it.
"""

from deribit_ws.cli.demo.show import run

__all__ = ["run"]
