"""Checks of channels by their names: which there are, which scope each needs, how many fit.

Knows: the patterns of channels, from the package's own table. Must not know: payloads (see `drift`).
What the simulated exchange believes about scopes is read from it, since it is what is on trial.
"""

from itertools import product

from deribit_ws.testing.channels import scope_needed
from tools.testnet.bench import PERPETUAL, Bench
from tools.testnet.checks import Needs, check
from tools.testnet.names import private_channels
from tools.testnet.peer import Message, Peer, code_of, told
from tools.testnet.verdicts import Finding, Findings, judged, undecided

_AREAS = ("account", "trade", "wallet", "block_trade", "block_rfq")
_READ_AREAS = ("account", "trade", "block_trade", "block_rfq")  # no channel is about the wallet
_DOCUMENTED = ("BTC", "ETH", "USDC", "USDT", "EURR", "any")  # currencies of user.portfolio
_OTHERS = ("SOL", "XRP", "USYC", "BUIDL", "STETH", "USDE", "BNB", "PAXG", "MATIC")
_MOST_PER_CALL = 500
_MANY = 1_200  # channels on one connection: more than two calls can hold


@check("§5, §15")
async def chart_without_resolution(bench: Bench) -> Findings:
    """There is no channel chart.trades.{instrument_name} without a resolution."""
    with_resolution = f"chart.trades.{PERPETUAL}.1"
    async with bench.peer() as peer:
        accepted = await peer.subscribe(f"chart.trades.{PERPETUAL}", with_resolution)
    return judged(accepted == [with_resolution], f"accepted: {accepted}")


@check("§5, §15")
async def many_channels(bench: Bench) -> Findings:
    """More than 1,000 channels fit on one connection, in calls of 500 at most."""
    async with bench.peer() as peer:
        names = await _names(peer, _MANY)
        accepted: list[str] = []
        for first in range(0, len(names), _MOST_PER_CALL):
            accepted += await peer.subscribe(*names[first : first + _MOST_PER_CALL])
        await peer.listen(bench.span(2))
    if len(names) < _MANY:
        return undecided(f"only {len(names)} channels to be had; {len(accepted)} accepted")
    return judged(
        len(accepted) == _MANY and peer.lost is None, f"{len(accepted)} of {_MANY}; {peer.lost or 'open'}"
    )


@check("§5")
async def too_many_in_one_call(bench: Bench) -> Findings:
    """A call with 501 channels is refused."""
    async with bench.peer() as peer:
        names = await _names(peer, _MOST_PER_CALL + 1)
        if len(names) <= _MOST_PER_CALL:
            return undecided(f"only {len(names)} channels to be had")
        answer = await peer.call("public/subscribe", {"channels": names})
    accepted = answer.get("result")
    seen = told(answer) if accepted is None else f"{len(accepted)} of {len(names)} accepted"
    return judged(code_of(answer) is not None, seen)


@check("§15", needs=Needs.LOGIN)
async def portfolio_currencies(bench: Bench) -> Findings:
    """user.portfolio takes the documented currencies; what else it takes is listed."""
    async with bench.peer() as peer:
        await bench.login(peer)
        names = [f"user.portfolio.{currency}" for currency in (*_DOCUMENTED, *_OTHERS)]
        accepted = await peer.subscribe(*names, scope="private")
    taken = {name.rpartition(".")[2] for name in accepted}
    more = sorted(taken - set(_DOCUMENTED))
    return judged(taken >= set(_DOCUMENTED), f"taken {sorted(taken & set(_DOCUMENTED))}, beyond these {more}")


@check("§6, §15", needs=Needs.LOGIN)
async def channel_scopes(bench: Bench) -> Findings:
    """Each private channel is accepted with the read scope it is believed to need, and with no other."""
    channels = private_channels()
    enough: dict[str, list[str]] = {channel: [] for channel in channels.values()}
    for area in _READ_AREAS:
        async with bench.peer() as peer:
            words = [f"{one}:{'read' if one == area else 'none'}" for one in _AREAS]
            await bench.login(peer, " ".join(["connection", *words]))
            for channel in await peer.subscribe(*enough, scope="private"):
                enough[channel].append(f"{area}:read")
    return {pattern: _scope_verdict(channel, enough[channel]) for pattern, channel in channels.items()}


def _scope_verdict(channel: str, enough: list[str]) -> Finding:
    believed = scope_needed(channel)
    if not enough:
        return undecided(f"accepted with none of the read scopes; believed: {believed}")
    return judged(enough == [believed], f"accepted with {' or '.join(enough)}; believed: {believed}")


@check("§5, §15", needs=Needs.LOGIN)
async def place_of_the_label(bench: Bench) -> Findings:
    """The label of private/subscribe comes back in notifications, as params.label."""
    label = "testnet-check"
    async with bench.peer() as peer:
        await bench.login(peer)
        names = ("user.portfolio.any", "user.changes.any.any.raw")
        await peer.subscribe(*names, scope="private", label=label)
        frame = await peer.wait(lambda frame: frame.channel in names, bench.span(20))
    if frame is None:
        return undecided("no private notification came; --orders makes some")
    return judged_label(frame.message, label)


def judged_label(message: Message, label: str) -> Finding:
    """Where in a notification the label stands."""
    places = [place for place in _places(message) if place[1] == label]
    seen = ", ".join(place for place, _ in places) or "nowhere"
    return judged([place for place, _ in places] == ["params.label"], f"label found: {seen}")


def _places(value: object, path: str = "") -> list[tuple[str, object]]:
    if not isinstance(value, dict):
        return [(path, value)]
    return [found for key, one in value.items() for found in _places(one, f"{path}.{key}".lstrip("."))]


async def _names(peer: Peer, most: int) -> list[str]:
    """Names of so many channels that are rather quiet, or of all there are."""
    listed = await peer.result("public/get_instruments", {"currency": "any"})
    names = [instrument["instrument_name"] for instrument in listed]
    forms = ("trades.{}.agg2", "quote.{}", "book.{}.agg2", "incremental_ticker.{}", "ticker.{}.agg2")
    every = [form.format(name) for form, name in product(forms, names)]
    return every[:most]
