"""Checks of logging in: proofs, scopes, and what a login lets its connection do.

Knows: public/auth and its grants. Must not know: how long tokens live (see `tokens`). All of them need
an API key; none changes anything of the account.
"""

import secrets
import time

from deribit_ws.auth.credentials import signature
from tools.testnet.bench import Bench
from tools.testnet.checks import Needs, check
from tools.testnet.peer import Message, code_of, told
from tools.testnet.verdicts import Findings, judged

READ = "private/get_positions"  # a read that says little of an account
READ_PARAMS = {"currency": "BTC"}
_FORBIDDEN = (13021, 11042)  # both are documented for a scope that lacks
_STALE = 75_000  # ms: more than the 60 s for which a signature's time is good


@check("§4, §14.6")
async def private_call_without_a_login(bench: Bench) -> Findings:
    """A private call without a login is answered by 13009."""
    async with bench.peer() as peer:
        answer = await peer.call(READ, READ_PARAMS)
    return judged(code_of(answer) == 13009, told(answer))


@check("§4", needs=Needs.LOGIN)
async def wrong_secret(bench: Bench) -> Findings:
    """A login with a wrong secret is answered by 13004."""
    async with bench.peer() as peer:
        answer = await peer.call("public/auth", {**bench.proof(), "client_secret": "wrong" * 8})
    return judged(code_of(answer) == 13004, told(answer))


@check("§4, §15", needs=Needs.LOGIN)
async def login_lifts_the_token(bench: Bench) -> Findings:
    """After a login in connection scope, private calls on that socket need no access_token."""
    async with bench.peer() as peer:
        await bench.login(peer, "connection")
        answer = await peer.call(READ, READ_PARAMS)
    return judged("result" in answer, "answered" if "result" in answer else told(answer))


@check("§4", needs=Needs.LOGIN)
async def default_scope(bench: Bench) -> Findings:
    """A login that names no scope is granted connection scope; state comes back as it was."""
    async with bench.peer() as peer:
        answer = await peer.call("public/auth", {**bench.proof(), "state": "seven"})
    result = answer.get("result") or {}
    words = result.get("scope", "").split()
    named = [word for word in words if word.startswith(("connection", "session"))]
    return {
        "scope": judged(named == ["connection"], result.get("scope") or told(answer)),
        "state": judged(result.get("state") == "seven", f"state {result.get('state')}"),
        "lifetime": judged(bool(result.get("expires_in")), f"expires_in {result.get('expires_in')}"),
        "kind": judged(result.get("token_type") == "bearer", f"fields {sorted(result)}"),
    }


@check("§4", needs=Needs.LOGIN)
async def signed_login(bench: Bench) -> Findings:
    """A login by signature is granted; its nonce is not good twice, nor is a time 75 s ago."""
    async with bench.peer() as peer:
        now = await peer.result("public/get_time")
        proof = _signed(bench, now)
        first = await peer.call("public/auth", proof)
        second = await peer.call("public/auth", proof)
        stale = await peer.call("public/auth", _signed(bench, now - _STALE))
    return {
        "granted": judged("result" in first, _outcome(first)),
        "again": judged(code_of(second) == 13004, _outcome(second)),
        "stale": judged(code_of(stale) == 13004, _outcome(stale)),
    }


@check("§4, §14.6", needs=Needs.LOGIN)
async def narrowed_scope(bench: Bench) -> Findings:
    """A login that asks for less is granted less, and a call beyond it is forbidden."""
    asked = "connection account:read trade:none wallet:none block_trade:none block_rfq:none"
    async with bench.peer() as peer:
        granted = (await bench.login(peer, asked))["scope"].split()
        inside = await peer.call("private/get_account_summary", {"currency": "BTC"})
        beyond = await peer.call("private/get_open_orders", {})
    return {
        "granted": judged("account:read" in granted and "trade:read_write" not in granted, " ".join(granted)),
        "inside": judged("result" in inside, _outcome(inside)),
        "beyond": judged(code_of(beyond) in _FORBIDDEN, _outcome(beyond)),
    }


@check("§4, §14.6", needs=Needs.LOGIN)
async def more_than_the_key_has(bench: Bench) -> Findings:
    """A scope the key does not have is left out of what is granted, without an error."""
    async with bench.peer() as peer:
        own = (await bench.login(peer))["scope"].split()
        wished = "connection trade:read_write wallet:read_write account:read_write block_trade:read_write"
        answer = await peer.call("public/auth", bench.proof(wished))
    granted = (answer.get("result") or {}).get("scope", "").split()
    beyond = sorted(set(granted) - set(own))
    return judged("result" in answer and not beyond, f"granted {' '.join(granted) or told(answer)}")


@check("§4", needs=Needs.LOGIN)
async def credentials_in_a_call(bench: Bench) -> Findings:
    """A token in access_token lets a private call through on a connection that is not logged in."""
    async with bench.peer() as home, bench.peer() as other:
        session = await bench.login(home, f"session:{CHECK_SESSION}")
        answer = await other.call(READ, {**READ_PARAMS, "access_token": session["access_token"]})
        without = await other.call(READ, READ_PARAMS)
    return {
        "with": judged("result" in answer, _outcome(answer)),
        "without": judged(code_of(without) == 13009, _outcome(without)),
    }


CHECK_SESSION = "deribit_ws_check"  # one name for all, so that one of the key's 16 sessions is all it takes


def _signed(bench: Bench, now_ms: int) -> Message:
    nonce = f"{secrets.token_hex(8)}{int(time.monotonic())}"
    return {
        "grant_type": "client_signature",
        "client_id": bench.key.client_id,
        "timestamp": now_ms,
        "nonce": nonce,
        "data": "",
        "signature": signature(bench.key.client_secret, now_ms, nonce),
        "scope": "connection",
    }


def _outcome(answer: Message) -> str:
    """An error as it came; of a result only that there was one, since it may be private."""
    return "answered" if "result" in answer else told(answer)
