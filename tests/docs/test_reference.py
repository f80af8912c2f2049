"""The reference names all that is public, and what it says of defaults is so."""

import importlib.util
import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import deribit_ws.testing
import deribit_ws.types
from deribit_ws import Client, channels, face, marks, websocket_generator
from deribit_ws import errors as errors_module
from tests.docs.blocks import ROOT

REFERENCE = ROOT / "docs" / "reference"
HOW_TO = ROOT / "docs" / "how-to"
DIRECTIVE = re.compile(r"^::: deribit_ws\.(?P<path>[\w.]+)$", re.MULTILINE)
NOTED = re.compile(r"\bnote\(\s*logger,\s*[\w.]+,\s*\"(?P<event>\w+)\"")
EVENT = re.compile(r"^\| `(?P<event>\w+)` \| (?:INFO|WARNING|ERROR|CRITICAL)", re.MULTILINE)
METRIC = re.compile(r"\bderibit_ws_\w+")
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<default>[^|]+) \|", re.MULTILINE)
WHOLE_MODULES = (errors_module, marks, deribit_ws.types)
CONSTANTS = {"PRODUCTION", "TESTNET", "UNSET", "UnsetType", "channels"}  # told in words, on the first page


def documented() -> set[str]:
    """The public names that the reference has, by themselves or with the module they are in."""
    pages = "\n".join(page.read_text() for page in REFERENCE.glob("*.md"))
    alone = {found["path"].rpartition(".")[2] for found in DIRECTIVE.finditer(pages)}
    return alone | {name for module in WHOLE_MODULES for name in vars(module)}


def test_every_public_name_is_in_the_reference() -> None:
    """Each name of the package's face has its place in the reference."""
    assert set(face.__all__) - documented() - CONSTANTS == set()


def test_the_constants_are_told_in_words() -> None:
    """What has no docstring of its own is in the table of the first page."""
    first = (REFERENCE / "index.md").read_text()

    assert [name for name in CONSTANTS if f"`{name}`" not in first] == []


@pytest.mark.parametrize("module", [channels, deribit_ws.types, deribit_ws.testing, errors_module, marks])
def test_whole_modules_are_in_the_reference(module: ModuleType) -> None:
    """A module that is documented as a whole has a directive of its own."""
    path = module.__name__.removeprefix("deribit_ws.")

    assert path in {
        found["path"] for page in REFERENCE.glob("*.md") for found in DIRECTIVE.finditer(page.read_text())
    }


@pytest.mark.parametrize(
    ("heading", "what"), [("Client", Client.__init__), ("websocket_generator", websocket_generator)]
)
def test_defaults_are_as_told(heading: str, what: Callable[..., Any]) -> None:
    """The page of defaults has each parameter of the client and of the generator, with its default."""
    section = (REFERENCE / "defaults.md").read_text().split(f"## `{heading}`")[1].split("\n## ")[0]
    told = {row["name"]: row["default"].strip().strip("`") for row in ROW.finditer(section)}

    given = {name: parameter.default for name, parameter in inspect.signature(what).parameters.items()}
    assert told == {name: _shown(default) for name, default in given.items() if name != "self"}


def _shown(default: object) -> str:
    if default == face.PRODUCTION:
        return "PRODUCTION"
    return "16 MiB" if default == 16 * 1024 * 1024 else repr(default)


def test_every_command_is_on_its_page() -> None:
    """The page about the command line has a mark for the help of each command, which the build fills in."""
    place = ROOT / "docs" / "command_line.py"
    spec = importlib.util.spec_from_file_location("command_line", place)
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    page = (REFERENCE / "command-line.md").read_text()

    assert {mark["name"] or "" for mark in hook.MARK.finditer(page)} == set(hook.helps())
    assert "<!--" not in hook.on_page_markdown(page)


def test_every_event_of_the_log_is_told() -> None:
    """The page about logs has each event that the package notes, and no other."""
    source = "\n".join(file.read_text() for file in (ROOT / "deribit_ws").rglob("*.py"))
    noted = {found["event"] for found in NOTED.finditer(source)}
    told = {found["event"] for found in EVENT.finditer((HOW_TO / "logging.md").read_text())}

    assert noted - told == set()
    assert [event for event in told - noted if f'"{event}"' not in source] == []  # some are chosen first


def test_every_metric_is_told() -> None:
    """The page about metrics has each one that the collector gives, and no other."""
    prometheus = pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
    from deribit_ws.metrics import ClientCollector

    registry = prometheus.CollectorRegistry()
    ClientCollector({"one": Client()}, registry=registry)
    given = set(METRIC.findall(prometheus.generate_latest(registry).decode()))

    assert set(METRIC.findall((HOW_TO / "metrics.md").read_text())) == given
