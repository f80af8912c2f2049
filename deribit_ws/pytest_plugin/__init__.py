"""Fixtures for testing a bot without the exchange: `deribit_exchange` and `deribit_client`.

Knows: pytest, and nothing else until a test asks for a fixture, since pytest imports this in every run
where the package is installed. Must not know any plugin that runs tests on an event loop: the fixtures
are plain functions that give async factories, so they work with pytest-asyncio and pytest-aiohttp in each
of their modes. pytest finds it by the entry point `deribit_ws`; `-p no:deribit_ws` does without it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from deribit_ws.pytest_plugin.factories import ClientFactory, ExchangeFactory, StagedExchange
    from deribit_ws.pytest_plugin.stage import Stage

__all__ = ["ClientFactory", "ExchangeFactory", "StagedExchange", "deribit_client", "deribit_exchange"]


def __getattr__(name: str) -> Any:
    if name in ("ClientFactory", "ExchangeFactory", "StagedExchange"):  # for annotations
        from deribit_ws.pytest_plugin import factories

        return getattr(factories, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_STAGE = pytest.StashKey["Stage"]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Show once of a test that failed what its exchanges have to tell; hypothesis fails it many times."""
    stage = item.stash.get(_STAGE, None)
    if call.when == "call" and call.excinfo is not None and stage is not None and stage.told:
        item.add_report_section("call", "deribit_exchange", stage.told)


@pytest.fixture
def _deribit_stage(request: pytest.FixtureRequest) -> "Iterator[Stage]":
    """What both factories share: the things one test has open."""
    from deribit_ws.pytest_plugin.stage import Stage

    stage = request.node.stash[_STAGE] = Stage(request.node)
    with stage.around_the_test():
        yield stage


@pytest.fixture
def deribit_exchange(_deribit_stage: "Stage") -> "ExchangeFactory":
    """Start simulated exchanges: `exchange = await deribit_exchange(…)`; see `ExchangeFactory`."""
    from deribit_ws.pytest_plugin.factories import ExchangeFactory

    return ExchangeFactory(_deribit_stage)


@pytest.fixture
def deribit_client(_deribit_stage: "Stage") -> "ClientFactory":
    """Connect clients: `client = await deribit_client(exchange, …)`; see `ClientFactory`."""
    from deribit_ws.pytest_plugin.factories import ClientFactory

    return ClientFactory(_deribit_stage)
