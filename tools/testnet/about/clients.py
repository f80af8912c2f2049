"""Checks of the client itself on the exchange: it lives, logs in, renews, and subscribes in bulk.

Knows: the public face of the package. Must not know: frames: what the client sends is not in the
evidence of these. The other checks judge the exchange; these judge what was built on it.
"""

import asyncio
from dataclasses import replace

from deribit_ws import Client, Credentials, DeribitError, Disconnected, Handler, Notification
from tools.testnet.bench import PERPETUAL, Bench
from tools.testnet.checks import Needs, check
from tools.testnet.verdicts import Finding, Findings, judged

_LIVES = 30.0  # seconds: two heartbeats and more
_MOST = 2_000  # channels
_CALLS = _MOST // 500 + 2  # to subscribe to them, 500 at a time, and some to spare
_LIFE = 10  # seconds of a token that is to be renewed several times


@check("§3, §13")
async def client_lives(bench: Bench) -> Findings:
    """A client answers heartbeats: it keeps its connection, and its ticker goes on."""
    seconds = bench.span(_LIVES)
    heard = drops = 0
    async with _client(bench) as client, client.stream(f"ticker.{PERPETUAL}.100ms", marks=True) as stream:
        try:
            async with asyncio.timeout(seconds):
                async for item in stream:
                    heard += isinstance(item, Notification)
                    drops += isinstance(item, Disconnected)
        except TimeoutError:
            pass
    return judged(drops == 0 and heard > 0, f"{heard} tickers and {drops} drops in {seconds:g} s")


@check("§5, §10")
async def client_subscribes_in_bulk(bench: Bench) -> Findings:
    """A client subscribes to 2,000 channels, or all there are, within the credits: without a drop."""
    # What the client spends comes out of the pools that the other checks draw on.
    for method in ("public/get_instruments", *["public/subscribe"] * _CALLS):
        await bench.pace.turn(method)
    async with _client(bench) as client:
        listed = await client.public.get_instruments(currency="any")
        names = [
            f"{form}.{one.instrument_name}" for form in ("quote", "incremental_ticker") for one in listed
        ]
        accepted = await client.subscribe(*names[:_MOST])
        await asyncio.sleep(bench.span(2))
        state, asked = client.state.value, len(names[:_MOST])
    return judged(
        len(accepted) == asked and state == "connected", f"{len(accepted)} of {asked}; then {state}"
    )


@check("§4", needs=Needs.LOGIN)
async def client_logs_in(bench: Bench) -> Findings:
    """A client logs in with its secret, and with a signature alone; both can read the account."""
    signing = replace(bench.key, grant_type="client_signature")
    return {"secret": await _reading(bench, bench.key), "signature": await _reading(bench, signing)}


@check("§4", takes=25, needs=Needs.LOGIN)
async def client_renews_its_login(bench: Bench) -> Findings:
    """A client whose tokens live for 10 s renews them in time: no private call fails, no drop."""
    key = replace(bench.key, scope=f"connection expires:{_LIFE}")
    calls, drops = 0, _Drops()
    async with _client(bench, key) as client:
        client.add_handler(drops)
        try:
            for _ in range(25):
                await client.private.get_positions()
                calls += 1
                await asyncio.sleep(1)
        except DeribitError as error:
            return judged(False, f"call {calls + 1}: {error}")
    return judged(drops.count == 0, f"{calls} calls in 25 s, {drops.count} drops")


class _Drops(Handler):
    """Counts lost connections."""

    def __init__(self) -> None:
        self.count = 0

    def on_disconnected(self, event: Disconnected) -> None:
        self.count += 1


async def _reading(bench: Bench, key: Credentials) -> Finding:
    async with _client(bench, key) as client:
        summaries = await client.private.get_account_summaries()
        return judged(bool(summaries.summaries), f"scope {client.scope}")


def _client(bench: Bench, key: Credentials | None = None) -> Client:
    return Client(bench.url, credentials=key)
