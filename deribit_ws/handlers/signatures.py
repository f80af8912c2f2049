"""Reading a callback's signature, once, when it is registered.

Knows: what parameters and annotations may mean. Must not know: routing or queues. `registry` asks
here before anything is routed, so that a callback that can't fit fails at once and by name.
"""

import collections.abc
import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from deribit_ws.errors import UsageError
from deribit_ws.router import Form
from deribit_ws.wire.channels import Pattern, families_meant
from deribit_ws.wire.messages import Notification

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)
_PLAIN = (dict, list, Any, collections.abc.Mapping, collections.abc.MutableMapping)
_SEQUENCES = (list, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)


@dataclass(frozen=True, slots=True)
class Signature:
    """How a callback wants to be called."""

    form: Form
    wants_notification: bool
    names: tuple[str, ...]  # the placeholders it takes as keyword arguments
    is_coroutine: bool


def read_signature(callback: Callable[..., Any], pattern: Pattern) -> Signature:
    """Read what `callback` asks for.

    Raises:
        UsageError: it can't be called with what the pattern's channels give; names the parameter.
    """
    if not callable(callback):
        raise UsageError(f"{callback!r} can't be called")
    shown, function = describe(callback), _function(callback)
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise UsageError(f"{shown} is a generator: a callback must not yield")
    is_coroutine = inspect.iscoroutinefunction(function)
    try:
        parameters = tuple(inspect.signature(callback).parameters.values())
    except (ValueError, TypeError):  # some built-ins tell nothing: taken at their word
        return Signature(Form.TYPED, False, (), is_coroutine)
    if not parameters or parameters[0].kind not in _POSITIONAL:
        first = f": parameter {parameters[0].name!r} can't be given by position" if parameters else ""
        raise UsageError(f"{shown} takes no payload{first}")
    annotation = _annotation(function, parameters[0], shown)
    form, wants_notification = _form(annotation, parameters[0], pattern, shown)
    return Signature(form, wants_notification, _names(parameters, pattern, shown), is_coroutine)


def describe(callback: Callable[..., Any]) -> str:
    """Name a callback as its author knows it."""
    function = _function(callback)
    return str(getattr(function, "__qualname__", None) or repr(callback))


def _function(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Find the function that is run: under partials, and behind `__call__`."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    if inspect.isroutine(callback) or inspect.isclass(callback) or inspect.iscoroutinefunction(callback):
        return callback
    return getattr(callback, "__call__", callback)  # noqa: B004  the method itself is wanted


def _names(parameters: Sequence[inspect.Parameter], pattern: Pattern, shown: str) -> tuple[str, ...]:
    """Give the placeholders that go in by name; the first parameter is the payload's."""
    names: list[str] = []
    for parameter in parameters[1:]:
        is_named = parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            taken = {parameters[0].name, *names}
            names.extend(name for name in pattern.names if name not in taken)
        elif is_named and parameter.name in pattern.names:
            names.append(parameter.name)
        elif parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL:
            why = f"is no placeholder of {pattern.text!r}" if is_named else "can't be given by name"
            raise UsageError(f"{shown}: parameter {parameter.name!r} {why}, and has no default")
    return tuple(names)


def _annotation(function: Callable[..., Any], parameter: inspect.Parameter, shown: str) -> Any:
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return annotation
    scope = _scope(function)
    try:
        while isinstance(annotation, str):  # twice, when quoted below `from __future__ import annotations`
            # The callback's own source, evaluated as typing.get_type_hints does it.
            annotation = eval(annotation, scope)
        return annotation
    except Exception as error:
        raise UsageError(
            f"{shown}: the annotation {annotation!r} of parameter {parameter.name!r} "
            f"can't be resolved ({error})"
        ) from error


def _scope(function: Callable[..., Any]) -> dict[str, Any]:
    """Give the names a callback's annotations may use."""
    function = inspect.unwrap(function)
    function = getattr(function, "__func__", function)
    # The usual ones for what was imported inside a function, or only `if TYPE_CHECKING`.
    usual = vars(typing) | {kind.__name__: kind for kind in (*_known_types(), Notification)}
    around = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
    return usual | getattr(function, "__globals__", {}) | dict(around)


def _known_types() -> Iterator[Any]:
    for family in families_meant(Pattern(">")):
        yield from (kind for kind in (get_args(family.payload) or (family.payload,)) if kind is not None)


def _form(annotation: Any, parameter: inspect.Parameter, pattern: Pattern, shown: str) -> tuple[Form, bool]:
    """Say which form an annotation asks for, and whether inside a Notification."""
    if annotation is parameter.empty:
        return Form.TYPED, False
    payloads = [family.payload for family in families_meant(pattern)]
    given = [_items_of(payload) for payload in payloads if payload is not None]
    for option in _options(annotation):
        if option in (Notification, Notification[Any]):  # the same to a type checker
            return Form.TYPED, True
        is_notification = get_origin(option) is Notification
        for inner in _options(get_args(option)[0]) if is_notification else (option,):
            form = _form_of(inner, given)
            if form is not None:
                return form, is_notification
    raise UsageError(
        f"{shown}: parameter {parameter.name!r} is annotated {_shown(annotation)}, "
        f"which {pattern.text!r} does not give"
    )


def _form_of(option: Any, given: Sequence[Any]) -> Form | None:
    """Give the form that a payload's type stands for, None where none of those given is meant."""
    if option is object or isinstance(option, typing.TypeVar) or _items_of(option) in given:
        return Form.TYPED
    if option is bytes:
        return Form.BYTES
    return Form.PLAIN if _is_plain(option) else None


def _options(annotation: Any) -> Iterator[Any]:
    """Take an annotation apart: what is said beside a type, aliases, and the members of a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _options(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for option in get_args(annotation):
            yield from _options(option)
    elif type(annotation).__name__ == "TypeAliasType":  # `type X = …`, or typing_extensions'
        yield from _options(annotation.__value__)
    else:
        yield annotation


def _is_plain(option: Any) -> bool:
    origin, arguments = get_origin(option), get_args(option)
    if origin in _SEQUENCES:
        return all(_is_plain(argument) for argument in arguments)
    if origin is not None:
        return origin in _PLAIN
    return option in _PLAIN or (inspect.isclass(option) and issubclass(option, dict))


def _items_of(option: Any) -> Any:
    # list[Trade], Sequence[Trade] and Iterable[Trade] all fit a list of trades.
    return get_args(option) if get_origin(option) in _SEQUENCES else option


def _shown(annotation: Any) -> str:
    is_bare = inspect.isclass(annotation) and not get_args(annotation)
    return annotation.__name__ if is_bare else str(annotation)
