"""Method classes whose calls end in a list, and Deribit's reference tables where they are at hand.

Knows what the classes ask of a client. Must not know their methods.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deribit_ws.methods import PrivateMethods, PublicMethods

ROOT = Path(__file__).resolve().parent.parent.parent

Made = list[tuple[str, dict[str, Any], Any, float | None]]


@pytest.fixture
def made() -> Made:
    """The calls that came through the checks: method, parameters, result type, timeout."""
    return []


@pytest.fixture
def public(made: Made) -> PublicMethods:
    """The public methods, whose calls end in `made`."""
    return PublicMethods(_noting(made))


@pytest.fixture
def private(made: Made) -> PrivateMethods:
    """The private methods, whose calls end in `made`."""
    return PrivateMethods(_noting(made))


def _noting(made: Made) -> Any:
    async def call(method: str, params: dict[str, Any], result: Any, timeout: float | None) -> Any:
        made.append((method, params, result, timeout))

    return call


@pytest.fixture(scope="session")
def reference() -> Mapping[str, Mapping[str, Any]]:
    """Deribit's methods by name, as $DERIBIT_REFERENCE or the folder beside the repository has them."""
    folder = Path(os.environ.get("DERIBIT_REFERENCE", ROOT.parent / "shared" / "deribit"))
    path = folder / "methods.json"
    if not path.exists():
        pytest.skip("no reference tables here: set DERIBIT_REFERENCE to their folder")
    return {row["name"]: row for row in json.loads(path.read_text(encoding="utf-8"))}
