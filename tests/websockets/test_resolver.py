"""Name look-ups: found, not found, and given up while the name server is silent."""

import asyncio
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from deribit_ws.aiohttp_transport.resolver import DaemonResolver

ROOT = Path(__file__).resolve().parents[2]

STALLED = """
import socket, time
from deribit_ws import Client
def stall(*_):
    print("asked", flush=True)
    time.sleep(60)
socket.getaddrinfo = stall
Client("ws://name.test/").run()
print("ended", flush=True)
"""


async def test_loopback_is_found() -> None:
    """A name is given with its addresses, ready to be dialled."""
    found = await DaemonResolver().resolve("localhost", 80, socket.AF_INET)

    assert [(one["host"], one["port"], one["family"]) for one in found] == [("127.0.0.1", 80, socket.AF_INET)]


async def test_no_such_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without an address is an OSError, as the system tells it."""

    def fail(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    with pytest.raises(socket.gaierror):
        await DaemonResolver().resolve("name.test", 80)


async def test_a_stalled_look_up_holds_up_nothing() -> None:
    """Ctrl-C ends a program whose name server does not answer, long before the look-up ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", STALLED),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"asked\n"
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(10):  # the look-up takes 60
        output, errors = await process.communicate()

    assert (process.returncode, output, b"Traceback" in errors) == (0, b"ended\n", False)


async def test_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up that gets no thread fails as one that gets no answer does: it may be tried again."""

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)

    with pytest.raises(OSError, match="can't start new thread"):
        await DaemonResolver().resolve("name.test")
