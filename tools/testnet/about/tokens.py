"""Checks of tokens: how they rotate, where they are good, what ends with them.

Knows: the grants of public/auth, and a way to see whether a channel is still subscribed: unsubscribing
lists only what it removed. Must not know: orders. Connections are logged in within connection scope,
but for those that are about sessions.
"""

from tools.testnet.about.logins import CHECK_SESSION, READ, READ_PARAMS
from tools.testnet.bench import PERPETUAL, Bench
from tools.testnet.checks import Needs, check
from tools.testnet.peer import Message, code_of, told
from tools.testnet.verdicts import Findings, Undecided, confirmed, judged, undecided

_PRIVATE = ("user.orders.any.any.raw", "user.portfolio.any")
_BOOK = f"book.{PERPETUAL}.100ms"
_LIFE = 8  # seconds of a token that is to run out: enough to subscribe in
_GRACE = 3.0  # seconds after its end in which the exchange may take notice


@check("§4, §14.6", needs=Needs.LOGIN)
async def token_elsewhere(bench: Bench) -> Findings:
    """A token of connection scope is worth nothing on another connection: 13009."""
    async with bench.peer() as home, bench.peer() as other:
        token = (await bench.login(home, "connection"))["access_token"]
        answer = await other.call(READ, {**READ_PARAMS, "access_token": token})
    return judged(code_of(answer) == 13009, _outcome(answer))


@check("§4, §14.6", needs=Needs.LOGIN)
async def refresh_rotates(bench: Bench) -> Findings:
    """A refresh replaces both tokens; the old ones are refused from then on."""
    async with bench.peer() as peer:
        old = await bench.login(peer, "connection")
        new = await peer.call("public/auth", _refresh(old["refresh_token"]))
        if "result" not in new:
            raise Undecided(f"the refresh was refused: {told(new)}")
        access = await peer.call(READ, {**READ_PARAMS, "access_token": old["access_token"]})
        again = await peer.call("public/auth", _refresh(old["refresh_token"]))
    tokens = ("access_token", "refresh_token")
    kept = [token for token in tokens if new["result"][token] == old[token]]
    return {
        "both": judged(not kept, f"unchanged: {kept}"),
        "old access": judged(code_of(access) == 13009, _outcome(access)),
        "old refresh": judged(code_of(again) is not None, _outcome(again)),
    }


@check("§4, §15, §14.6", takes=_LIFE + _GRACE, needs=Needs.LOGIN)
async def token_runs_out(bench: Bench) -> Findings:
    """expires:N shortens a token's life; after it private calls give 13009 and private channels are gone."""
    async with bench.peer() as peer:
        granted = await bench.login(peer, f"connection expires:{_LIFE}")
        life = granted["expires_in"]
        if life > _LIFE:
            return {"expires": judged(False, f"asked for {_LIFE} s, granted {life}")}
        accepted = await peer.subscribe(*_PRIVATE, scope="private")
        await peer.listen(life + _GRACE)
        if peer.lost is not None:
            return {"channels": judged(False, f"the connection ended instead: {peer.lost}")}
        answer = await peer.call(READ, READ_PARAMS)
        left = await peer.unsubscribe(*accepted)
    return {
        "expires": judged(life == _LIFE, f"expires_in {life}"),
        "calls": judged(code_of(answer) == 13009, _outcome(answer)),
        "channels": judged(left == [], f"of {sorted(accepted)} still subscribed: {sorted(left)}"),
    }


@check("§4, §15", needs=Needs.LOGIN)
async def login_with_less_scope(bench: Bench) -> Findings:
    """A second login with less scope on one socket leaves running private channels subscribed."""
    async with bench.peer() as peer:
        await bench.login(peer, "connection account:read trade:read")
        accepted = await peer.subscribe(*_PRIVATE, scope="private")
        await bench.login(peer, "connection account:read trade:none")
        left = await peer.unsubscribe(*accepted)
    return judged(set(left) == set(accepted), f"of {sorted(accepted)} still subscribed: {sorted(left)}")


@check("§4, §15", needs=Needs.LOGIN)
async def session_restores_nothing(bench: Bench) -> Findings:
    """A new connection of a session begins with nothing: no channels, and no login of its own."""
    async with bench.peer() as peer:
        await bench.login(peer, f"session:{CHECK_SESSION}")
        await peer.subscribe(*_PRIVATE, _BOOK, scope="private")
        await peer.first_of(_BOOK)
    async with bench.peer() as peer:
        heard = await peer.listen(bench.span(_GRACE))
        left = await peer.unsubscribe(*_PRIVATE, _BOOK)
        call = await peer.call(READ, READ_PARAMS)
    return {
        "channels": judged(not heard and left == [], f"{len(heard)} frames, subscribed {left}"),
        "login": judged(code_of(call) == 13009, _outcome(call)),
    }


@check("§4, §14.6", needs=Needs.LOGIN)
async def session_survives_its_connection(bench: Bench) -> Findings:
    """The tokens of a named session are good after their connection has ended, also for a refresh."""
    async with bench.peer() as peer:
        tokens = await bench.login(peer, f"session:{CHECK_SESSION}")
    async with bench.peer() as peer:
        call = await peer.call(READ, {**READ_PARAMS, "access_token": tokens["access_token"]})
        refreshed = await peer.call("public/auth", _refresh(tokens["refresh_token"]))
    return {
        "call": judged("result" in call, _outcome(call)),
        "refresh": judged("result" in refreshed, _outcome(refreshed)),
    }


@check("§4, §14.6", needs=Needs.CONSENT)
async def seventeenth_session(bench: Bench) -> Findings:
    """A key has 16 sessions: the 17th removes the oldest, whose token is refused from then on."""
    async with bench.peer() as first, bench.peer() as rest:
        oldest = await bench.login(first, f"session:{CHECK_SESSION}_0")
        for number in range(1, 17):
            await bench.login(rest, f"session:{CHECK_SESSION}_{number}")
        call = await rest.call(READ, {**READ_PARAMS, "access_token": oldest["access_token"]})
        await first.listen(bench.span(_GRACE))
    ended = f"; its connection: {first.lost or 'open'}"
    if "result" in call:
        return undecided("the oldest is still there: other sessions may have been older" + ended)
    return confirmed(_outcome(call) + ended)


def _refresh(token: str) -> Message:
    return {"grant_type": "refresh_token", "refresh_token": token}


def _outcome(answer: Message) -> str:
    return "answered" if "result" in answer else told(answer)
