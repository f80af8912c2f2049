"""A recording outlives the process that made it."""

import random
from pathlib import Path

import pytest

from tests.recorder.kills import kill_once


@pytest.mark.parametrize("name", ["day.jsonl.gz", "day.jsonl"])
def test_killed(tmp_path: Path, name: str) -> None:
    """After SIGKILL every line that was handed to the system is read back, without a hole."""
    kill = kill_once(tmp_path / name, random.Random(len(name)))

    assert kill.handed > 0
    assert (kill.lost, kill.holes) == (0, 0)
