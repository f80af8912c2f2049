"""The README's Python, run block by block against the simulated exchange."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from deribit_ws.testing import SimulatedExchange

README = Path(__file__).resolve().parents[2] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)

KEY = {"DERIBIT_CLIENT_ID": "simulated", "DERIBIT_CLIENT_SECRET": "secret"}

# Runs a block, with TESTNET meaning the simulated exchange, until it ends or for two seconds.
RUNNER = """
import contextlib, signal, sys
import deribit_ws
deribit_ws.TESTNET = sys.argv[1]
signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
signal.setitimer(signal.ITIMER_REAL, 2)
with contextlib.suppress(KeyboardInterrupt):
    exec(compile(sys.argv[2], "README.md", "exec"))
"""


@pytest.mark.parametrize("number", range(len(BLOCKS)))
async def test_a_block_runs_and_prints(number: int) -> None:
    """Every Python block of the README runs as it stands, prints, and ends without a traceback."""
    async with SimulatedExchange(seed=number, step_seconds=0.02) as exchange:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", RUNNER, exchange.url, BLOCKS[number]),
            cwd=README.parent,
            env=os.environ | KEY,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()

    assert output
    assert b"Traceback" not in errors


def test_ten_lines_work_before_line_thirty() -> None:
    """The first program stands before line 30, and is about ten lines long."""
    before = "\n".join(README.read_text().splitlines()[:30])

    assert BLOCKS[0] in before
    assert len(BLOCKS[0].splitlines()) <= 12
