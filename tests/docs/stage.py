"""A process that has imported everything once, and forks a child for each block it is to run.

Knows how to run Python, `deribit-ws` and pytest as a user does, against a simulated exchange in a thread of
the child, and when to press Ctrl-C. Must not know pages. The tests start it through `Stage`; jobs and results
go over its pipes as JSON lines. A fresh interpreter for each block would take most of the suite's time.
"""

import asyncio
import contextlib
import functools
import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
ENOUGH_LINES = 8  # then the reader has seen what the block does
GRACE = (
    1.0  # seconds to end by itself, before Ctrl-C: pressed as asyncio.run ends, that is a warning of Python's
)
ENOUGH_SECONDS = 1.5  # after the first line; of a command, which may say nothing, after its start
TOO_LONG = 240.0  # seconds: it hangs; only a machine that is busy with other things takes minutes
AFTER_CTRL_C = 60.0  # seconds to end in order, likewise
PRELOADED = (
    *(
        "aiohttp.web",
        "deribit_ws.face",
        "deribit_ws.testing",
        "deribit_ws.cli.command",
        "deribit_ws.cli.tail",
    ),
    *("rich.live", "websockets.asyncio.client", "pytest", "prometheus_client"),
)
KEY = {"DERIBIT_CLIENT_ID": "simulated", "DERIBIT_CLIENT_SECRET": "secret"}
DERIBITS = re.compile(
    r"wss://(?:www|test)\.deribit\.com/ws/api/v2|ws://(?:127\.0\.0\.1|localhost):8080/ws/api/v2"
)
PORTS = re.compile(r"\b(?:8080|9100|9090|8000)\b")  # that examples like to listen at: each becomes a free one


@dataclass(frozen=True, slots=True)
class Job:
    """Something to run: `kind` "python" with code, "command" with words after `deribit-ws`, or "pytest"."""

    kind: str
    where: str
    folder: str
    code: str = ""
    words: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of it; `how` is "ended", "interrupted" (by our Ctrl-C) or "killed" (it hung)."""

    status: int
    how: str
    out: str
    err: str


class Stage:
    """The process, from outside. Use it as a context manager."""

    def __enter__(self) -> "Stage":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.docs.stage"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=_environment(),
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # closes its stdin, which ends it

    def run(self, job: Job) -> Result:
        """Run a job to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()
        return Result(**json.loads(self._process.stdout.readline()))


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DERIBIT", "COV_"))}
    return kept | KEY | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"}


# --- in the process


def main() -> None:
    """Run a job for each line on stdin."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        told = json.loads(line)
        job = Job(**told | {"words": tuple(told["words"])})
        print(json.dumps(asdict(_perform(job))), flush=True)
    os._exit(0)  # there is nothing to tidy up, of all that was imported


def _perform(job: Job) -> Result:
    out, err = (Path(job.folder, f".{name}") for name in ("out", "err"))
    with out.open("wb") as out_file, err.open("wb") as err_file:
        pid = os.fork()
        if not pid:
            _be_child(job, out_file, err_file)
    status, how = _watch(pid, out, job.kind)
    return Result(status, how, out.read_text(errors="replace"), err.read_text(errors="replace"))


def _watch(pid: int, out: Path, kind: str) -> tuple[int, str]:
    """Wait for a child, press Ctrl-C when it has shown enough, end it if it hangs; give status and how."""
    began = time.monotonic()
    first = began if kind == "command" else None
    full: float | None = None  # when it had said enough lines
    pressed: float | None = None
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        now = time.monotonic()
        if done:
            return os.waitstatus_to_exitcode(status), "ended" if pressed is None else "interrupted"
        if now > (began + TOO_LONG if pressed is None else pressed + AFTER_CTRL_C):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -signal.SIGKILL, "killed"
        lines = 0 if kind == "pytest" else out.read_bytes().count(b"\n")
        first = now if first is None and lines else first
        full = now if full is None and lines >= ENOUGH_LINES else full
        if pressed is None and ((full and now > full + GRACE) or (first and now > first + ENOUGH_SECONDS)):
            os.kill(pid, signal.SIGINT)
            pressed = now
        time.sleep(0.01)


# --- in the child


def _be_child(job: Job, out: IO[bytes], err: IO[bytes]) -> None:
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a TextIOWrapper
        os.chdir(job.folder)
        sys.path.insert(0, job.folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = _play(job)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _exchange(seed: int) -> str:
    """Start a simulated exchange in a thread; give its URL."""
    from deribit_ws.testing import Account, SimulatedExchange

    url: list[str] = []
    is_up = threading.Event()
    accounts = {"simulated": Account("secret", subaccounts=(11,)), "second": Account("secret")}

    async def serve() -> None:
        async with SimulatedExchange(seed=seed, step_seconds=0.02, accounts=accounts) as exchange:
            url.append(exchange.url)
            is_up.set()
            await asyncio.Event().wait()

    threading.Thread(target=asyncio.run, args=[serve()], daemon=True).start()
    is_up.wait()
    return url[0]


def _play(job: Job) -> int:
    if job.kind == "pytest":  # brings exchanges of its own, and plugins that leave things behind
        return _pytest(job.words)
    warnings.simplefilter("error")
    url = _exchange(job.seed)
    return _python(job, url) if job.kind == "python" else _command(job.words, url)


def _python(job: Job, url: str) -> int:
    import deribit_ws

    deribit_ws.PRODUCTION = deribit_ws.TESTNET = url  # what every block asks for
    deribit_ws.Client.__init__.__defaults__ = (url,)
    namespace = {"__name__": "__main__", "__file__": job.where}
    code = compile(redirected(job.code, url), job.where, "exec")
    with contextlib.suppress(KeyboardInterrupt):
        exec(code, namespace)
    return 0


def _command(words: tuple[str, ...], url: str) -> int:
    from deribit_ws.cli.command import main as command

    os.environ["DERIBIT_URL"] = url
    given = [redirected(word, url) for word in words]
    while "--testnet" in given:
        at = given.index("--testnet")
        given[at : at + 1] = ["--url", url]
    return command(given)


def _pytest(words: tuple[str, ...]) -> int:
    from importlib.metadata import entry_points

    import pytest

    plugin = "deribit_ws.pytest_plugin"
    known = any(point.value == plugin for point in entry_points(group="pytest11"))
    config = ["-c", "pyproject.toml"] if Path("pyproject.toml").exists() else ["-c", os.devnull]
    own = [*config, "--rootdir", ".", "-p", "no:cacheprovider", *(() if known else ("-p", plugin))]
    return int(pytest.main([*own, *words]))


def redirected(text: str, url: str) -> str:
    """The text with the exchange's URL in place of Deribit's, and free ports in place of known ones."""
    return PORTS.sub(lambda known: str(_free_port(known[0])), DERIBITS.sub(url, text))


@functools.cache
def _free_port(known: str) -> int:
    """A free port in place of a known one, the same wherever a block names that."""
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        port: int = taker.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
