"""What is known of each method by its name: its scope, and what a repeated call would do.

Knows: the facts of all 182 methods, generated from the tables in tools/methods. Must not know:
connections or deadlines. `client` repeats a call only when its method is a read; `limits` asks which
go to the matching engine. Only two methods have an idempotency nonce, no order method has any.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Any

import msgspec

from deribit_ws.wire.method_table import ROWS

# Calls a method with its parameters and gives its result; what rooms get that know no connection.
Call = Callable[[str, Mapping[str, Any]], Awaitable[Any]]


class Repeat(Enum):
    """What a second, identical call would do."""

    READ = "read"  # nothing: repeat freely
    SAME_END = "same_end"  # the end state is the same, though it may act on newer things
    LOGIN = "login"  # tokens rotate: never replay an old one
    WITH_NONCE = "with_nonce"  # safe only when the call carries the same nonce
    NEVER = "never"  # could act twice


class Method(msgspec.Struct, frozen=True):
    """The facts of one method.

    Args:
        repeat: what a second, identical call would do.
        scope: the scope it needs, e.g. "trade:read_write"; alternatives are parted by " or ", things
            needed together by " and ". "" where a login is enough, or none is needed.
        matching_engine: whether it counts against the limits of the matching engine.
        websocket_only: whether it has no HTTP form.
    """

    repeat: Repeat
    scope: str = ""
    matching_engine: bool = False
    websocket_only: bool = False


METHODS: dict[str, Method] = {
    name: Method(Repeat(repeat), scope, matching_engine, websocket_only)
    for name, repeat, scope, matching_engine, websocket_only in ROWS
}


def repeat_of(method: str) -> Repeat:
    """Say what repeating `method` would do; a `get_` method not in the table yet counts as a read."""
    known = METHODS.get(method)
    if known is not None:
        return known.repeat
    return Repeat.READ if method.partition("/")[2].startswith("get_") else Repeat.NEVER
