"""The client: the composition root, which connects, rebuilds and routes.

`client` is the public face, `lifecycle` the order of a link's life, `calls` what may be asked twice.
"""

from deribit_ws.client.client import Client
from deribit_ws.client.lifecycle import State

__all__ = ["Client", "State"]
