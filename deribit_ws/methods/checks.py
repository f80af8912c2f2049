"""What a method's parameters must be, and the check that they are.

Knows: types, lists of words, lengths and bounds, and which parameters need which. Must not know: a
method by name (the generated `rules` has the facts), or how a call is sent. `calls` asks it before
anything goes out, so that a slip costs no credits and gives a plain answer.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from deribit_ws.errors import UsageError

_WORDS_SHOWN = 12  # of a list in an error; the pairs of currencies would fill a screen


class Parameter(NamedTuple):
    """What one parameter may be; None stands for no bound.

    Args:
        type: a key of `TYPES`.
        required: whether it must be given in every call.
        one_of: the only values it takes; of a list, its items.
        max_length: most characters.
        minimum: least number.
        above: number that it must be greater than.
        maximum: greatest number.
        max_items: most items of a list.
        required_with: another parameter, and the values of it that make this one required.
    """

    type: str
    required: bool = False
    one_of: tuple[str | int, ...] = ()
    max_length: int | None = None
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    max_items: int | None = None
    required_with: tuple[str, tuple[str, ...]] | None = None


class Rules(NamedTuple):
    """The parameters of one method by name, and what must hold between them."""

    parameters: Mapping[str, Parameter]
    at_least_one: tuple[tuple[str, ...], ...] = ()
    at_most_one: tuple[tuple[str, ...], ...] = ()


def check(method: str, given: Mapping[str, Any], rules: Rules) -> None:
    """Raise UsageError, naming method and parameter, unless `given` (without None) keeps the rules."""
    for name, parameter in rules.parameters.items():
        if name in given:
            if fault := _fault(parameter, given[name]):
                raise UsageError(f"{method}: {name} {fault}")
        elif parameter.required or _asked_for(parameter, given):
            raise UsageError(f"{method}: {name} is missing")
    for names in rules.at_least_one:
        if not any(name in given for name in names):
            raise UsageError(f"{method}: {' or '.join(names)} is missing")
    for names in rules.at_most_one:
        if sum(name in given for name in names) > 1:
            raise UsageError(f"{method}: only one of {', '.join(names)} may be given")


def _asked_for(parameter: Parameter, given: Mapping[str, Any]) -> bool:
    if parameter.required_with is None:
        return False
    name, values = parameter.required_with
    return given.get(name) in values


def _fault(parameter: Parameter, value: Any) -> str:
    # What is wrong with a value, "" when nothing is. It may be a secret: only unknown words are shown.
    fits, what = TYPES[parameter.type]
    if not fits(value):
        return f"must be {what}, not {type(value).__name__}"
    return _unknown_word(parameter, value) or _too_long(parameter, value) or _out_of_bounds(parameter, value)


def _unknown_word(parameter: Parameter, value: Any) -> str:
    if not parameter.one_of:
        return ""
    for word in value if isinstance(value, list | tuple) else (value,):
        if word not in parameter.one_of:
            return (
                f"{word!r} is none of {_shown(parameter.one_of)}; "
                "a word that is newer than this list can be sent by client.call(method, {...})"
            )
    return ""


def _shown(words: tuple[str | int, ...]) -> str:
    shown = ", ".join(map(str, words[:_WORDS_SHOWN]))
    return shown if len(words) <= _WORDS_SHOWN else f"{shown} and {len(words) - _WORDS_SHOWN} more"


def _too_long(parameter: Parameter, value: Any) -> str:
    if parameter.max_length is not None and len(value) > parameter.max_length:
        return f"has {len(value)} characters, and {parameter.max_length} are allowed"
    if parameter.max_items is not None and len(value) > parameter.max_items:
        return f"has {len(value)} items, and {parameter.max_items} are allowed"
    return ""


def _out_of_bounds(parameter: Parameter, value: Any) -> str:
    if isinstance(value, Decimal) and value.is_nan():
        return "is not a number"  # and can't be compared with one
    if parameter.minimum is not None and value < parameter.minimum:
        return f"{value} is less than {parameter.minimum}"
    if parameter.above is not None and value <= parameter.above:
        return f"{value} is not above {parameter.above}"
    if parameter.maximum is not None and value > parameter.maximum:
        return f"{value} is more than {parameter.maximum}"
    return ""


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _list_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(fits, value))


_is_strings = _list_of(_is_string)

TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "string": (_is_string, "a string"),
    "integer": (_is_integer, "a whole number"),
    "number": (_is_number, "a number"),
    "boolean": (_is_boolean, "True or False"),
    "object": (_is_object, "a mapping"),
    "strings": (_is_strings, "a list of strings"),
    "integers": (_list_of(_is_integer), "a list of whole numbers"),
    "objects": (_list_of(_is_object), "a list of mappings"),
    "string_or_strings": (
        lambda value: _is_string(value) or _is_strings(value),
        "a string or a list of strings",
    ),
}
