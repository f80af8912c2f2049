"""All methods by name, and the rules that hold for each: who may call what, by which way.

Knows: the list. Must not know: what the methods do, or how calls arrive. `session` and `http` run
their calls through `run`.
"""

from typing import Any

from deribit_ws.testing import market_methods, session_methods
from deribit_ws.testing.calls import Call
from deribit_ws.testing.envelope import METHOD_NOT_FOUND, Refusal

WEBSOCKET_NEEDED = 10030
WEBSOCKET_ONLY = {**market_methods.WEBSOCKET_METHODS, **session_methods.WEBSOCKET_METHODS}
METHODS = {**market_methods.METHODS, **session_methods.METHODS, **WEBSOCKET_ONLY}


def run(method: str, call: Call) -> Any:
    """The result of a method; raises Refusal."""
    if method.startswith("private/"):
        call.require_login()
    if method not in METHODS:
        raise Refusal(METHOD_NOT_FOUND)
    if call.connection is None and method in WEBSOCKET_ONLY:
        raise Refusal(WEBSOCKET_NEEDED)
    return METHODS[method](call)
