"""Reading a callback's signature, once, when it is registered.

Knows: what parameters and annotations may mean. Must not know: routing or queues. `registry` asks
here before anything is routed, so that a callback that can't fit fails at once and by name.
"""

import collections.abc
import functools
import inspect
import types
import typing
from collections.abc import Callable, Sequence
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
    shown = describe(callback)
    if inspect.isasyncgenfunction(_function(callback)) or inspect.isgeneratorfunction(_function(callback)):
        raise UsageError(f"{shown} is a generator: a callback must not yield")
    parameters = _parameters(callback)
    if parameters is None:  # some built-ins tell nothing: taken at their word
        return Signature(Form.TYPED, False, (), False)
    if not parameters or parameters[0].kind not in _POSITIONAL:
        first = f": parameter {parameters[0].name!r} is keyword-only" if parameters else ""
        raise UsageError(f"{shown} takes no payload{first}")
    form, wants_notification = _form(_annotation(callback, parameters[0], shown), parameters[0], pattern, shown)
    is_coroutine = inspect.iscoroutinefunction(_function(callback))
    return Signature(form, wants_notification, _names(parameters[1:], pattern, shown), is_coroutine)


def describe(callback: Callable[..., Any]) -> str:
    """Name a callback as its author knows it."""
    function = _function(callback)
    return str(getattr(function, "__qualname__", None) or repr(callback))


def _function(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Find the function that is run: under partials, and behind `__call__`."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    if inspect.isroutine(callback) or inspect.isclass(callback):
        return callback
    return getattr(callback, "__call__", callback)  # noqa: B004  the method itself is wanted


def _parameters(callback: Callable[..., Any]) -> Sequence[inspect.Parameter] | None:
    try:
        return tuple(inspect.signature(callback).parameters.values())
    except (ValueError, TypeError):
        return None


def _names(rest: Sequence[inspect.Parameter], pattern: Pattern, shown: str) -> tuple[str, ...]:
    names: list[str] = []
    for parameter in rest:
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            names.extend(name for name in pattern.names if name not in names)
        elif parameter.name in pattern.names and parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
            names.append(parameter.name)
        elif parameter.default is parameter.empty and parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            raise UsageError(
                f"{shown}: parameter {parameter.name!r} is no placeholder of {pattern.text!r}, "
                "and has no default"
            )
    return tuple(names)


def _annotation(callback: Callable[..., Any], parameter: inspect.Parameter, shown: str) -> Any:
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return annotation
    function = inspect.unwrap(_function(callback))
    function = getattr(function, "__func__", function)
    scope = dict(getattr(function, "__globals__", {}))
    if inspect.isfunction(function):
        scope |= inspect.getclosurevars(function).nonlocals
    try:
        return eval(annotation, scope)  # noqa: S307  the callback's own source, as typing does it
    except Exception as error:
        raise UsageError(
            f"{shown}: the annotation {annotation!r} of parameter {parameter.name!r} "
            f"can't be resolved ({error})"
        ) from error


def _form(annotation: Any, parameter: inspect.Parameter, pattern: Pattern, shown: str) -> tuple[Form, bool]:
    """Say which form an annotation asks for, and whether inside a Notification."""
    payloads = [family.payload for family in families_meant(pattern)]
    if isinstance(annotation, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        annotation = annotation.__value__
    if annotation in (parameter.empty, object):
        return Form.TYPED, False
    if annotation is Notification:
        return Form.TYPED, True
    for option in _options(annotation):
        if option is bytes:
            return Form.BYTES, False
        if option in payloads or (not payloads and option in _known_types()):
            return Form.TYPED, False
        if _is_plain(option):
            return Form.PLAIN, False
        if _items_of(option) in [_items_of(payload) for payload in payloads if payload is not None]:
            return Form.TYPED, False
    raise UsageError(
        f"{shown}: parameter {parameter.name!r} is annotated {_shown(annotation)}, "
        f"which {pattern.text!r} does not give"
    )


def _options(annotation: Any) -> Sequence[Any]:
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for option in get_args(annotation) for inner in _options(option)]
    return (annotation,)


def _is_plain(option: Any) -> bool:
    if option in _PLAIN:
        return True
    origin, arguments = get_origin(option), get_args(option)
    if origin in _SEQUENCES:
        return all(_is_plain(argument) for argument in arguments)
    return origin in _PLAIN or (inspect.isclass(option) and issubclass(option, dict))


def _items_of(option: Any) -> Any:
    # list[Trade], Sequence[Trade] and Iterable[Trade] all fit a list of trades.
    return get_args(option) if get_origin(option) in _SEQUENCES else (None, option)


def _known_types() -> list[Any]:
    return [family.payload for family in families_meant(Pattern(">")) if family.payload is not None]


def _shown(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or str(annotation)
