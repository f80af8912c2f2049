"""`deribit-ws simulate`: a Deribit on this machine, for as long as nobody stops it.

Knows: how to start the simulated exchange, and to make a certificate for it. Must not know: what
it simulates. `command` runs it. The first line on stdout is for programs, stderr for people.
"""

import asyncio
import errno
import itertools
import os
import socket
import ssl
import tempfile
from argparse import Namespace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from deribit_ws.cli.demo.scenario import DISTURBANCES
from deribit_ws.cli.failures import USAGE, Failure
from deribit_ws.cli.logs import stamped, start_logging, tell
from deribit_ws.cli.output import write_line
from deribit_ws.cli.printable import dumped
from deribit_ws.cli.progress import progress
from deribit_ws.cli.recordings import Reading
from deribit_ws.testing import SimulatedExchange
from deribit_ws.testing.playback import PlaybackExchange, channels_in

TURN = 500  # records between two looks at whether a signal came: some milliseconds
SAMPLE = "ticker.BTC-PERPETUAL.100ms"


async def run(options: Namespace) -> int:
    """Serve until cancelled."""
    start_logging(verbose=options.verbose)
    with tempfile.TemporaryDirectory(prefix="deribit-ws-") as folder:
        context, authority = _certified(Path(folder), options.host) if options.tls else (None, None)
        exchange, sample = await _made(options, context)
        await _started(exchange, options)
        try:
            _announce(exchange, options, authority, sample)
            await _serve(exchange, options.drop_every)
        finally:
            await exchange.stop()
    raise AssertionError("a simulation only ends by being cancelled")


async def _made(options: Namespace, context: ssl.SSLContext | None) -> tuple[SimulatedExchange, str]:
    """The exchange, and one of its channels."""
    place = {"host": options.host, "port": options.port, "ssl_context": context}
    if options.file is None:
        if options.speed is not None:
            raise Failure("--speed is that of a recording: it needs --from", USAGE)
        return SimulatedExchange(seed=options.seed or 0, **place), SAMPLE
    if options.seed is not None or options.drop_every is not None:
        raise Failure("--from plays what was recorded: --seed and --drop-every have no say in it", USAGE)
    recording = Reading(options.file)
    channels = await _channels_in(recording)
    exchange = PlaybackExchange(
        recording.__iter__,
        channels,
        speed=options.speed or 1.0,
        tell=lambda line: tell(stamped(line)),
        **place,
    )
    return exchange, min(channels)


async def _channels_in(recording: Reading) -> set[str]:
    """Go through a recording once, to know what may be subscribed."""
    channels: set[str] = set()
    async with progress(lambda: f"looking for channels: {len(channels)}", lambda: recording.share) as show:
        records = iter(recording)
        while batch := list(itertools.islice(records, TURN)):
            channels |= channels_in(batch)
            show()
            await asyncio.sleep(0)
    if not channels:
        raise Failure(f"{recording.path}: no message of any channel is in it")
    return channels


async def _started(exchange: SimulatedExchange, options: Namespace) -> None:
    try:
        await exchange.start()
    except OSError as error:
        await exchange.stop()
        raise Failure(f"cannot listen on {options.host}:{options.port}: {_reason(error)}") from None


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use (0 takes a free one)"
    if isinstance(error, socket.gaierror):
        return "no such host"
    return os.strerror(error.errno) if error.errno else str(error)


def _announce(exchange: SimulatedExchange, options: Namespace, authority: Path | None, sample: str) -> None:
    urls = {"url": exchange.url, "http_url": exchange.http_url}
    write_line(dumped(urls | ({"ca_file": str(authority)} if authority else {})))
    if not _is_loopback(options.host):
        tell(f"warning: {options.host} can be reached from other machines, and anybody may log in")
    trust = f"SSL_CERT_FILE={authority} " if authority else ""
    tell(f"try: {trust}deribit-ws tail --url {exchange.url} {sample}")
    tell("Ctrl-C ends it")


async def _serve(exchange: SimulatedExchange, drop_every: float | None) -> None:
    if drop_every is None:
        await asyncio.Event().wait()
        return
    disturbances = itertools.cycle(DISTURBANCES)
    while True:
        await asyncio.sleep(drop_every)
        if exchange.connections:
            disturbance = next(disturbances)
            tell(stamped(f"drop: {disturbance.name}"))
            disturbance.happen(exchange)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _certified(folder: Path, host: str) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and the file of the authority that vouches for it, made for this run only."""
    trustme: Any
    try:
        import trustme
    except ImportError:
        raise Failure("--tls needs trustme: pip install 'deribit_ws[cli]'", USAGE) from None
    authority = trustme.CA()
    file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*dict.fromkeys([host, "localhost", "127.0.0.1", "::1"])).configure_cert(context)
    return context, file
