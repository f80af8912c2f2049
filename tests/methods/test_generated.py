"""The generated classes against the tables they are made from."""

import inspect
import subprocess
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

import deribit_ws.types
from deribit_ws import words
from deribit_ws.methods import PrivateMethods, PublicMethods, checks
from deribit_ws.methods.rules import RULES
from deribit_ws.wire.methods import METHODS, Repeat, repeat_of
from tools.generate_methods import generated
from tools.method_tables import TYPES, Method, Parameter, read_methods

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = read_methods()

PYTHON_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float | Decimal,
    "boolean": bool,
    "object": Mapping[str, Any],
    "strings": list[str] | tuple[str, ...],
    "objects": Sequence[Mapping[str, Any]],
    "integers": Sequence[int],
    "string_or_strings": str | list[str] | tuple[str, ...],
}


def function_of(method: Method) -> Any:
    """The function that stands for a method."""
    return getattr(PublicMethods if is_public(method) else PrivateMethods, method.python_name)


def is_public(method: Method) -> bool:
    """Whether a method stands on the class of public ones."""
    return method.name.startswith("public/")


def hints_of(method: Method) -> dict[str, Any]:
    """The types in a method's signature, with names resolved as an editor does."""
    return get_type_hints(function_of(method))


def words_in(hint: Any) -> tuple[Any, ...]:
    """The words of the Literal within a type; () where there is none."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return next((found for part in get_args(hint) if (found := words_in(part))), ())


def without_none(hint: Any) -> Any:
    """A type without its `| None`."""
    if get_origin(hint) not in (Union, UnionType):
        return hint
    return Union[tuple(part for part in get_args(hint) if part is not type(None))]  # noqa: UP007 (of a tuple)


def each(method: Method) -> str:
    """The name of a test's case."""
    return method.name


# --- generated code and tables


def test_generated_modules_are_up_to_date() -> None:
    """What stands in the package is what the tables give."""
    stale = [path.name for path, text in generated().items() if path.read_text(encoding="utf-8") != text]

    assert stale == []


def test_the_generator_says_by_its_exit_code_that_nothing_is_stale() -> None:
    """`python tools/generate_methods.py --check` runs from anywhere, prints nothing and ends with 0."""
    command = [sys.executable, str(ROOT / "tools" / "generate_methods.py"), "--check"]
    run = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_there_are_182_methods() -> None:
    """47 public and 135 private methods stand on the two classes, and nothing else does."""
    public = {method.python_name for method in TABLE if is_public(method)}
    private = {method.python_name for method in TABLE if not is_public(method)}

    assert (len(public), len(private)) == (47, 135)
    assert {name for name in dir(PublicMethods) if not name.startswith("_")} == public
    assert {name for name in dir(PrivateMethods) if not name.startswith("_")} == private


@pytest.mark.parametrize("method", TABLE, ids=each)
def test_signature(method: Method) -> None:
    """A method takes keywords only: those of its table, required ones first, and a timeout."""
    own, *given = inspect.signature(function_of(method)).parameters.values()

    assert own.name == "self"
    assert {p.kind for p in given} == {inspect.Parameter.KEYWORD_ONLY}
    assert [p.name for p in given] == [*(p.name for p in method.parameters), "timeout"]
    assert [p.name for p in given if p.default is p.empty] == [
        p.name for p in method.parameters if p.required
    ]
    assert all(p.default is None for p in given if p.default is not p.empty)


@pytest.mark.parametrize("method", TABLE, ids=each)
def test_types(method: Method) -> None:
    """Every parameter and the result have the type that the table says."""
    hints = hints_of(method)

    assert hints["return"] == eval(method.result, vars(deribit_ws.types) | {"Any": Any}) or (
        method.result == "None" and hints["return"] is type(None)
    )
    for parameter in method.parameters:
        hint = without_none(hints[parameter.name])
        assert words_in(hint) == parameter.one_of, parameter.name
        if not parameter.one_of:
            assert hint == PYTHON_TYPES[parameter.type], parameter.name


@pytest.mark.parametrize("method", TABLE, ids=each)
def test_docstring(method: Method) -> None:
    """Help tells what a method does, each parameter, the scope, whether to repeat it, and the page."""
    text = inspect.getdoc(function_of(method)) or ""
    flat = " ".join(text.split())

    assert flat.startswith(method.does)
    assert f"Scope {method.scope}." in flat or not method.scope
    assert "epeat" in flat
    assert "UsageError: a parameter is missing" in flat
    assert "RpcError, CallTimeout, RequestNotSent, OutcomeUnknown: as `Client.call`." in flat
    assert (f"In this client: {method.here}." in flat) is bool(method.here)
    assert text.splitlines()[-1] == method.page
    assert method.page.startswith("https://docs.deribit.com/api-reference/")
    for parameter in method.parameters:
        assert f"{parameter.name}: {parameter.says}" in flat


def test_types_are_checked() -> None:
    """Each type that a table may give a parameter has its check, and its Python type here."""
    assert TYPES.keys() == checks.TYPES.keys() == PYTHON_TYPES.keys()


@pytest.mark.parametrize("method", TABLE, ids=each)
def test_rules(method: Method) -> None:
    """The check of a method goes by its table."""
    rules = RULES[method.name]

    assert list(rules.parameters) == [p.name for p in method.parameters]
    assert (rules.at_least_one, rules.at_most_one) == (method.at_least_one, method.at_most_one)
    for parameter in method.parameters:
        rule = rules.parameters[parameter.name]
        assert (rule.type, rule.required, rule.one_of) == (
            parameter.type,
            parameter.required,
            parameter.one_of,
        )
        assert bounds_of(rule) == parameter.bounds


