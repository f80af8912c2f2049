"""The simulated exchange and its proxy are for this machine alone, unless told otherwise."""

import json
import signal
from pathlib import Path

import pytest

from deribit_ws.cli.arguments import parser
from deribit_ws.cli.failures import USAGE, Failure
from deribit_ws.testing import ChaosProxy, SimulatedExchange
from tests.cli.shell import running

LISTENING = "0A"  # the kernel's word for a socket that listens
LOOPBACK = {"0100007F"}  # 127.0.0.1, as the kernel writes it on machines whose low byte comes first


def listening(port: int) -> set[str]:
    """The addresses at which this machine listens on a port, as the kernel writes them."""
    tables = [Path(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
    if not tables[0].is_file():
        pytest.skip("no /proc/net/tcp here to see who listens where")
    rows = [
        line.split() for table in tables if table.is_file() for line in table.read_text().splitlines()[1:]
    ]
    return {row[1].split(":")[0] for row in rows if row[3] == LISTENING and row[1].endswith(f":{port:04X}")}


def port_of(url: str) -> int:
    return int(url.split(":")[2].split("/")[0])


async def test_loopback_by_default() -> None:
    """Neither the exchange nor the proxy before it can be reached from another machine."""
    async with SimulatedExchange(autoplay=False) as exchange, ChaosProxy(exchange.url) as proxy:
        for url in (exchange.url, exchange.http_url, proxy.url):
            assert listening(port_of(url)) == LOOPBACK


async def test_the_command_listens_on_loopback() -> None:
    """`simulate` listens on loopback, with no warning, and tells no secret but its made-up account's."""
    async with running("simulate") as simulate:
        told = json.loads(await simulate.line())
        heard = listening(port_of(told["url"]))
        ended = await simulate.end(signal.SIGTERM)

    assert heard == LOOPBACK
    assert "warning" not in ended.err and set(told) == {"url", "http_url"}


@pytest.mark.parametrize("host", ["", " "])
def test_no_host_is_not_every_host(host: str) -> None:
    """An empty host, which the system would take for all addresses, is refused."""
    with pytest.raises(Failure, match="every address") as failed:
        parser(str).parse_args(["simulate", "--host", host])

    assert failed.value.status == USAGE
