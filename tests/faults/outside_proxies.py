"""TCP proxies that are not ours: socat, HAProxy and nginx, each as the system has it, before a server.

Knows how each is started, told and killed. Must not know websockets, or who is at either end. They listen on
loopback, under a folder of their own for their files; `outside` disturbs them.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

HOST = "127.0.0.1"
START_SECONDS = 10.0  # until it listens
IDLE_SECONDS = 3  # after which HAProxy ends a link on which nothing passes
SLOW_RATE = "12k"  # bytes a second that nginx lets through: a fraction of what the market says

HAPROXY = """
global
    stats socket {folder}/control level admin
    maxconn 100
defaults
    mode tcp
    timeout connect 2s
    timeout client {idle}s
    timeout server {idle}s
listen relay
    bind {host}:{port}
    server far {target}
"""
NGINX = """
{modules}
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/log;
events {{}}
stream {{
    server {{ listen {host}:{port}; proxy_pass {target}; {limits} }}
}}
"""


class Proxy:
    """One that runs, with all processes it has started.

    Args:
        command: of which it is made; it must stay in the foreground.
        port: at which it listens.
        folder: with its files.
    """

    def __init__(self, command: Sequence[str], port: int, folder: Path) -> None:
        self._command = command
        self.port = port
        self.folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        log = (self.folder / "said").open("ab")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a group of its own, which alone is sent signals
            )
        async with asyncio.timeout(START_SECONDS):
            while not _listens(self.port):
                assert self._process.returncode is None, (self.folder / "said").read_text()
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End it and all its processes at once, as the system does when it runs out of memory."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            await self._process.wait()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to all it has started."""
        assert self._process is not None, "it runs"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def children(self) -> list[int]:
        """Give the processes it has started: socat has one a connection, nginx its worker."""
        assert self._process is not None, "it runs"
        number = self._process.pid
        return [int(one) for one in Path(f"/proc/{number}/task/{number}/children").read_text().split()]

    def kill_children(self) -> None:
        """Kill the processes it has started."""
        for child in self.children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    async def tell(self, command: str) -> str:
        """Give HAProxy an order on its control socket; give its answer."""
        reader, writer = await asyncio.open_unix_connection(self.folder / "control")
        writer.write(f"{command}\n".encode())
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        return said.decode()


def why_not(name: str) -> str | None:
    """Say why a proxy can't be run here; None where it can."""
    if shutil.which(name) is None:
        return f"{name} is not on the PATH"
    if name == "nginx" and _stream_module() is None:
        return "nginx has no stream module"
    return None


@asynccontextmanager
async def socat(url: str) -> AsyncIterator[tuple[str, Proxy]]:
    """Start socat before a server, one process a connection."""
    port, target = _free_port(), _target(url)
    listen = f"TCP-LISTEN:{port},bind={HOST},fork,reuseaddr,nodelay"
    async with _running(["socat", listen, f"TCP:{target},nodelay"], port) as proxy:
        yield _before(url, port), proxy


@asynccontextmanager
async def haproxy(url: str) -> AsyncIterator[tuple[str, Proxy]]:
    """Start HAProxy before a server, with a short idle time-out."""
    port = _free_port()
    with _folder() as folder:
        config = folder / "config"
        values = {"folder": folder, "host": HOST, "port": port, "target": _target(url), "idle": IDLE_SECONDS}
        config.write_text(HAPROXY.format(**values))
        async with _running(["haproxy", "-db", "-f", str(config)], port, folder) as proxy:
            yield _before(url, port), proxy


@asynccontextmanager
async def nginx(url: str, *, slow: bool = False) -> AsyncIterator[tuple[str, Proxy]]:
    """Start nginx before a server; `slow`: with little bandwidth."""
    port, module = _free_port(), _stream_module()
    with _folder() as folder:
        config = folder / "config"
        config.write_text(
            NGINX.format(
                modules=f"load_module {module};" if module else "",
                folder=folder,
                host=HOST,
                port=port,
                target=_target(url),
                limits=f"proxy_download_rate {SLOW_RATE};" if slow else "",
            )
        )
        command = ["nginx", "-p", str(folder), "-c", str(config), "-e", str(folder / "log")]
        async with _running(command, port, folder) as proxy:
            yield _before(url, port), proxy


@asynccontextmanager
async def _running(command: Sequence[str], port: int, folder: Path | None = None) -> AsyncIterator[Proxy]:
    with contextlib.ExitStack() as stack:
        proxy = Proxy(command, port, folder or stack.enter_context(_folder()))
        await proxy.start()
        try:
            yield proxy
        finally:
            await proxy.kill()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="outside-") as name:
        yield Path(name)


def _stream_module() -> Path | None:
    """Find nginx's module for TCP, where it is not built in."""
    found = [
        Path(root) / "ngx_stream_module.so" for root in ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")
    ]
    return next((path for path in found if path.exists()), None)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    """Look whether somebody listens, without coming to the door: a dial would be a connection more."""
    wanted = f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(wanted) and line.split()[3] == "0A" for line in lines)


def _target(url: str) -> str:
    return urlsplit(url).netloc


def _before(url: str, port: int) -> str:
    return urlsplit(url)._replace(netloc=f"{HOST}:{port}").geturl()
