"""Row 26: the Autobahn test-suite against our transport, where `wstest` is on the PATH.

Knows the suite's protocol: a case is a websocket to /runCase, whose messages are echoed. Must not know the
client beyond `Dialer`. The transport takes text alone, and says so with 1003, which the suite counts as
failing a case that sends binary: those are left out, and the others compared with bare aiohttp's figures.
"""

import asyncio
import json
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deribit_ws.aiohttp_transport import Dialer
from deribit_ws.aiohttp_transport.link import AiohttpTransport
from deribit_ws.errors import ConnectionLost

HOST = "127.0.0.1"
START_SECONDS = 30.0  # wstest is slow to import
CASE_SECONDS = 30.0  # the slowest sends 16 MiB in small pieces
AGENT = "deribit_ws"
LONGEST = 64 << 20  # bytes; the suite's longest message is 16 MiB
BINARY = (
    "1.2.*",
    "9.2.*",
    "9.4.*",
    "9.6.*",
    "9.8.*",
)  # are binary, which we refuse with 1003
LONG = ("12.*", "13.*")  # compression, which is off here
KNOWN = {"7.9.5": "a close frame with code 1006, which aiohttp lets through"}
GOOD = ("OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED")


def why_not() -> str | None:
    """Say why the suite can't be run here; None where it can."""
    return None if shutil.which("wstest") else "wstest (the Autobahn test-suite) is not on the PATH"


async def autobahn(seed: int) -> float:
    """Row 26: every case that is about text; 0.0, as no time is measured.

    Raises:
        AssertionError: a case fails that bare aiohttp passes.
    """
    with tempfile.TemporaryDirectory(prefix="autobahn-") as name:
        async with _suite(Path(name)) as url:
            count = int(await _said(f"{url}/getCaseCount"))
            for case in range(1, count + 1):
                await _echo(f"{url}/runCase?case={case}&agent={AGENT}")
            await _said(f"{url}/updateReports?agent={AGENT}")
        verdicts = json.loads((Path(name) / "index.json").read_text())[AGENT]
    judge(verdicts)
    return 0.0


def judge(verdicts: dict[str, dict[str, Any]]) -> Counter[str]:
    """Hold the verdicts against what bare aiohttp gets; give how often there was each."""
    failed = {case: one["behavior"] for case, one in verdicts.items() if one["behavior"] not in GOOD}
    worse = {case: verdict for case, verdict in failed.items() if case not in KNOWN}
    assert verdicts, "no case was run"
    assert not worse, f"worse than bare aiohttp: {worse}"
    return Counter(one["behavior"] for one in verdicts.values())


@asynccontextmanager
async def _suite(folder: Path) -> AsyncIterator[str]:
    """Run the suite's server; give its URL."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    url = f"ws://{HOST}:{port}"
    spec = folder / "spec.json"
    cases = {"cases": ["*"], "exclude-cases": [*BINARY, *LONG], "exclude-agent-cases": {}}
    spec.write_text(json.dumps({"url": url, "outdir": str(folder), **cases}))
    nowhere = asyncio.subprocess.DEVNULL
    command = ["wstest", "-m", "fuzzingserver", "-s", str(spec), "-w", "none"]
    process = await asyncio.create_subprocess_exec(*command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _listens(port):
                assert process.returncode is None, "wstest did not start"
                await asyncio.sleep(0.1)
        yield url
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def _said(url: str) -> str:
    """Give the last text of a websocket that says it and closes."""
    said = [""]
    await _until_lost(await _dialled(url), lambda text: said.append(text.decode()))
    return said[-1]


async def _echo(url: str) -> None:
    transport = await _dialled(url)

    def echo(text: bytes) -> None:
        try:
            transport.send_now(text)
        except ConnectionLost:
            return  # the case closed while it spoke; the pump is about to end

    await _until_lost(transport, echo)


async def _until_lost(transport: AiohttpTransport, hear: Any) -> None:
    try:
        async with asyncio.timeout(CASE_SECONDS):
            await transport.pump(hear)
    except (ConnectionLost, TimeoutError):
        await transport.close()


async def _dialled(url: str) -> AiohttpTransport:
    dialer = Dialer(url, session=None, open_timeout=10, close_timeout=1, max_message=LONGEST)
    return await dialer.dial()
