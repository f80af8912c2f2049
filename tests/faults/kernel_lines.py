"""Questions and answers with a process of ours, one JSON line each: how a judge talks to what it disturbs.

Knows: processes, pipes, signals. Must not know: exchanges, clients, faults. Both ends of a scene `serve` an
object's methods on their standard input; the scene starts them as a `Process` and asks. A process that is
started here dies with who started it, even while it is stopped.
"""

import asyncio
import ctypes
import inspect
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_LINE = 64 << 20  # bytes: an account of a minute's books and trades is some MiB
ANSWER_SECONDS = 120.0  # no question takes longer; beyond it the process hangs
GOODBYE_SECONDS = 5.0  # to end by itself when there is nothing more to ask
PARENT_DIES = 1  # PR_SET_PDEATHSIG of prctl(2)
_LIBC = ctypes.CDLL(None)  # loaded beforehand: between fork and exec nothing may be


async def serve(actor: object) -> None:
    """Answer each line by the method it names, until the input ends; what it raises is the answer, too."""
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        asked = json.loads(line)
        try:
            answer = getattr(actor, asked["do"])(**asked["with"])
            if inspect.isawaitable(answer):
                answer = await answer
            said = {"answer": answer}
        except Exception as error:
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)
    pipe.close()


def _die_with_the_parent() -> None:
    _LIBC.prctl(PARENT_DIES, signal.SIGKILL)  # kept across exec(2); a stopped process dies of it, too


class Process:
    """One end of a scene, running a module of ours with no warning forgiven.

    Args:
        module: its name; what it prints to stderr is kept.
        before: the command that starts it, such as `unshare -n`; the process must be the same.
        environment: beyond this process's own.
    """

    def __init__(
        self, module: str, *, before: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        self._command = [*before, sys.executable, "-X", "dev", "-W", "error", "-m", module]
        # Without what has coverage measure it: what these processes take of the processor is judged.
        own = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        self._environment = {**own, **(environment or {})}
        self._process: asyncio.subprocess.Process
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  closed where the process is left

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._said,
            cwd=ROOT,
            env=self._environment,
            limit=LONGEST_LINE,
            preexec_fn=_die_with_the_parent,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(GOODBYE_SECONDS if kind is None else 0):
                await self._process.wait()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._process.wait()
        finally:
            said = self.stderr()
            self._said.close()
        if error is not None and said:
            error.add_note(f"{self._command[-1]} said:\n{said[-3000:]}")

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process.returncode is None:
            self._process.send_signal(number)

    def stderr(self) -> str:
        """What it has said beside its answers."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace")

    async def ask(self, do: str, **values: Any) -> Any:
        """Have it do something, and give the answer.

        Raises:
            AssertionError: it could not, or does not answer any more.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        async with asyncio.timeout(ANSWER_SECONDS):
            self._process.stdin.write(json.dumps({"do": do, "with": values}).encode() + b"\n")
            await self._process.stdin.drain()
            line = await self._process.stdout.readline()
        assert line, f"{self._command[-1]} has ended when asked to {do}:\n{self.stderr()[-3000:]}"
        said = json.loads(line)
        assert "error" not in said, f"{self._command[-1]}: {do}: {said['error']}\n{self.stderr()[-3000:]}"
        return said["answer"]
