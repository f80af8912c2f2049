"""The tables in tools/methods, read and made whole: every method with its parameters and facts.

Knows: the form of the tables, and where a method's page of Deribit's documentation is. Must not
know: the code made of them. `generate_methods` and its test read them here; a slip in a table
(an unknown key, a word with no meaning) is a ValueError that names its place.
"""

import tomllib
from collections.abc import Set
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "methods"
DOCUMENTATION = "https://docs.deribit.com/api-reference"

# The types a parameter may have, each with what an editor shows for it.
TYPES = {
    "string": "str",
    "integer": "int",
    "number": "float | Decimal",
    "boolean": "bool",
    "object": "Mapping[str, Any]",
    "strings": "list[str] | tuple[str, ...]",  # no Sequence: a string would pass for one
    "integers": "Sequence[int]",
    "objects": "Sequence[Mapping[str, Any]]",
    "string_or_strings": "str | list[str] | tuple[str, ...]",
}

_BOUNDS = ("max_length", "minimum", "above", "maximum", "max_items")
_NONE = "none"  # in place of a bound: this method's parameter has not the one its name has elsewhere

# Which folder of the documentation a table stands for, where that is not its own name.
_PAGES = {
    "account": "account-management",
    "combos": "combo-books",
    "session": "session-management",
    "subscriptions": "subscription-management",
}
_PARAMETER_KEYS = frozenset({"type", "says", "required", "one_of", "required_with", *_BOUNDS})
_REPEATS = frozenset({"read", "same_end", "login", "with_nonce", "never"})


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method; `alias` names its list of words, where that has a name."""

    name: str
    type: str
    says: str
    required: bool = False
    one_of: tuple[str | int, ...] = ()
    alias: str | None = None
    bounds: dict[str, int] = field(default_factory=dict)
    required_with: dict[str, list[str]] | None = None


@dataclass(frozen=True)
class Method:
    """One method, its parameters in the order of its signature; `here` is what this client makes of it."""

    name: str
    does: str
    repeat: str
    result: str
    page: str
    parameters: tuple[Parameter, ...]
    here: str = ""
    scope: str = ""
    returns: str = ""
    engine: bool = False
    websocket_only: bool = False
    at_least_one: tuple[tuple[str, ...], ...] = ()
    at_most_one: tuple[tuple[str, ...], ...] = ()

    @property
    def python_name(self) -> str:
        """The function that stands for it: `private/pme/simulate` is `pme_simulate`."""
        return self.name.partition("/")[2].replace("/", "_")


_METHOD_KEYS = {one.name for one in fields(Method)} - {"name", "parameters"} | {"params"}

Words = dict[str, tuple[str | int, ...]]


def read_words(folder: Path = FOLDER) -> Words:
    """Read the lists of words that have a name."""
    return {name: tuple(words) for name, words in _read(folder / "words.toml").items()}


def read_methods(folder: Path = FOLDER) -> list[Method]:
    """Read every method, public ones first, by name."""
    words = read_words(folder)
    shared = _read_shared(folder)
    methods: dict[str, Method] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.stem == "words" or path.stem.startswith("params"):
            continue
        for name, row in _read(path).items():
            if name in methods:
                raise ValueError(f"{path.name}: {name} is there twice")
            methods[name] = _method(name, row, path.stem, shared, words)
    return sorted(methods.values(), key=lambda method: (method.name.startswith("private"), method.name))


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _read_shared(folder: Path) -> dict[str, dict[str, Any]]:
    shared: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("params*.toml")):
        rows = _read(path)
        if twice := shared.keys() & rows.keys():
            raise ValueError(f"{path.name}: {', '.join(sorted(twice))} is in another table of parameters too")
        shared |= rows
    return shared


def _method(
    name: str, row: dict[str, Any], table: str, shared: dict[str, dict[str, Any]], words: Words
) -> Method:
    _check_keys(name, row, _METHOD_KEYS)
    if row["repeat"] not in _REPEATS:
        raise ValueError(f"{name}: repeat {row['repeat']!r} has no meaning")
    parameters = [
        _parameter(f"{name} {key}", key, shared.get(key, {}) | own, words)
        for key, own in row.get("params", {}).items()
    ]
    folder = _PAGES.get(table, table.replace("_", "-"))
    return Method(
        name=name,
        does=row["does"],
        repeat=row["repeat"],
        result=row["result"],
        page=row.get("page", f"{DOCUMENTATION}/{folder}/{name.replace('/', '-')}"),
        parameters=tuple(sorted(parameters, key=lambda parameter: not parameter.required)),
        here=row.get("here", ""),
        scope=row.get("scope", ""),
        returns=row.get("returns", ""),
        engine=row.get("engine", False),
        websocket_only=row.get("websocket_only", False),
        at_least_one=tuple(map(tuple, row.get("at_least_one", ()))),
        at_most_one=tuple(map(tuple, row.get("at_most_one", ()))),
    )


def _parameter(place: str, name: str, row: dict[str, Any], words: Words) -> Parameter:
    _check_keys(place, row, _PARAMETER_KEYS)
    if row.get("type") not in TYPES or "says" not in row:
        raise ValueError(f"{place}: needs a type and something to say")
    listed = row.get("one_of", ())
    one_of = words[listed] if isinstance(listed, str) else tuple(listed)
    return Parameter(
        name=name,
        type=row["type"],
        says=row["says"],
        required=row.get("required", False),
        one_of=one_of,
        alias=next((alias for alias, known in words.items() if known == one_of), None),
        bounds={key: row[key] for key in _BOUNDS if row.get(key, _NONE) != _NONE},
        required_with=row.get("required_with"),
    )


def _check_keys(place: str, row: dict[str, Any], known: Set[str]) -> None:
    if unknown := row.keys() - known:
        raise ValueError(f"{place}: {', '.join(sorted(unknown))} has no meaning")
