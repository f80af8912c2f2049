"""The client's end of a scene, as a process of its own: `python -m tests.faults.kernel_client`.

Knows the witness, and what a scene may take from the process it runs in: files, memory, threads, and the time
of day. Must not know the exchange. With STEPPING_CLOCK set, the time of day is a clock that steps on request,
from before anything of the package is there.
"""

import os
import time

_real_time, _stepped = time.time, 0.0
if os.environ.get("STEPPING_CLOCK"):
    time.time = lambda: _real_time() + _stepped
    time.time_ns = lambda: int((_real_time() + _stepped) * 1e9)

import asyncio  # noqa: E402  the clock comes first
import errno  # noqa: E402
import resource  # noqa: E402
import socket  # noqa: E402
import threading  # noqa: E402
from typing import Any  # noqa: E402

from deribit_ws.errors import CallTimeout  # noqa: E402
from tests.faults.kernel_lines import serve  # noqa: E402
from tests.faults.kernel_witness import Witness  # noqa: E402


class NearEnd:
    """A witness, and the limits of its process."""

    def __init__(self) -> None:
        self._witness: Witness
        self._limits = {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS}
        self._ignored: asyncio.Task[float]

    def ready(self) -> None:
        """Say that the process is there."""

    async def open(self, url: str, retry_seconds: float) -> None:
        """Let the witness begin."""
        self._witness = Witness(url, retry_seconds=retry_seconds)
        await self._witness.open()

    async def marks_beyond(self, count: int, seconds: float) -> list[dict[str, Any]]:
        """Wait for more marks; give all."""
        return await self._witness.marks_beyond(count, seconds)

    def at(self) -> dict[str, Any]:
        """Give how far it has come."""
        return self._witness.at()

    def attempts(self) -> list[float]:
        """Give when dials have failed."""
        return self._witness.attempts.at

    async def still(self) -> None:
        """Call no more."""
        await self._witness.still()

    async def close(self) -> dict[str, Any]:
        """Close the client, and give the account."""
        return await self._witness.close()

    # --- what the process is given

    def forbid(self, limit: str, most: int) -> None:
        """Lower a limit of this process: what it has it keeps, and more it does not get."""
        resource.setrlimit(getattr(resource, limit), (most, self._limits[limit][1]))

    def forbid_memory(self, more: int) -> None:
        """Let it have so many bytes beyond those it has."""
        self.forbid("RLIMIT_AS", _address_space() + more)

    def forbid_threads(self) -> None:
        """Let no thread begin: each would need a stack for which there is no room."""
        threading.stack_size(_STACK)
        self.forbid("RLIMIT_AS", _address_space() + _STACK // 2)

    def forbid_buffers(self) -> None:
        """Let the system have no buffer (ENOBUFS) for what is connected, or written to a socket."""
        socket.socket.connect = socket.socket.send = _no_buffers  # type: ignore[method-assign,assignment]  # the system's part

    def allow(self) -> None:
        """Let it have again what it had."""
        for name in ("connect", "send"):
            if name in vars(socket.socket):
                delattr(socket.socket, name)
        for name, limits in self._limits.items():
            resource.setrlimit(getattr(resource, name), limits)
        threading.stack_size(0)

    def step_clock(self, seconds: float) -> None:
        """Put the time of day forward, or back."""
        global _stepped
        _stepped += seconds

    def wall_ahead(self) -> float:
        """Give the seconds by which the time of day is ahead of the clock that never steps."""
        return time.time() - time.monotonic()

    # --- a call that is never answered

    def ask_in_vain(self, seconds: float) -> None:
        """Begin a call that the exchange was told to ignore."""
        self._ignored = asyncio.create_task(self._in_vain(seconds))

    async def waited_in_vain(self) -> float:
        """Give the seconds after which that call ended."""
        return await self._ignored

    async def _in_vain(self, seconds: float) -> float:
        began = time.monotonic()
        try:
            await self._witness.client.call("public/status", timeout=seconds)
        except CallTimeout:
            return time.monotonic() - began
        raise AssertionError("it was answered")


_LIMITS = ("RLIMIT_NOFILE", "RLIMIT_AS")
_STACK = 1 << 30  # bytes; of address space, not of memory


def _no_buffers(*_: object) -> int:
    raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))


def _address_space() -> int:
    with open("/proc/self/statm") as pages:  # noqa: PTH123  as few allocations as can be
        return int(pages.read().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    asyncio.run(serve(NearEnd()))
