"""What the generated method classes stand on: arguments are checked, then handed to the client.

Knows: the generated rules, and one callable that makes the call. Must not know: connections,
answers, or which methods the client manages itself. `public` and `private` derive from `Methods`.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from deribit_ws.errors import UsageError
from deribit_ws.methods.checks import check
from deribit_ws.methods.rules import RULES

# Makes a call: its method, its parameters, the type to read the result as, and the seconds it may
# take (None: the client's own deadline).
TypedCall = Callable[[str, dict[str, Any], Any, float | None], Awaitable[Any]]

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


class Methods:
    """Methods of one scope, each one a coroutine function whose arguments are keywords."""

    def __init__(self, call: TypedCall) -> None:
        self._made_by = call

    async def _call(self, method: str, params: dict[str, Any], result: Any, timeout: float | None) -> Any:
        given = {name: value for name, value in params.items() if value is not None}
        check(method, given, RULES[method])
        return await self._made_by(method, given, result, timeout)


def named(method: str) -> Callable[[F], F]:
    """Make an argument that does not fit a UsageError which names the method, like any slip in a call."""

    def bind(function: F) -> F:
        @functools.wraps(function)
        async def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            if args:
                raise UsageError(f"{method}: its parameters go by name")
            try:
                coroutine = function(self, **kwargs)  # runs nothing yet: all that can fail is the binding
            except TypeError as error:
                raise UsageError(f"{method}: {str(error).partition('() ')[2]}") from None
            return await coroutine

        return cast("F", call)

    return bind
