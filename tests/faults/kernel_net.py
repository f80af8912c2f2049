"""Two processes in network namespaces of their own, and what a kernel can do to the packets between them.

Knows: ip(8), nsenter(1), unshare(1). Must not know: what is said over the link. Nothing here touches the
machine's own network: the addresses exist inside the two namespaces only, and namespaces and link are gone
with the processes, however those end. Each way below was seen to drop in silence: no reset, no ICMP error,
and what was dropped is sent again once it is undone (`test_kernel` holds raw sockets against that).
"""

import asyncio
import os
import shutil
from enum import Enum
from functools import cache
from pathlib import Path
from subprocess import run

ALONE = ("unshare", "--net")  # replaces itself by the command, so the process keeps its number
FAR, NEAR = "10.231.0.1", "10.231.0.2"  # of the exchange, and of the client
PORT = 8080
FAR_LINK, NEAR_LINK = "far0", "near0"
NOBODY = "02:00:00:00:00:99"  # a link address that nobody has: a packet sent there is a packet dropped
SMALL = "100"  # bytes: an acknowledgement passes, and a request with its 60 bytes of JSON does not
WHOLE = "1500"
UNBUNDLED = f"link set {NEAR_LINK} gso_max_segs 65535"
ESTABLISHED = "01"  # of /proc/net/tcp


class Dropped(Enum):
    """Which packets vanish, and how."""

    LINK = "all, both ways: the server's end of the link is down"
    PATH = "all, both ways: each end sends to nobody"
    CONNECTION = "this connection's, both ways: as by a router that has forgotten it"
    SERVERS = "this connection's from the server"
    OURS = "this connection's from the client, acknowledgements too"
    OUR_WRITES = "all from the client that carry more than some bytes; data and acknowledgements pass"


@cache
def why_not() -> str | None:
    """Say why there can be no such namespaces here; None where there can."""
    if os.name != "posix" or not Path("/proc/self/ns/net").exists():
        return "no network namespaces: not Linux"
    if lacking := [name for name in ("unshare", "nsenter", "ip") if shutil.which(name) is None]:
        return f"not on the PATH: {', '.join(lacking)}"
    link = [*ALONE, "ip", "link", "add", FAR_LINK, "type", "veth", "peer", "name", NEAR_LINK]
    tried = run(link, capture_output=True, text=True, check=False)
    return f"no namespace with a link: {tried.stderr.strip()}" if tried.returncode else None


class Wire:
    """The link between two processes that were started `ALONE`.

    Args:
        far: the number of the server's process.
        near: that of the client's.
    """

    def __init__(self, far: int, near: int) -> None:
        self._far = far
        self._near = near
        self._undo: list[tuple[int, str]] = []

    async def lay(self) -> None:
        """Give both ends their address."""
        peer = f"peer name {NEAR_LINK} netns {self._near}"
        await self._ip(self._far, f"link add {FAR_LINK} type veth {peer}")
        for pid, link, address in ((self._far, FAR_LINK, FAR), (self._near, NEAR_LINK, NEAR)):
            for words in ("link set lo up", f"addr add {address}/24 dev {link}", f"link set {link} up"):
                await self._ip(pid, words)

    async def drop(self, what: Dropped) -> None:
        """Let packets vanish, until `heal`."""
        far_nobody = f"neigh replace {NEAR} lladdr {NOBODY} nud permanent dev {FAR_LINK}"
        near_nobody = f"neigh replace {FAR} lladdr {NOBODY} nud permanent dev {NEAR_LINK}"
        port = self.port()
        far_rule = f"rule add pref 10 ipproto tcp sport {PORT} dport {port} blackhole"
        near_rule = f"rule add pref 10 ipproto tcp sport {port} dport {PORT} blackhole"
        no_rule = "rule del pref 10"
        match what:
            case Dropped.LINK:
                await self._do(self._far, f"link set {FAR_LINK} down", f"link set {FAR_LINK} up")
            case Dropped.PATH:
                await self._do(self._far, far_nobody, f"neigh del {NEAR} dev {FAR_LINK}")
                await self._do(self._near, near_nobody, f"neigh del {FAR} dev {NEAR_LINK}")
            case Dropped.CONNECTION:
                await self._do(self._far, far_rule, no_rule)
                await self._do(self._near, near_rule, no_rule)
            case Dropped.SERVERS:
                await self._do(self._far, far_rule, no_rule)
            case Dropped.OURS:
                await self._do(self._near, near_rule, no_rule)
            case Dropped.OUR_WRITES:
                # A link takes no packet longer than its own end may send, and says nothing of it; but for
                # bundles of several, which would be made of what piles up.
                await self._do(self._near, f"link set {NEAR_LINK} gso_max_segs 1", UNBUNDLED)
                small = f"link set {FAR_LINK} mtu {SMALL}"
                await self._do(self._far, small, f"link set {FAR_LINK} mtu {WHOLE}")

    async def heal(self) -> None:
        """Let everything pass again."""
        while self._undo:
            await self._ip(*self._undo.pop())

    def port(self) -> int:
        """The client's port of its connection to the server."""
        for line in Path(f"/proc/{self._near}/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, state, *_ = line.split()
            if state == ESTABLISHED and int(remote.partition(":")[2], 16) == PORT:
                return int(local.partition(":")[2], 16)
        raise AssertionError("the client has no connection")

    async def _do(self, pid: int, words: str, undo: str) -> None:
        await self._ip(pid, words)
        self._undo.append((pid, undo))

    async def _ip(self, pid: int, words: str) -> None:
        command = ["nsenter", "-t", str(pid), "-n", "ip", *words.split()]
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        _, said = await process.communicate()
        assert process.returncode == 0, f"ip {words}: {said.decode()}"
