"""The rules of the house that neither the linter nor the import contracts can check.

Reads source as text and syntax trees; runs none of it.
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "deribit_ws"
MODULES = sorted(PACKAGE.rglob("*.py"))

MODULE_LINES = 400
FUNCTION_LINES = 60
PURE = (
    *("backoff", "credits", "endpoints", "errors", "marks", "protocol", "router", "shown", "wire"),
    *("orderbook", "orderflow", "tradeflow"),
)
IMPURE = {"aiohttp", "asyncio", "logging", "socket", "threading", "time"}
ASYNC_SYNTAX = (ast.AsyncFor, ast.AsyncFunctionDef, ast.AsyncWith, ast.Await)


def name(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


def is_generated(module: Path) -> bool:
    """Whether the module's first lines say that a program wrote it."""
    return "@generated" in "\n".join(module.read_text().splitlines()[:10])


def room(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


every_module = pytest.mark.parametrize("module", MODULES, ids=name)
written_modules = pytest.mark.parametrize("module", [m for m in MODULES if not is_generated(m)], ids=name)
pure_modules = pytest.mark.parametrize("module", [m for m in MODULES if room(m) in PURE], ids=name)


@every_module
def test_docstring(module: Path) -> None:
    """Every module opens with its contract."""
    assert ast.get_docstring(ast.parse(module.read_text()))


@written_modules
def test_length(module: Path) -> None:
    """A module that grows past its limit has more than one reason to change."""
    assert len(module.read_text().splitlines()) <= MODULE_LINES


@written_modules
def test_function_length(module: Path) -> None:
    """A function fits on a screen."""
    functions = [
        node
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {function.name: (function.end_lineno or 0) - function.lineno + 1 for function in functions}

    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


@pure_modules
def test_sans_io(module: Path) -> None:
    """The rooms that compute neither wait, nor look at a clock, nor log, nor touch the network."""
    tree = ast.parse(module.read_text())
    waits = [node.lineno for node in ast.walk(tree) if isinstance(node, ASYNC_SYNTAX)]
    reaches = {target for target in imported(tree) if target.partition(".")[0] in IMPURE}

    assert (waits, reaches) == ([], set())


def test_one_fact_in_one_file() -> None:
    """The package is described in setup.cfg alone: a [project] table would silently win over it."""
    assert "project" not in tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_nothing_but_modules() -> None:
    """The package holds modules and its typing marker, nothing that an editor or a patch left behind."""
    left = [name(one) for one in PACKAGE.rglob("*") if one.is_file() and one.suffix not in (".py", ".pyc")]

    assert left == [name(PACKAGE / "py.typed")]
