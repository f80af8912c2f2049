"""Ctrl-C ends the command quietly from its first moment on, while Python still imports what it needs."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.shell import PATIENCE, ROOT, environment

STALL = """\
import sys, time
print("importing", flush=True)
time.sleep(60)
"""
ENTRIES = {
    "python -m": ("-m", "deribit_ws"),
    "script": ("-c", "import sys; from deribit_ws.cli import main; sys.exit(main())"),  # what pip writes
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("slow", ["asyncio", "aiohttp", "msgspec"])
async def test_while_importing(entry: str, slow: str, tmp_path: Path) -> None:
    """A SIGINT during the imports ends it as it ends a program that isn't Python: at once, without a word."""
    (tmp_path / f"{slow}.py").write_text(STALL)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *ENTRIES[entry], "call", "public/test"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(PYTHONPATH=f"{tmp_path}:{ROOT}"),
    )
    try:
        async with asyncio.timeout(PATIENCE):
            assert process.stdout is not None
            said = await process.stdout.readline()
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()

    assert said == b"importing\n"
    assert (process.returncode, out, err) == (-signal.SIGINT, b"", b"")  # which a shell shows as 130
