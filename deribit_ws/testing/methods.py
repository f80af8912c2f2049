"""All methods by name, and the rules that hold for each: who may call what, by which way.

Knows: the list, and the order of the rules. Must not know: what the methods do, or how calls
arrive. `service` and `http` run their calls through `run`, charged before.
"""

from typing import Any

from deribit_ws.testing import (
    account_methods,
    login_methods,
    market_methods,
    order_methods,
    order_reads,
    session_methods,
    trade_reads,
)
from deribit_ws.testing.calls import Call
from deribit_ws.testing.envelope import METHOD_NOT_FOUND, Refusal
from deribit_ws.wire.methods import METHODS as DOCUMENTED

TOO_MANY_REQUESTS = 10028
WEBSOCKET_NEEDED = 10030
NOT_IMPLEMENTED = 10033
FORBIDDEN = 13021
WEBSOCKET_ONLY = {
    **login_methods.WEBSOCKET_METHODS,
    **market_methods.WEBSOCKET_METHODS,
    **session_methods.WEBSOCKET_METHODS,
}
METHODS = {
    **market_methods.METHODS,
    **login_methods.METHODS,
    **account_methods.METHODS,
    **order_methods.METHODS,
    **order_reads.METHODS,
    **trade_reads.METHODS,
    **WEBSOCKET_ONLY,
}


class Exhausted(Refusal):
    """The caller's credits are used up: the answer is its connection's last."""

    def __init__(self) -> None:
        super().__init__(TOO_MANY_REQUESTS)


def charge(method: str, call: Call) -> None:
    """Take the credits of a call, whatever becomes of it; raises Exhausted."""
    if not call.venue.credits.charge(call.holder(), method, call.params.values):
        raise Exhausted


def run(method: str, call: Call) -> Any:
    """The result of a method; raises Refusal."""
    if method.startswith("private/"):
        login = call.required_login()
        if not login.scope.allows(scope_of(method)):
            raise Refusal(FORBIDDEN)
    if method not in METHODS:
        raise Refusal(NOT_IMPLEMENTED if method in DOCUMENTED else METHOD_NOT_FOUND)
    if call.connection is None and method in WEBSOCKET_ONLY:
        raise Refusal(WEBSOCKET_NEEDED)
    return call.venue.answers.get(method, METHODS[method])(call)


def scope_of(method: str) -> str | None:
    """The scope a method needs beyond a login, None where that is enough."""
    documented = DOCUMENTED.get(method)
    return documented.scope or None if documented else None