def bounds_of(rule: Any) -> dict[str, int]:
    """The bounds that a rule sets."""
    bounds = {key: getattr(rule, key) for key in ("max_length", "minimum", "above", "maximum", "max_items")}
    return {key: bound for key, bound in bounds.items() if bound is not None}


@pytest.mark.parametrize("method", TABLE, ids=each)
async def test_method_hands_on_its_name_and_result_type(
    method: Method, public: Any, private: Any, made: Any
) -> None:
    """A method's call carries its own name, every argument under its own name, and its result type."""
    given = {p.name: sample_of(p) for p in method.parameters}
    allowed = {name: value for name, value in given.items() if not one_too_many(method, name)}
    methods = public if is_public(method) else private
    await getattr(methods, method.python_name)(**allowed, timeout=2.5)

    ((name, params, result, timeout),) = made
    assert (name, params, timeout) == (method.name, allowed, 2.5)
    assert result == (None if method.result == "None" else hints_of(method)["return"])


def one_too_many(method: Method, name: str) -> bool:
    """Whether a parameter may not stand beside another."""
    return any(name in group[1:] for group in method.at_most_one)


def sample_of(parameter: Parameter) -> Any:
    """A value that a parameter takes, told from the values of others by its name."""
    if parameter.one_of:
        return [parameter.one_of[0]] if parameter.type == "strings" else parameter.one_of[0]
    number = max(parameter.bounds.get("minimum", 1), 1)
    samples = {
        "string": parameter.name,
        "integer": number,
        "number": number + 0.5,
        "boolean": True,
        "object": {parameter.name: 1},
        "strings": [parameter.name],
        "integers": [number],
        "objects": [{parameter.name: 1}],
        "string_or_strings": parameter.name,
    }
    return samples[parameter.type]


# --- literal facts


def test_managed_methods_say_what_the_client_makes_of_them() -> None:
    """Help of the methods that the client manages itself tells what they do here, and of no other."""
    managed = """
        public/auth public/exchange_token public/fork_token private/logout
        public/subscribe public/unsubscribe public/unsubscribe_all
        private/subscribe private/unsubscribe private/unsubscribe_all
        public/set_heartbeat public/disable_heartbeat
        private/enable_cancel_on_disconnect private/disable_cancel_on_disconnect
    """
    helped = {m.name for m in TABLE if "In this client: " in (inspect.getdoc(function_of(m)) or "")}

    assert helped == set(managed.split())


def test_a_signature_reads_as_in_the_documentation() -> None:
    """An editor sees the real signature, with its types by name."""
    shown = str(inspect.signature(PublicMethods.get_order_book))

    assert shown == (
        "(self, *, instrument_name: 'str', depth: 'words.Depth | None' = None, "
        "timeout: 'float | None' = None) -> 'OrderBookSnapshot'"
    )
    assert get_args(words.Depth) == (1, 5, 10, 20, 50, 100, 1000, 10000)
    assert inspect.iscoroutinefunction(PublicMethods.get_order_book)


def test_facts_of_methods() -> None:
    """The facts by which calls are repeated, paced and allowed are those of the documentation."""
    engine = """
        private/buy private/sell private/edit private/edit_by_label private/cancel private/cancel_by_label
        private/cancel_all private/cancel_all_by_currency private/cancel_all_by_currency_pair
        private/cancel_all_by_instrument private/cancel_all_by_kind_or_type private/close_position
        private/verify_block_trade private/execute_block_trade private/move_positions private/mass_quote
        private/cancel_quotes private/add_block_rfq_quote private/edit_block_rfq_quote
        private/cancel_block_rfq_quote private/cancel_all_block_rfq_quotes
    """
    websocket_only = """
        public/hello public/set_heartbeat public/disable_heartbeat public/subscribe public/unsubscribe
        public/unsubscribe_all private/subscribe private/unsubscribe private/unsubscribe_all private/logout
        private/enable_cancel_on_disconnect private/disable_cancel_on_disconnect
    """

    assert {name for name, facts in METHODS.items() if facts.matching_engine} == set(engine.split())
    assert {name for name, facts in METHODS.items() if facts.websocket_only} == set(websocket_only.split())
    assert {name for name, facts in METHODS.items() if facts.repeat is Repeat.WITH_NONCE} == {
        "private/withdraw",
        "private/submit_transfer_between_subaccounts",
    }
    assert METHODS["private/buy"].scope == "trade:read_write"
    assert METHODS["private/get_mmp_config"].scope == "trade:read or block_rfq:read"
    assert all(facts.scope == "" for name, facts in METHODS.items() if name.startswith("public/"))


@pytest.mark.parametrize(
    ("method", "repeat"),
    [
        ("private/buy", Repeat.NEVER),
        ("private/cancel", Repeat.SAME_END),
        ("public/auth", Repeat.LOGIN),
        ("public/ticker", Repeat.READ),
        ("private/get_something_new", Repeat.READ),
        ("private/do_something_new", Repeat.NEVER),
    ],
)
def test_repeat_of(method: str, repeat: Repeat) -> None:
    """A method that nobody has heard of may be repeated only if its name says that it reads."""
    assert repeat_of(method) is repeat
