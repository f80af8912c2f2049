"""Left in every way, in every phase: a client and an iteration leave nothing behind (row 46)."""

import os

import pytest

from tests.lifetime import departures, generators
from tests.lifetime.departures import Way
from tests.lifetime.phases import Met, Phase

SEEDS = int(os.environ.get("DERIBIT_WS_SEEDS", "1"))  # more by hand

pytestmark = pytest.mark.looptime


def _named(case: object) -> str | None:
    match case:
        case Phase() | generators.Phase():
            return case.name
        case Met():
            return case.value
        case _:
            return getattr(case, "__name__", None)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize(("phase", "met", "way"), [*departures.cases()], ids=_named)
async def test_client(phase: Phase, met: Met, way: Way, seed: int) -> None:
    """A client is gone within 2 s, whoever closes it, however often, and whatever it is about."""
    await departures.left(phase, met, way, seed)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize(("phase", "way"), [*generators.cases()], ids=_named)
async def test_iteration(phase: generators.Phase, way: generators.Way, seed: int) -> None:
    """An iteration is over within 2 s, closed, cancelled or dropped, and its websocket with it."""
    await generators.left(phase, way, seed)
