"""The tables of methods against Deribit's own, and what a slip in a table comes to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tools.method_tables import Method, Parameter, read_methods

TABLE = read_methods()

# --- the tables against Deribit's own

REPEATS = {
    "read": "read",
    "idempotent_write": "same_end",
    "auth": "login",
    "with_nonce": "with_nonce",
    "never_blind": "never",
}
TYPES = {
    "array<string>": "strings",
    "array<object>": "objects",
    "array<integer>": "integers",
    "array<string>|string": "string_or_strings",
}
# Where Deribit's tables write a nested value of an HTTP query as a string, and an id as any number.
NARROWER = {("string", "object"), ("number", "integer")}


def test_every_method_of_the_reference_is_here(reference: Mapping[str, Any]) -> None:
    """The tables have Deribit's methods, all of them and no other."""
    assert {method.name for method in TABLE} == reference.keys()


def test_facts_are_those_of_the_reference(reference: Mapping[str, Any]) -> None:
    """What is known of every method agrees with Deribit's tables."""
    ours = {m.name: (m.repeat, m.engine, m.websocket_only) for m in TABLE}
    theirs = {
        name: (REPEATS[row["retry"]], row["matching_engine"], row["websocket_only"])
        for name, row in reference.items()
    }
    scopes = {m.name: m.scope for m in TABLE if m.scope}
    named = {
        name: row["oauth_scope"].partition(" (when")[0].replace("wallets:", "wallet:")  # a slip of theirs
        for name, row in reference.items()
        if row["oauth_scope"] and row["access"] == "private"
    }

    assert ours == theirs
    assert {name: scopes[name] for name in named} == named


def test_parameters_are_those_of_the_reference(reference: Mapping[str, Any]) -> None:
    """Names, types, words, bounds and what is required agree with Deribit's tables, for every method."""
    differing = [
        f"{method.name} {row['name']}: {fault}"
        for method in TABLE
        for row in reference[method.name]["params"]
        for fault in disagreements(method, row)
    ]

    assert differing == []
    for method in TABLE:
        assert {p.name for p in method.parameters} == {
            row["name"] for row in reference[method.name]["params"]
        }


def disagreements(method: Method, row: Mapping[str, Any]) -> list[str]:
    """In what a parameter of ours is not what Deribit's table says."""
    ours = {parameter.name: parameter for parameter in method.parameters}.get(row["name"])
    if ours is None:
        return ["missing"]
    type_ = TYPES.get(row["type"], row["type"])
    most = ours.bounds.get("maximum", ours.bounds.get("max_items"))
    agrees = {
        "type": ours.type == type_ or (type_, ours.type) in NARROWER,
        "required": ours.required == row["required"],
        "words": list(map(str, ours.one_of)) == list(map(str, row.get("enum", []))),
        "length": row.get("max_length") in (None, ours.bounds.get("max_length")),
        "maximum": bool(ours.one_of) or row.get("max") in (None, most),
        "condition": "required_if" not in row or bool(ours.required_with or method.at_least_one),
    }
    return [what for what, good in agrees.items() if not good]


# --- slips in a table

SOUND = {
    "words.toml": 'Side = ["buy", "sell"]',
    "params.toml": """
        [amount]
        type = "number"
        says = "size"
    """,
    "trading.toml": """
        ["private/act"]
        does = "Act."
        repeat = "never"
        result = "str"
        ["private/act".params]
        amount = { required = true }
        side = { type = "string", one_of = "Side", says = "way" }
    """,
}


def tables(folder: Path, changed: str, old: str, new: str) -> list[Method]:
    """Read sound tables in which one thing is changed."""
    for name, text in SOUND.items():
        (folder / name).write_text(text.replace(old, new) if name == changed else text, encoding="utf-8")
    return read_methods(folder)


def test_a_sound_table_is_read(tmp_path: Path) -> None:
    """A table takes types and words from the shared ones, and its page from its own name."""
    (method,) = tables(tmp_path, "", "", "")

    assert method.page == "https://docs.deribit.com/api-reference/trading/private-act"
    assert method.parameters == (
        Parameter("amount", "number", "size", required=True),
        Parameter("side", "string", "way", one_of=("buy", "sell"), alias="Side"),
    )


@pytest.mark.parametrize(
    ("changed", "old", "new", "complaint"),
    [
        ("trading.toml", "required = true", "reqired = true", "private/act amount: reqired has no meaning"),
        ("trading.toml", "does =", "engin = true\ndoes =", "private/act: engin has no meaning"),
        ("trading.toml", '"never"', '"often"', "private/act: repeat 'often' has no meaning"),
        ("trading.toml", "amount =", "ammount =", "private/act ammount: needs a type and something to say"),
        ("params.toml", '"number"', '"float"', "private/act amount: needs a type and something to say"),
    ],
)
def test_a_slip_in_a_table_is_named(tmp_path: Path, changed: str, old: str, new: str, complaint: str) -> None:
    """A key or word with no meaning stops the generator, which names the place."""
    with pytest.raises(ValueError, match=complaint):
        tables(tmp_path, changed, old, new)
