"""Running somebody's suite with the plugin, as a process of its own.

Knows how pytest is told of the plugin, of a mode, and of plugins it shall do without. Must not know what the
suites hold.
"""

from importlib.metadata import entry_points
from typing import Any

import pytest

PLUGIN = "deribit_ws.pytest_plugin"
MODES = [(plugin, mode) for plugin in ("pytest-aiohttp", "pytest-asyncio") for mode in ("auto", "strict")]
INI = """
[pytest]
asyncio_mode = {mode}
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
WITHOUT = {"pytest-aiohttp": (), "pytest-asyncio": ("-p", "no:aiohttp")}  # the first builds on the second


def run(
    pytester: pytest.Pytester, suite: str, *args: str, plugin: str = "pytest-aiohttp", mode: str = "auto"
) -> pytest.RunResult:
    """Write a suite, with `async` fixtures and tests marked as its mode wants it, and run it."""
    is_strict = mode == "strict"
    head = f"import pytest, pytest_asyncio\nfixture = {'pytest_asyncio' if is_strict else 'pytest'}.fixture\n"
    marked = suite.replace("async def test_", "@pytest.mark.asyncio\nasync def test_") if is_strict else suite
    pytester.makepyfile(test_suite=head + marked)
    pytester.makeini(INI.format(mode=mode))
    return pytester.runpytest_subprocess(*own(), *WITHOUT[plugin], "-p", "no:cacheprovider", *args)


def own() -> tuple[str, ...]:
    """What tells pytest of the plugin where the package was installed before it had its entry point."""
    known: Any = entry_points(group="pytest11")
    return () if any(point.value == PLUGIN for point in known) else ("-p", PLUGIN)
