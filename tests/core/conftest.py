"""Limits, and traffic on them that leaves no one in line."""

from collections.abc import AsyncIterator

import pytest

from deribit_ws.limits import Limits
from tests.core.traffic import Traffic


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
async def traffic(limits: Limits) -> AsyncIterator[Traffic]:
    traffic = Traffic(limits)
    yield traffic
    await traffic.end()

    assert limits.snapshot().waiting == 0
