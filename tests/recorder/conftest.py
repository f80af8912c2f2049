"""What tests of recordings share: a path, and clients that a recording is played to at once."""

from pathlib import Path
from typing import Any

import pytest

from deribit_ws import Client
from deribit_ws.recorder import Speed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "day.jsonl.gz"


def replay(path: Path, speed: Speed = "max", **options: Any) -> Client:
    """Make a client that hears a recording, by itself as fast as it takes it."""
    return Client.replay(path, speed=speed, **options)
