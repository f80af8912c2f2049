"""A check: a belief about the exchange, and the coroutine function that puts it to the test.

Knows: what belongs to a check. Must not know: how checks are run or told of. The modules of checks
decorate their functions with `check`; `catalogue` gathers them.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from tools.testnet.bench import Bench
from tools.testnet.verdicts import Findings, undecided

Act = Callable[[Bench], Awaitable[Findings]]


class Needs(Enum):
    """What a check can't do without."""

    NOTHING = "nothing"
    LOGIN = "a login"
    CONSENT = "a login and --orders"  # it places orders, logs out or crowds out sessions


@dataclass(frozen=True, slots=True)
class Check:
    """A belief and its test.

    `facts` names the section of the project's facts that says so, `takes` the seconds that pass by the
    nature of the thing, and `why_not` is set where no program can decide it.
    """

    name: str
    facts: str
    claim: str
    act: Act
    takes: float = 0.0
    needs: Needs = Needs.NOTHING
    why_not: str | None = None


def check(facts: str, *, takes: float = 0.0, needs: Needs = Needs.NOTHING) -> Callable[[Act], Check]:
    """Make a check of a function, named by it; the first line of its docstring is the claim."""

    def made(act: Act) -> Check:
        claim = (inspect.getdoc(act) or "").partition("\n")[0].rstrip(".")
        return Check(getattr(act, "__name__", "").replace("_", "-"), facts, claim, act, takes, needs)

    return made


def undecidable(name: str, facts: str, claim: str, why: str) -> Check:
    """A belief that stands open on purpose, with the reason."""

    async def act(_: Bench) -> Findings:
        return undecided(why)

    return Check(name, facts, claim, act, why_not=why)
