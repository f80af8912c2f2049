"""What the generated method classes stand on: arguments are checked, then handed to the client.

Knows: the generated rules, and one callable that makes the call. Must not know: connections,
answers, or which methods the client manages itself. `public` and `private` derive from `Methods`.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from deribit_ws.errors import UsageError
from deribit_ws.methods.checks import check
from deribit_ws.methods.rules import RULES

# Makes a call: its method, its parameters, the type to read the result as, and the seconds it may
# take (None: the client's own deadline).
TypedCall = Callable[[str, dict[str, Any], Any, float | None], Awaitable[Any]]


class Methods:
    """Methods of one scope, each one a coroutine function whose arguments are keywords."""

    def __init__(self, call: TypedCall) -> None:
        self._made_by = call

    def __init_subclass__(cls, *, scope: str) -> None:
        """Make a wrong argument name a UsageError, like any other slip in a call."""
        for method in RULES:
            if method.startswith(f"{scope}/"):
                name = python_name(method)
                setattr(cls, name, _bound(method, getattr(cls, name)))

    async def _call(self, method: str, params: dict[str, Any], result: Any, timeout: float | None) -> Any:
        given = {name: value for name, value in params.items() if value is not None}
        check(method, given, RULES[method])
        return await self._made_by(method, given, result, timeout)


def python_name(method: str) -> str:
    """Give the attribute that stands for a method: `private/pme/simulate` is `pme_simulate`."""
    return method.partition("/")[2].replace("/", "_")


def _bound(method: str, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            coroutine = function(*args, **kwargs)  # runs nothing yet: all that can fail is the binding
        except TypeError as error:
            raise UsageError(f"{method}: {str(error).partition('() ')[2]}") from None
        return await coroutine

    return call
