"""What tests of security share: an authority, a server certified by it, and ears for what is told."""

from collections.abc import Iterator

import pytest
import trustme

from tests.client.conftest import Ears
from tests.security.certificates import Certified, trusted


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Certified:
    return Certified(authority)


@pytest.fixture
def trusting(authority: trustme.CA) -> Iterator[None]:
    """Our own sessions trust the authority."""
    with trusted(authority):
        yield


@pytest.fixture
def ears() -> Ears:
    return Ears()
