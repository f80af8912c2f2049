"""Checks of drift in channels: every message decodes into its type, which knows all its fields.

Knows: one channel of each pattern, and the package's types. Must not know: what the fields mean.
"""

from deribit_ws.wire.channels import family_of
from deribit_ws.wire.codec import decode_envelope
from tools.testnet.about.drift import Drift
from tools.testnet.bench import PERPETUAL, Bench
from tools.testnet.checks import Needs, check
from tools.testnet.names import private_channels, public_channels
from tools.testnet.peer import Frame, Peer
from tools.testnet.verdicts import Finding, Findings, refuted, undecided

_SECONDS = 30.0  # in which all but the rarest channels speak on a busy day
_RAW = ("book", "ticker", "perpetual", "trades")


@check("§6, §14.4")
async def drift_channels(bench: Bench) -> Findings:
    """Each public channel can be subscribed to, and what it says is of its type, without unknown fields."""
    names = public_channels()
    async with bench.peer() as peer:
        accepted = await peer.subscribe(*names.values())
        drifts = await _watched(bench, peer, accepted)
    return {pattern: _finding(name, accepted, drifts) for pattern, name in names.items()}


@check("§6, §14.4", needs=Needs.LOGIN)
async def drift_raw_channels(bench: Bench) -> Findings:
    """The same of public channels whose interval is raw, after a login."""
    names = {f"{family}.raw": f"{family}.{PERPETUAL}.raw" for family in _RAW}
    async with bench.peer() as peer:
        await bench.login(peer)
        accepted = await peer.subscribe(*names.values())
        drifts = await _watched(bench, peer, accepted)
    return {pattern: _finding(name, accepted, drifts) for pattern, name in names.items()}


@check("§6, §14.5", needs=Needs.LOGIN)
async def drift_private_channels(bench: Bench) -> Findings:
    """The same of an account's channels, as far as it lives without orders."""
    names = private_channels()
    async with bench.peer() as peer:
        await bench.login(peer)
        accepted = await peer.subscribe(*names.values(), scope="private")
        drifts = await _watched(bench, peer, accepted)
    return {
        pattern: _finding(name, accepted, drifts)
        if name in accepted
        else undecided("left out: the key's scope or the account may not be enough")
        for pattern, name in names.items()
    }


async def _watched(bench: Bench, peer: Peer, accepted: list[str]) -> dict[str, Drift]:
    await peer.listen(bench.span(_SECONDS))
    drifts = {channel: Drift() for channel in accepted}
    for frame in peer.heard:
        if frame.channel in drifts:
            _add(drifts[frame.channel], frame)
    return drifts


def _add(drift: Drift, frame: Frame) -> None:
    params = decode_envelope(frame.text.encode()).params
    assert params is not None, "a frame with a channel has parameters"
    drift.add(bytes(params.data or b"null"), family_of(str(frame.channel)).decoder())


def _finding(channel: str, accepted: list[str], drifts: dict[str, Drift]) -> Finding:
    if channel not in accepted:
        return refuted(f"{channel} was left out of the subscription")
    drift = drifts[channel]
    return drift.finding() if drift.count else undecided("nothing came: the channel is quiet")
