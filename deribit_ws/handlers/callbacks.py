"""What a callback of a typed channel looks like to a type checker, in each form it may ask for.

Knows: `Channel[T]` and the forms a payload comes in. Holds types only, nothing that runs. `on` and
`Client.on` are typed with these; a plain string as pattern stays unchecked.
"""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from deribit_ws.wire.messages import Notification

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")
P = ParamSpec("P")


class Decorator(Protocol[T]):
    """Registers a function that takes messages of a channel with payload `T`, and gives it back."""

    @overload
    def __call__(self, callback: Callable[Concatenate[T, P], R], /) -> Callable[Concatenate[T, P], R]: ...

    @overload
    def __call__(
        self, callback: Callable[Concatenate[dict[str, Any], P], R], /
    ) -> Callable[Concatenate[dict[str, Any], P], R]: ...

    @overload
    def __call__(
        self, callback: Callable[Concatenate[list[Any], P], R], /
    ) -> Callable[Concatenate[list[Any], P], R]: ...

    @overload
    def __call__(
        self, callback: Callable[Concatenate[bytes, P], R], /
    ) -> Callable[Concatenate[bytes, P], R]: ...

    @overload
    def __call__(
        self, callback: Callable[Concatenate[Notification[T], P], R], /
    ) -> Callable[Concatenate[Notification[T], P], R]: ...


class MethodDecorator(Protocol[T]):
    """The same for a method of a `Handler` class, whose first parameter is the handler."""

    @overload
    def __call__(
        self, callback: Callable[Concatenate[S, T, P], R], /
    ) -> Callable[Concatenate[S, T, P], R]: ...

    @overload
    def __call__(
        self, callback: Callable[Concatenate[S, dict[str, Any], P], R], /
    ) -> Callable[Concatenate[S, dict[str, Any], P], R]: ...

    @overload
    def __call__(
        self, callback: Callable[Concatenate[S, list[Any], P], R], /
    ) -> Callable[Concatenate[S, list[Any], P], R]: ...

    @overload
    def __call__(
        self, callback: Callable[Concatenate[S, bytes, P], R], /
    ) -> Callable[Concatenate[S, bytes, P], R]: ...

    @overload
    def __call__(
        self, callback: Callable[Concatenate[S, Notification[T], P], R], /
    ) -> Callable[Concatenate[S, Notification[T], P], R]: ...
