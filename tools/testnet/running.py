"""Runs checks: each with a bench and a deadline of its own, and turns whatever happens into findings.

Knows: which checks may run side by side. Must not know: what they check, or how it is told. Checks that
log in come one after another, since one login may end another's tokens; the rest share a few places.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deribit_ws import DeribitError
from tools.testnet.bench import Bench
from tools.testnet.checks import Check, Needs
from tools.testnet.verdicts import Finding, Undecided, undecided

_SIDE_BY_SIDE = 6  # checks without a login: far below the 32 connections of an address
_ROOM = 60.0  # seconds beyond those a check takes by its nature: dialling, answers that are late
_LISTENING = 30.0  # seconds that a check may listen at most


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a check: findings by name ("" for the only one), and the frames it saw."""

    check: Check
    findings: Mapping[str, Finding]
    seconds: float
    frames: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the user allows: whether to act, and how many seconds a check may take by its nature."""

    may_act: bool
    seconds: float


Tell = Callable[[Result], None]


async def run(
    checks: Iterable[Check], make_bench: Callable[[float], Bench], terms: Terms, tell: Tell
) -> None:
    """Run checks, the longest first, and tell of each as it ends; a cancelled run has told of those ended."""
    account, public = asyncio.Semaphore(1), asyncio.Semaphore(_SIDE_BY_SIDE)
    async with asyncio.TaskGroup() as group:
        for check in sorted(checks, key=lambda check: -check.takes):
            place = public if check.needs is Needs.NOTHING else account
            group.create_task(_in_turn(place, check, make_bench, terms, tell), name=f"check {check.name}")


async def _in_turn(
    place: asyncio.Semaphore, check: Check, make_bench: Callable[[float], Bench], terms: Terms, tell: Tell
) -> None:
    loop = asyncio.get_running_loop()
    async with place:
        bench = make_bench(min(terms.seconds, _LISTENING))
        began = loop.time()
        obstacle = _obstacle(check, bench, terms)
        findings = {"": undecided(obstacle)} if obstacle else await _findings(check, bench)
    tell(Result(check, findings, loop.time() - began, bench.evidence.frames()))


def _obstacle(check: Check, bench: Bench, terms: Terms) -> str | None:
    """Why a check can't be run, if it can't."""
    if check.needs is not Needs.NOTHING and bench.credentials is None:
        return "no credentials"
    if check.needs is Needs.CONSENT and not terms.may_act:
        return "it acts on the account, and --orders was not given"
    if check.takes > terms.seconds:
        return f"takes {check.takes:g} s, and --seconds allows {terms.seconds:g}"
    return None


async def _findings(check: Check, bench: Bench) -> Mapping[str, Finding]:
    limit = check.takes + _ROOM
    try:
        async with asyncio.timeout(limit):
            findings = await check.act(bench)
    except Undecided as why:
        findings = undecided(str(why))
    except DeribitError as error:
        findings = undecided(f"{type(error).__name__}: {error}")
    except TimeoutError:
        findings = undecided(f"no end within {limit:g} s")
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        # An answer of a shape the check did not expect: worth a look, but no verdict.
        findings = undecided(f"the check could not read what came: {type(error).__name__}: {error}")
    return {"": findings} if isinstance(findings, Finding) else findings
