"""Faults by servers and proxies that are not ours, and the suite's verdicts, where they are installed."""

import pytest

from tests.faults import autobahn, outside
from tests.faults.outside import SCENES, Scene

# For `python -m tests.faults.outside`: each takes from six seconds to half a minute.
LONG = (
    outside.aborts,
    outside.socat_stopped,
    outside.socat_stopped_for_long,
    outside.haproxy_idle,
    outside.nginx_slow,
)
QUICK = [(stranger, scene) for stranger, scenes in SCENES.items() for scene in scenes if scene not in LONG]


@pytest.mark.parametrize(("stranger", "scene"), QUICK, ids=[scene.__name__ for _, scene in QUICK])
async def test_what_strangers_do_is_survived(stranger: str, scene: Scene) -> None:
    """Whatever a stranger does between them, each trade, fill, mark and call is as it should be."""
    if reason := outside.why_not(stranger):
        pytest.skip(reason)

    assert await scene(0) < outside.UNTOLD


@pytest.mark.skipif(autobahn.why_not() is not None, reason=str(autobahn.why_not()))
@pytest.mark.timeout(600)
async def test_autobahn_finds_no_more_than_with_bare_aiohttp() -> None:
    """The transport passes each case of the Autobahn test-suite that bare aiohttp passes."""
    assert await autobahn.autobahn(seed=0) == 0


def test_a_case_that_fails_is_seen() -> None:
    """A verdict that bare aiohttp does not get fails the row."""
    with pytest.raises(AssertionError, match=r"6\.4\.1"):
        autobahn.judge({"6.4.1": {"behavior": "FAILED"}, "1.1.1": {"behavior": "OK"}})
