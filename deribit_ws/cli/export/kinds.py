"""The columns of a payload: their names, what they hold, and how a decoded value gives it.

Knows: how the fields of `deribit_ws.wire` are typed. Must not know: file formats, channels. `sorting`
asks for the columns of each payload, `parquet` and `csv_files` write values of these kinds.

A field left out and one that was null are both None here: a table has one word for nothing.
"""

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

import msgspec


class Scalar(Enum):
    """What one cell can hold."""

    INT = auto()
    FLOAT = auto()
    BOOL = auto()
    TEXT = auto()
    MS = auto()  # a time, in ms since the epoch
    US = auto()  # a time, in µs since the epoch
    JSON = auto()  # text that is JSON: of what has no fixed shape


@dataclass(frozen=True, slots=True)
class Column:
    """A name, a kind, and what gives the value out of a decoded payload."""

    name: str
    kind: "Kind"
    value: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of things of one kind."""

    item: "Kind"


@dataclass(frozen=True, slots=True)
class Nested:
    """An object inside a list; a value is a dict by the names of these columns."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A level of a book: a tuple of values in the order of these columns."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Mapped:
    """Names, each with a number; a value is a list of (name, number or None)."""


Kind: TypeAlias = Scalar | Listed | Nested | Pair | Mapped
Parent: TypeAlias = Callable[[Any], Any]

_PLAIN: dict[Any, Scalar] = {int: Scalar.INT, float: Scalar.FLOAT, bool: Scalar.BOOL, str: Scalar.TEXT}
_LEVELS = {
    (str, float, float): (("action", Scalar.TEXT), ("price", Scalar.FLOAT), ("amount", Scalar.FLOAT)),
    (float, float): (("price", Scalar.FLOAT), ("amount", Scalar.FLOAT)),
}
_TIMES = {"tick"}  # that no `timestamp` in their name betrays
_NANOSECONDS = "starbase_"  # times in ns, which most readers of tables can't hold: they stay numbers


def columns_of(payload: Any) -> tuple[Column, ...]:
    """The columns of a struct of `deribit_ws.wire`; objects in it become columns of their own, `a.b`."""
    return tuple(_columns(payload, lambda item: item, "", (payload,)))


def _columns(payload: Any, parent: Parent, prefix: str, inside: tuple[Any, ...]) -> Iterator[Column]:
    for field in msgspec.structs.fields(payload):
        get = _getter(parent, field.name)
        name = prefix + field.name
        choices = _choices(field.type)
        struct = choices[0] if len(choices) == 1 and isinstance(choices[0], type) else None
        if struct is not None and issubclass(struct, msgspec.Struct) and struct not in inside:
            yield from _columns(struct, get, f"{name}.", (*inside, struct))
        elif set(choices) == {float, str}:  # a price, or a word in its place
            yield Column(name, Scalar.FLOAT, _only(get, float))
            yield Column(f"{name}_word", Scalar.TEXT, _only(get, str))
        else:
            kind, shaped = _kind(choices, field.name, inside)
            yield Column(name, kind, get if shaped is None else _shaped(get, shaped))


def _kind(
    choices: tuple[Any, ...], name: str, inside: tuple[Any, ...]
) -> tuple[Kind, Callable[[Any], Any] | None]:
    """What a field holds, and what makes a cell of its value, unless it is one already."""
    if len(choices) > 1:  # words and numbers, both seen: an id, or a flag that became a word
        return Scalar.TEXT, _as_text
    only = choices[0]
    if only is int:
        return _whole(name), None
    if only in _PLAIN:
        return _PLAIN[only], None
    if get_origin(only) is list:
        return _listed(_choices(get_args(only)[0]), inside)
    if get_origin(only) is dict and set(_choices(get_args(only)[1])) == {float}:
        return Mapped(), lambda value: list(value.items())
    return Scalar.JSON, _as_json


def _listed(item: tuple[Any, ...], inside: tuple[Any, ...]) -> tuple[Kind, Callable[[Any], Any] | None]:
    only = item[0] if len(item) == 1 else None
    if only is str:
        return Listed(Scalar.TEXT), None
    if get_origin(only) is tuple and get_args(only) in _LEVELS:
        parts = _LEVELS[get_args(only)]
        return Listed(Pair(tuple(Column(name, kind, lambda level: level) for name, kind in parts))), None
    if isinstance(only, type) and issubclass(only, msgspec.Struct) and inside.count(only) < 2:
        columns = tuple(_columns(only, lambda value: value, "", (*inside, only)))
        return Listed(Nested(columns)), lambda values: [_record(columns, value) for value in values]
    return Scalar.JSON, _as_json  # objects of no fixed shape, or a trade's legs' own legs


def _record(columns: tuple[Column, ...], value: Any) -> dict[str, Any]:
    return {column.name: column.value(value) for column in columns}


def _choices(type: Any) -> tuple[Any, ...]:
    """The types a value can have, beside being left out or null."""
    if get_origin(type) is Annotated:
        return _choices(get_args(type)[0])
    if get_origin(type) not in (Union, types.UnionType):
        return (type,)
    nothing = (types.NoneType, msgspec.UnsetType)
    return tuple(one for part in get_args(type) if part not in nothing for one in _choices(part))


def _whole(name: str) -> Scalar:
    if name != "timestamp" and not name.endswith("_timestamp") and name not in _TIMES:
        return Scalar.INT
    return Scalar.INT if name.startswith(_NANOSECONDS) else Scalar.MS


def _getter(parent: Parent, name: str) -> Callable[[Any], Any]:
    def get(item: Any) -> Any:
        value = getattr(parent(item), name, None)  # an object that was left out has no fields
        return None if value is msgspec.UNSET else value

    return get


def _only(get: Callable[[Any], Any], kind: type) -> Callable[[Any], Any]:
    def value(item: Any) -> Any:
        found = get(item)
        return found if isinstance(found, kind) else None

    return value


def _shaped(get: Callable[[Any], Any], shape: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def value(item: Any) -> Any:
        found = get(item)
        return None if found is None else shape(found)

    return value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else _as_json(value)


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
